/// The sentence of a refused value.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/error.hpp>

namespace cuecard {

/// "[2, 3]".
inline std::string shown(at::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

/// "Sparse".
inline std::string shown(at::Layout layout) {
  std::ostringstream text;
  text << layout;
  return text.str();
}

/// The guard adds the names of plugin, component and function.
[[noreturn]] inline void refuse(const std::string& what, const std::string& found,
                                const std::string& expected) {
  throw Error("it returned " + what + " " + found + "; expected " + expected);
}

} // namespace cuecard
