/// How functions of cuecard.h take their arguments and report errors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>

#include <cuecard/error.hpp>

#include "embedding/handles.hpp"

namespace cuecard::embedding {

/// Runs `action`; its exception becomes an error.
template <class Action>
cuecard_error* attempt(Action&& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (...) {
    return new (std::nothrow) cuecard_error{current_failure()};
  }
}

/// A copy of the caller's options as this version knows them: members that an older caller's struct lacks are 0.
template <class Struct>
Struct complete(const Struct* given, const char* function) {
  Struct options{};
  if (!given)
    return options;
  const std::size_t size = given->size;
  if (size < sizeof(std::size_t) || size > (std::size_t{1} << 16))
    throw UsageError(std::string(function) + ": the options' size is " + std::to_string(size) +
                     "; set it to the size of their struct.");
  std::memcpy(static_cast<void*>(&options), given, std::min(size, sizeof(Struct)));
  return options;
}

template <class T>
T or_default(T value, T otherwise) {
  return value == T{} ? otherwise : value;
}

inline void require(const void* pointer, const char* function, const char* what) {
  if (!pointer)
    throw UsageError(std::string(function) + ": " + what + " is NULL.");
}

} // namespace cuecard::embedding
