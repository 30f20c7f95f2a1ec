/// Describes a run. Stored with its results, so that they can be identified and reproduced.
#pragma once

#include "engine/model.hpp"
#include "host/output/json_line.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// The object `run` of the output of `train`, `eval` and `compare` (docs/json-output.md).
Json run_json(const Values& values, const Model& model);

} // namespace cuecard::host
