/// docs/task.schema.json and the task file parser accept the same documents and the same keys.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/task_file.hpp"

using namespace cuecard;
using nlohmann::json;

namespace {

json schema() {
  std::ifstream file(CUECARD_SOURCE_DIR "/docs/task.schema.json");
  REQUIRE(file.is_open());
  return json::parse(file);
}

bool has_type(const json& value, const std::string& type) {
  return type == "object"    ? value.is_object()
         : type == "array"   ? value.is_array()
         : type == "string"  ? value.is_string()
         : type == "boolean" ? value.is_boolean()
         : type == "integer" ? value.is_number_integer()
                             : value.is_number();
}

/// The subset of JSON Schema 2020-12 that this schema uses; an unsupported keyword fails the test.
class Validator {
public:
  explicit Validator(const json& root) : root_(root) {}

  bool accepts(const json& value) const { return accepts(value, root_); }

private:
  static std::vector<json> list_of(const json& one_or_many) {
    return one_or_many.is_array() ? one_or_many.get<std::vector<json>>() : std::vector<json>{one_or_many};
  }

  const json& target(const json& reference) const {
    return root_.at(json::json_pointer(reference.get<std::string>().substr(1)));
  }

  /// Whether `node`, or a schema that it references, declares `key`.
  bool declares(const json& node, const std::string& key) const {
    if (node.contains("properties") && node.at("properties").contains(key))
      return true;
    if (node.contains("$ref"))
      return declares(target(node.at("$ref")), key);
    const json all = node.value("allOf", json::array());
    return std::any_of(all.begin(), all.end(), [&](const json& part) { return declares(part, key); });
  }

  bool accepts_members(const json& value, const json& node, const json& rest) const {
    for (const auto& [key, member] : value.items()) {
      if (declares(node, key))
        continue;
      if (rest.is_boolean() ? !rest.get<bool>() : !accepts(member, rest))
        return false;
    }
    return true;
  }

  bool accepts(const json& value, const json& node) const {
    for (const auto& [keyword, rule] : node.items())
      if (!satisfies(value, node, keyword, rule))
        return false;
    return true;
  }

  bool satisfies(const json& value, const json& node, const std::string& keyword, const json& rule) const {
    const auto fits = [&](const json& part) { return accepts(value, part); };
    if (keyword == "$schema" || keyword == "$defs" || keyword == "title" || keyword == "description" ||
        keyword == "default")
      return true;
    if (keyword == "$ref")
      return accepts(value, target(rule));
    if (keyword == "type") {
      const std::vector<json> types = list_of(rule);
      return std::any_of(types.begin(), types.end(), [&](const json& type) { return has_type(value, type); });
    }
    if (keyword == "enum")
      return std::find(rule.begin(), rule.end(), value) != rule.end();
    if (keyword == "oneOf")
      return std::count_if(rule.begin(), rule.end(), fits) == 1;
    if (keyword == "allOf")
      return std::all_of(rule.begin(), rule.end(), fits);
    if (keyword == "not")
      return !fits(rule);
    if (keyword == "required")
      return std::all_of(rule.begin(), rule.end(),
                         [&](const json& key) { return !value.is_object() || value.contains(key); });
    if (keyword == "minLength")
      return !value.is_string() || value.get<std::string>().size() >= rule.get<std::size_t>();
    if (keyword == "minimum")
      return !value.is_number() || value.get<double>() >= rule.get<double>();
    if (keyword == "maximum")
      return !value.is_number() || value.get<double>() <= rule.get<double>();
    if (keyword == "items")
      return !value.is_array() ||
             std::all_of(value.begin(), value.end(), [&](const json& item) { return accepts(item, rule); });
    if (keyword == "uniqueItems")
      return !value.is_array() || std::set<json>(value.begin(), value.end()).size() == value.size();
    if (keyword == "pattern")
      return !value.is_string() ||
             std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    if (keyword == "minItems")
      return !value.is_array() || value.size() >= rule.get<std::size_t>();
    if (keyword == "properties") {
      for (const auto& [key, part] : rule.items())
        if (value.is_object() && value.contains(key) && !accepts(value.at(key), part))
          return false;
      return true;
    }
    if (keyword == "additionalProperties" || keyword == "unevaluatedProperties")
      return !value.is_object() || accepts_members(value, node, rule);
    FAIL("unsupported schema keyword: " << keyword);
    return false;
  }

