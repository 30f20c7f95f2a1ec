/// What a person sees of an error: one line on standard error, and the exit code.
#pragma once

#include <exception>
#include <iostream>
#include <new>
#include <string>

#include <cuecard/error.hpp>

#include "registry/guard.hpp"

namespace cuecard::host {

constexpr int exit_interrupted = 130;

/// Line ends become spaces, so that an error is one line, and so do other control characters: sentences quote
/// names from foreign files, and a terminal obeys what stands in them.
inline std::string one_line(std::string text) {
  for (char& c : text)
    c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return text;
}

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
