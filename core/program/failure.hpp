/// Reports an exception to the user: one line on standard error, and the exit code.
#pragma once

#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include <cuecard/error.hpp>

#include "program/one_line.hpp"
#include "registry/guard.hpp"

namespace cuecard::host {

constexpr int exit_interrupted = 130;
constexpr int exit_usage = 2;
/// For a DataError, and for `train` if it ended early without a PluginError or its card had to be saved elsewhere.
constexpr int exit_data = 3;
/// For a PluginError, and for `train` if one ended it early.
constexpr int exit_plugin = 4;
/// `predict`, `fill`, `generate` and `render` finished, but some rows could not be processed.
constexpr int exit_rows_failed = 5;

inline int exit_code_of(Error::Kind kind) {
  switch (kind) {
  case Error::Kind::usage:
    return exit_usage;
  case Error::Kind::data:
    return exit_data;
  case Error::Kind::plugin:
    return exit_plugin;
  case Error::Kind::cancelled:
    return exit_interrupted;
  case Error::Kind::other:
    break;
  }
  return 1;
}

inline int exit_code_of(const Error& error) {
  return exit_code_of(error.kind());
}

/// Drops the final full stop, so that the text can end another sentence.
inline std::string without_full_stop(std::string text) {
  if (text.ends_with('.'))
    text.pop_back();
  return text;
}

/// The text as a sentence: plugins and parsers may leave its end to their caller.
inline std::string with_full_stop(std::string text) {
  if (!text.empty() && std::string_view(".?!").find(text.back()) == std::string_view::npos)
    text += '.';
  return text;
}

/// Prints the current exception and returns its exit code. Call it inside a catch block.
inline int report_failure() {
  const auto print = [](const std::string& text) { std::cerr << "cuecard: " << text << std::endl; };
  try {
    throw;
  } catch (const Cancelled&) {
    return exit_interrupted;
  } catch (const Error& error) {
    print(with_full_stop(one_line(error.what())));
    return exit_code_of(error);
  } catch (const std::bad_alloc&) {
    print("out of memory.");
  } catch (const std::exception& error) {
    print("unexpected error: " + registry::sentence_of(error.what()));
  } catch (...) {
    print("unexpected error.");
  }
  return 1;
}

} // namespace cuecard::host