  const json root_;
};

std::string error_of(const json& task) {
  try {
    parse_task_file(task.dump(), "task.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

/// A task file with every key of the schema.
const char* const complete_task = R"({
  "$schema": "task.schema.json", "name": "topics",
  "data": {"train": "a.csv", "dev": "b.csv", "test": "c.csv", "format": "csv", "header": false, "separator": ";", "quotes": true,
           "fields": {"title": "title", "body": 2}, "words": {"w": 3}, "meta": {"who": "entity"},
           "choices": {"ends": ["e1", 6], "list": "list"},
           "label": "label", "id": 4, "answers": "answer",
           "spans": {"field": "body", "texts": "answers.text", "starts": "answers.answer_start"}},
  "few_shot": {"per_label": 16, "seed": 7, "dev": {"total": 20}},
  "labels": ["world", {"name": "sports", "words": ["sports"], "values": [2, "S", true]}],
  "template": {"text": "{title}", "component": "manual", "options": {"a": 3, "b": true, "c": "x"}},
  "verbalizer": {"component": "manual", "options": {"strength": 0.5}},
  "max_length": 128, "truncate": "balanced", "metric": "accuracy"})";

/// `change` is applied to the file above; schema and parser must both give `valid`.
struct Case {
  const char* what;
  std::function<void(json&)> change;
  bool valid;
};

} // namespace

TEST_CASE("the documented task files satisfy the schema") {
  std::ifstream file(CUECARD_SOURCE_DIR "/docs/task-files.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str(), open = "```json\n";
  const Validator validator(schema());
  int blocks = 0;
  for (std::size_t at = text.find(open); at != text.npos; at = text.find(open, at)) {
    at += open.size();
    const json task = json::parse(text.substr(at, text.find("```", at) - at));
    if (task.size() == 1 && task.contains("$schema"))
      continue; // only shows how to reference the schema
    CHECK_MESSAGE(validator.accepts(task), task.dump());
    ++blocks;
  }
  CHECK(blocks == 9);
}

TEST_CASE("schema and parser accept the same documents") {
  const Validator validator(schema());
  const json complete = json::parse(complete_task);
  const std::vector<Case> cases = {
      {"the complete file", [](json&) {}, true},
      {"a short template", [](json& task) { task["template"] = "x"; }, true},
      {"labels by name alone",
       [](json& task) {
         task["labels"] = {"a", "b"};
       },
       true},
      {"labels inferred from data", [](json& task) { task["labels"] = "data"; }, true},
      {"labels from an unknown source", [](json& task) { task["labels"] = "file"; }, false},
      {"a split",
       [](json& task) {
         task["data"].erase("dev");
         task["split"] = {{"dev", 0.25}, {"seed", 3}};
       },
       true},
      {"a sample by total",
       [](json& task) {
         task["few_shot"] = {{"total", 8}, {"dev", {{"per_label", 2}}}};
       },
       true},
      {"no template", [](json& task) { task.erase("template"); }, false},
      {"an empty template", [](json& task) { task["template"] = ""; }, false},
      {"a template component without text", [](json& task) { task["template"].erase("text"); }, true},
      {"a template without text and component",
       [](json& task) {
         task["template"].erase("text");
         task["template"].erase("component");
       },
       false},
      {"a line of no file",
       [](json& task) {
         task["template"].erase("text");
         task["template"]["line"] = 2;
       },
       false},
      {"two templates", [](json& task) { task["template"]["file"] = "t.txt"; }, false},
      {"an empty name", [](json& task) { task["name"] = ""; }, false},
      {"a name that is a number", [](json& task) { task["name"] = 1; }, false},
      {"a column zero", [](json& task) { task["data"]["label"] = 0; }, false},
      {"a column that is a boolean", [](json& task) { task["data"]["fields"]["title"] = true; }, false},
      {"a list of one column", [](json& task) { task["data"]["choices"]["ends"] = {"e1"}; }, false},
      {"a list with no column",
       [](json& task) {
         task["data"]["choices"]["ends"] = {"e1", 0};
       },
       false},
      {"alternatives that are not a column", [](json& task) { task["data"]["choices"]["list"] = true; }, false},
      {"spans without start offsets", [](json& task) { task["data"]["spans"].erase("starts"); }, false},
      {"spans without a field", [](json& task) { task["data"]["spans"]["field"] = ""; }, false},
      {"an unknown format", [](json& task) { task["data"]["format"] = "xml"; }, false},
      {"a header that is a string", [](json& task) { task["data"]["header"] = "yes"; }, false},
      {"both sample sizes", [](json& task) { task["few_shot"]["total"] = 3; }, false},
      {"no sample size", [](json& task) { task["few_shot"].erase("per_label"); }, false},
      {"a negative seed", [](json& task) { task["few_shot"]["seed"] = -1; }, false},
      {"a split fraction above 1",
       [](json& task) {
         task["data"].erase("dev");
         task["split"] = {{"dev", 1.5}};
       },
       false},
      {"words that are a single string", [](json& task) { task["labels"][1]["words"] = "w"; }, false},
      {"words that are none", [](json& task) { task["labels"][1]["words"] = json::array(); }, false},
      {"an empty word", [](json& task) { task["labels"][1]["words"] = {""}; }, false},
      {"a separator by name", [](json& task) { task["data"]["separator"] = "tab"; }, true},
      {"a separator of two characters", [](json& task) { task["data"]["separator"] = "::"; }, false},
      {"a separator that quotes", [](json& task) { task["data"]["separator"] = "\""; }, false},
      {"quotes that are a string", [](json& task) { task["data"]["quotes"] = "yes"; }, false},
      {"a label without name", [](json& task) { task["labels"][1].erase("name"); }, false},
      {"a value that is a list", [](json& task) { task["labels"][1]["values"] = {json::array()}; }, false},
      {"an option that is null", [](json& task) { task["verbalizer"]["options"]["x"] = nullptr; }, false},
      {"a verbalizer by name", [](json& task) { task["verbalizer"] = "head"; }, true},
      {"a verbalizer without a name", [](json& task) { task["verbalizer"] = ""; }, false},
      {"a verbalizer that is a number", [](json& task) { task["verbalizer"] = 5; }, false},
      {"a length of zero", [](json& task) { task["max_length"] = 0; }, false},
      {"an unknown truncation", [](json& task) { task["truncate"] = "middle"; }, false},
      {"an unknown metric", [](json& task) { task["metric"] = "f1"; }, false},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    json task = complete;
    one.change(task);
    CAPTURE(error_of(task));
    CHECK(error_of(task).empty() == one.valid);
    CHECK(validator.accepts(task) == one.valid);
  }
}

TEST_CASE("schema and parser know the same keys at every level") {
  const json root = schema();
  const Validator validator(root);
  json complete = json::parse(complete_task);
  complete["data"].erase("dev"); // not allowed with a split
  complete["split"] = {{"dev", 0.5}, {"seed", 1}};
  REQUIRE(error_of(complete).empty());
  REQUIRE(validator.accepts(complete));
  // The schema nodes that list the keys of each level.
  const json& sample = root.at("$defs").at("sample");
  const std::vector<std::pair<std::string, std::vector<json>>> levels = {
      {"", {root}},
      {"/data", {root.at("properties").at("data")}},
      {"/split", {root.at("properties").at("split")}},
      {"/few_shot", {root.at("properties").at("few_shot"), sample}},
      {"/few_shot/dev", {sample}},
      {"/labels/1", {root.at("/properties/labels/oneOf/1/items/oneOf/1"_json_pointer)}},
      {"/template", {root.at("/properties/template/oneOf/1"_json_pointer)}},
      {"/verbalizer", {root.at("/properties/verbalizer/oneOf/1"_json_pointer)}}};
  for (const auto& [pointer, nodes] : levels) {
    CAPTURE(pointer);
    std::vector<std::string> listed;
    for (const json& node : nodes)
      for (const auto& [key, part] : node.at("properties").items())
        listed.push_back(key);
    std::sort(listed.begin(), listed.end());

    json unknown = complete;
    unknown[json::json_pointer(pointer)]["zzzzzzzz"] =
        1; // similar to no known key, so that the error lists them all
    CHECK(!validator.accepts(unknown));
    const std::string error = error_of(unknown), prefix = "Known keys: ";
    CAPTURE(error);
    REQUIRE(error.find(prefix) != error.npos);
    std::stringstream names(error.substr(error.find(prefix) + prefix.size()));
    std::vector<std::string> known;
    for (std::string name; std::getline(names >> std::ws, name, ',');)
      known.push_back(name.substr(0, name.find('.')));
    std::sort(known.begin(), known.end());
    CHECK(known == listed);
  }
}
