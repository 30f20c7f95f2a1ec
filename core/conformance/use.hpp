/// Typical use of a component of any kind.
#pragma once

#include <string>

#include "conformance/case.hpp"

namespace cuecard::conformance {

/// Trains the planted task for two steps and predicts it, with the component in its place, on the tiny model of each family, or,
/// a backbone, on its own. Returns for_each_model's remarks.
std::string use(const Subject& subject);

/// The same with other components: what a process looks like after any use.
void use_without(const Subject& subject);

/// Uses one object on `count` threads where its interface says that it may, and compares with the results of one thread.
std::string use_on_threads(const Subject& subject, int count);

/// The case "errors".
std::string errors_are_sentences(const Subject& subject);

} // namespace cuecard::conformance
