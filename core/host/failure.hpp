/// What a person sees of an error: one line on standard error, and the exit code.
#pragma once

#include <exception>
#include <iostream>
#include <new>
#include <string>

#include <cuecard/error.hpp>

#include "host/one_line.hpp"
#include "registry/guard.hpp"

namespace cuecard::host {

constexpr int exit_interrupted = 130;

/// A sentence as the end of another.
inline std::string without_stop(std::string text) {
  if (text.ends_with('.'))
    text.pop_back();
  return text;
}

/// Prints the exception that is being handled and returns its exit code. Call it inside a catch block.
inline int report_failure() {
  const auto print = [](const std::string& text) { std::cerr << "cuecard: " << text << std::endl; };
  try {
    throw;
  } catch (const Cancelled&) {
    return exit_interrupted;
  } catch (const Error& error) {
    print(one_line(error.what()));
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    print("there is not enough memory for this.");
  } catch (const std::exception& error) {
    print("something unforeseen happened: " + registry::sentence_of(error.what()));
  } catch (...) {
    print("something unforeseen happened.");
  }
  return 1;
}

} // namespace cuecard::host
