/// Typical use of a component of any kind.
#pragma once

#include <string>

#include "conformance/case.hpp"

namespace cuecard::conformance {

/// Trains on the planted task for two steps and predicts, with the component in the pipeline, on the tiny model of each family;
/// a backbone is used with its own tiny model. Returns for_each_model's remarks.
std::string use(const Subject& subject);

/// The same with other components, for the state of a process after any use.
void use_without(const Subject& subject);

/// Uses one object on `count` threads where its interface allows it, and compares the results with those of one thread.
std::string use_on_threads(const Subject& subject, int count);

/// The case "errors".
std::string errors_are_sentences(const Subject& subject);

} // namespace cuecard::conformance
