/// Cases of tuners with a file of their own, and what they share.
#pragma once

#include <string>

#include "conformance/case.hpp"

namespace cuecard::conformance {

inline bool trains_by_gradient(const Subject& subject) {
  return subject.info().trains == CUECARD_TRAINS_TENSORS || subject.info().trains == CUECARD_TRAINS_WEIGHTS;
}

std::string tuner_memory(const Subject& subject);
std::string tuner_dtype(const Subject& subject);

} // namespace cuecard::conformance
