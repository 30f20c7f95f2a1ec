#include "data/task_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/formats/text_decoder.hpp"
#include "data/json_object.hpp"
#include "data/layout_json.hpp"
#include "data/text.hpp"
#include "files/strict_json.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard {

namespace {

using nlohmann::json;

constexpr int64_t max_seed = std::numeric_limits<uint32_t>::max();
constexpr std::size_t max_template_bytes = std::size_t{1} << 20;

constexpr int64_t max_column = 100000;

/// A column by name, or by number from 1; none for any other value.
std::optional<Column> column_from_json(const json& value) {
  if (value.is_string() && !value.get<std::string>().empty())
    return Column{value.get<std::string>(), 0};
  if (value.is_number_integer() && value >= 1 && value <= max_column)
    return Column{"", value.get<int64_t>()};
  return std::nullopt;
}

Column column(const JsonObject& object, const std::string& key) {
  const json& value = object.at(key);
  if (const std::optional<Column> found = column_from_json(value))
    return *found;
  if (!value.is_number_integer())
    object.refuse(key, "a column name or a column number (from 1)");
  return {"", object.integer(key, 1, max_column)}; // throws: out of range
}

std::optional<Column> optional_column(const JsonObject& object, const std::string& key) {
  return object.has(key) ? std::optional(column(object, key)) : std::nullopt;
}

std::map<std::string, Column> columns(const JsonObject& object, const std::string& key) {
  std::map<std::string, Column> result;
  if (object.has(key)) {
    const JsonObject names = object.object(key, {});
    for (const std::string& name : names.keys())
      result[name] = column(names, name);
  }
  return result;
}

/// One column that holds a list, or one column per alternative.
std::vector<Column> alternatives(const JsonObject& names, const std::string& name) {
  const json& value = names.at(name);
  if (!value.is_array())
    return {column(names, name)};
  std::vector<Column> result;
  for (const json& each : value) {
    const std::optional<Column> found = column_from_json(each);
    if (!found)
      names.refuse(name, "a list of column names or numbers (from 1)");
    result.push_back(*found);
  }
  if (result.size() < 2)
    names.refuse(name, "a list of two or more columns, or the name of one column that holds a list");
  return result;
}

void read_choices(const JsonObject& data, RecordLayout& layout) {
  if (!data.has("choices"))
    return;
  const JsonObject names = data.object("choices", {});
  for (const std::string& name : names.keys()) {
    if (layout.words.contains(name))
      names.refuse(name, "a name that \"data.words\" does not use as well");
    layout.choices[name] = alternatives(names, name);
  }
}

void read_columns(const JsonObject& data, TaskFile& task);

void read_data(const JsonObject& data, TaskFile& task) {
  const auto file = [&](const std::string& key) -> std::optional<std::filesystem::path> {
    return data.has(key) ? std::optional(task.resolved(data.text(key))) : std::nullopt;
  };
  task.train = file("train");
  task.dev = file("dev");
  task.test = file("test");
  read_columns(data, task);
}

void read_columns(const JsonObject& data, TaskFile& task) {
  if (data.has("format"))
    task.layout.format = format_of_name(data.choice_or("format", "", {"tsv", "csv", "jsonl", "conll"}));
  task.layout.header = data.flag_or("header", true);
  if (data.has("separator")) {
    task.layout.separator = parse_separator(data.text("separator"));
    if (!task.layout.separator)
      data.refuse("separator", "one character, \"tab\" or \"blank\"");
  }
  if (data.has("quotes"))
    task.layout.quotes = data.flag_or("quotes", true);
  task.layout.fields = columns(data, "fields");
  task.layout.words = columns(data, "words");
  task.layout.meta = columns(data, "meta");
  read_choices(data, task.layout);
  task.layout.label = optional_column(data, "label");
  if (data.has("label_separator")) {
    task.layout.label_separator = data.text("label_separator");
    if (task.layout.label_separator.empty())
      data.refuse("label_separator", "one or more characters");
  }
  task.layout.id = optional_column(data, "id");
  task.layout.answers = optional_column(data, "answers");
  task.layout.references = optional_column(data, "references");
  if (data.has("spans")) {
    const JsonObject spans = data.object("spans", {"field", "texts", "starts"});
    task.layout.spans = {spans.text("field"), column(spans, "texts"), column(spans, "starts")};
    if (task.layout.spans->field.empty())
      spans.refuse("field", "the name of a field");
  }
}

void read_split(const JsonObject& split, TaskFile& task) {
  if (task.dev)
    split.refuse("dev", "either \"split.dev\" or a \"data.dev\" file, not both");
  task.split.dev = split.number("dev", 0.001, 0.999);
  task.split.seed = static_cast<uint32_t>(split.integer_or("seed", 0, 0, max_seed));
}

SampleSize sample_size(const JsonObject& object, const std::string& parent) {
  const SampleSize size{object.integer_or("per_label", 0, 1, 1 << 30),
                        object.integer_or("total", 0, 1, 1 << 30)};
  if ((size.per_label > 0) == (size.total > 0))
    object.refuse(size.total > 0 ? "total" : "per_label", "exactly one of per_label and total in " + parent);
  return size;
}

void read_few_shot(const JsonObject& object, TaskFile& task) {
  TaskFewShot few_shot;
  few_shot.train = sample_size(object, "\"few_shot\"");
  few_shot.seed = static_cast<uint32_t>(object.integer_or("seed", 0, 0, max_seed));
  if (object.has("dev"))
    few_shot.dev = sample_size(object.object("dev", {"per_label", "total"}), "\"few_shot.dev\"");
  task.few_shot = few_shot;
}

/// A label name, or an object with the name, label words and raw values.
TaskLabel label(const json& value, const std::string& file, const std::string& path) {
  if (value.is_string() && !value.get<std::string>().empty())
    return {value.get<std::string>(), {}, {}};
  const JsonObject object(value, file, path, {"name", "words", "values"});
  TaskLabel result{object.text("name"), {}, {}};
  if (result.name.empty())
    object.refuse("name", "a non-empty string");
  if (object.has("words")) {
    result.words = object.texts("words");
    if (result.words.empty())
      object.refuse("words", "at least one word (omit the key to use the label name)");
    for (const std::string& word : result.words)
      if (trimmed(word).empty())
        object.refuse("words", "a list of words, none of them blank");
  }
  if (object.has("values")) {
    const json& values = object.at("values");
    if (!values.is_array())
      object.refuse("values", "a list of raw values from the data files");
    for (const json& raw : values) {
      if (raw.is_structured() || raw.is_null())
        object.refuse("values", "a list of strings, numbers or booleans");
      result.values.push_back(raw.is_string() ? raw.get<std::string>() : raw.dump());
    }
  }
  return result;
}

void read_multi_label(const JsonObject& root, TaskFile& task) {
  task.layout.multi_label = root.flag_or("multi_label", false);
  if (!task.layout.multi_label)
    return;
  if (!task.layout.words.empty())
    root.refuse("multi_label", "false, because \"data.words\" gives each word one label");
  const auto by_label = [](const SampleSize& size) { return size.per_label > 0; };
  if (task.few_shot &&
      (by_label(task.few_shot->train) || (task.few_shot->dev && by_label(*task.few_shot->dev))))
    root.refuse("few_shot", "\"total\" instead of \"per_label\", because with \"multi_label\" an example has "
                            "several labels or none");
}

void read_negative_label(const JsonObject& root, TaskFile& task) {
  task.negative_label = root.text("negative_label");
  std::vector<std::string> names;
  for (const TaskLabel& label : task.labels)
    names.push_back(label.name);
  if (!task.labels_from_data && std::find(names.begin(), names.end(), task.negative_label) == names.end()) {
    const std::string near = nearest(task.negative_label, names);
    root.refuse("negative_label",
                "the name of one of the labels" + (near.empty() ? "" : " (did you mean \"" + near + "\"?)"));
  }
}

void read_labels(const JsonObject& root, TaskFile& task) {
  const json& labels = root.at("labels");
  if (labels.is_string() && labels.get<std::string>() == "data") {
    if (!task.layout.label)
      root.refuse("labels", "a list of labels, or \"data\" with a column \"data.label\"");
    task.labels_from_data = true;
    return;
  }
  if (!labels.is_array())
    root.refuse("labels", "a list of labels, or \"data\"");
  for (std::size_t i = 0; i < labels.size(); ++i)
    task.labels.push_back(label(labels[i], task.file.string(), "labels[" + std::to_string(i) + "]"));
  try {
    LabelIndex{task.labels};
  } catch (const UsageError& error) {
    throw DataError(task.file.string() + ": " + error.what());
  }
}

std::string option_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

TaskComponent component(const JsonObject& object) {
  TaskComponent result;
  result.component = object.text_or("component", "manual");
  if (object.has("options")) {
    const JsonObject options = object.object("options", {});
    for (const std::string& name : options.keys()) {
      if (options.at(name).is_structured() || options.at(name).is_null())
        options.refuse(name, "a string, a number, true or false");
      result.set.emplace_back(name, option_text(options.at(name)));
    }
  }
  return result;
}

/// The whole file, or line number `line` of it (OpenPrompt's template files hold one template per line).
std::string template_from_file(const JsonObject& object, const TaskFile& task) {
  const std::filesystem::path path = task.resolved(object.text("file"));
  std::string text(without_byte_order_mark(read_text(path, max_template_bytes)));
  if (object.has("line")) {
    const int64_t line_number = object.integer("line", 1, 1 << 20);
    std::size_t begin = 0;
    for (int64_t at = 1; at < line_number && begin != std::string::npos; ++at) {
      begin = text.find('\n', begin);
      begin = begin == std::string::npos ? begin : begin + 1;
    }
    if (begin == std::string::npos || begin >= text.size())
      object.refuse("line", "a line number that exists in " + path.string());
    text = text.substr(begin, text.find('\n', begin) - begin);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

void read_template(const JsonObject& root, TaskFile& task) {
  if (root.at("template").is_string()) {
    task.template_text = root.text("template");
  } else {
    if (!root.at("template").is_object())
      root.refuse("template", "a string or an object");
    const JsonObject object = root.object("template", {"text", "file", "line", "component", "options"});
    const bool has_text = object.has("text"), has_file = object.has("file");
    if (has_text && has_file)
      object.refuse("file", "exactly one of \"text\" and \"file\"");
    if (object.has("line") && !has_file)
      object.refuse("line", "\"line\" only together with \"file\"");
    task.prompt_template = component(object);
    if (!has_text && !has_file) {
      if (object.has("component")) // one whose text is not set by tasks; whether it is so, only its plugin says
        return;
      object.refuse("text", "exactly one of \"text\" and \"file\"");
    }
    task.template_text = has_text ? object.text("text") : template_from_file(object, task);
  }
  if (task.template_text.empty())
    root.refuse("template", "a non-empty template");
}

/// The component's name, or an object with name and options.
void read_verbalizer(const JsonObject& root, TaskFile& task) {
  const json& verbalizer = root.at("verbalizer");
  if (verbalizer.is_string() && !verbalizer.get<std::string>().empty())
    task.verbalizer.component = verbalizer.get<std::string>();
  else if (verbalizer.is_object())
    task.verbalizer = component(root.object("verbalizer", {"component", "options"}));
  else
    root.refuse("verbalizer", "the name of a verbalizer or an object");
}

std::string metric(const JsonObject& root) {
  if (!root.has("metric"))
    return "";
  const std::string name = root.text("metric");
  const std::vector<std::string>& known = metric_names();
  if (std::find(known.begin(), known.end(), name) != known.end())
    return name;
  std::string list;
  for (const std::string& each : known)
    list += (list.empty() ? "" : ", ") + each;
  const std::string near = nearest(name, known);
  root.refuse("metric", "one of " + list + (near.empty() ? "" : " (did you mean \"" + near + "\"?)"));
}

} // namespace

std::filesystem::path TaskFile::resolved(const std::string& relative) const {
  return (file.parent_path() / relative).lexically_normal();
}

RecordLayout layout_of_json(const JsonObject& data) {
  TaskFile task;
  read_columns(data, task);
  return task.layout;
}

TaskFile parse_task_file(const std::string& text, const std::filesystem::path& path) {
  const json document = parse_json(text, path.string(), {std::size_t{1} << 20, 16});
  const JsonObject root(document, path.string(), "",
                        {"$schema", "name", "data", "split", "few_shot", "labels", "multi_label",
                         "negative_label", "template", "verbalizer", "max_length", "truncate", "metric"});
  TaskFile task;
  task.file = path;
  task.name = root.text_or("name", path.stem().string());
  if (task.name.empty())
    root.refuse("name", "a non-empty string");
  if (root.has("data"))
    read_data(root.object("data", {"train", "dev", "test", "format", "header", "separator", "quotes", "fields",
                                   "words", "meta", "choices", "label", "label_separator", "id", "answers",
                                   "references", "spans"}),
              task);
  if (root.has("split"))
    read_split(root.object("split", {"dev", "seed"}), task);
  if (root.has("few_shot"))
    read_few_shot(root.object("few_shot", {"per_label", "total", "seed", "dev"}), task);
  if (root.has("labels"))
    read_labels(root, task);
  read_multi_label(root, task);
  if (root.has("negative_label"))
    read_negative_label(root, task);
  read_template(root, task);
  if (root.has("verbalizer"))
    read_verbalizer(root, task);
  task.max_length = root.integer_or("max_length", 0, 1, 1 << 24);
  task.truncate = root.choice_or("truncate", "tail", {"tail", "head", "balanced", "windows"});
  task.metric = metric(root);
  return task;
}

TaskFile read_task_file(const std::filesystem::path& path) {
  return parse_task_file(read_text(path, std::size_t{1} << 20), path);
}

} // namespace cuecard
