/// The columns of data files as JSON: the keys of "data" in a task file that say how files are read. Cards keep them.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "data/record_layout.hpp"

namespace cuecard {

class JsonObject;

/// The keys that `layout_of_json` reads.
const std::vector<std::string>& layout_keys();

/// Throws DataError with the key's path, the value found and the value expected.
RecordLayout layout_of_json(const JsonObject& data);

/// The inverse: what differs from a layout without columns.
nlohmann::ordered_json json_of_layout(const RecordLayout& layout);

} // namespace cuecard
