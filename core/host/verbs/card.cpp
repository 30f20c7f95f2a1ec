#include <algorithm>
#include <string>
#include <vector>

#include "card/card.hpp"
#include "data/layout_json.hpp"
#include "host/output/card_choices.hpp"
#include "host/output/json_line.hpp"
#include "host/output/table.hpp"
#include "host/verbs/verbs.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

Json component_json(const CardComponent& component) {
  return {{"plugin", component.plugin},
          {"plugin_version", component.plugin_version},
          {"component", component.component},
          {"options", options_json(component.options)}};
}

Json tensors_json(const Card& card) {
  Json list = Json::array();
  const auto add = [&](const std::string& owner, const TensorMap& tensors) {
    for (const auto& [name, tensor] : tensors)
      list.push_back({{"name", owner + "." + name}, {"shape", tensor.sizes().vec()}});
  };
  add("tuner", card.tuner_state.tensors);
  add("verbalizer", card.verbalizer_state.tensors);
  add("template", card.template_state.tensors);
  return list;
}

Json as_json(const Card& card, const std::string& path) {
  Json metrics = Json::array();
  for (const CardMetric& metric : card.metrics)
    metrics.push_back({{"name", metric.name},
                       {"value", finite(metric.value)},
                       {"ci95", {finite(metric.low), finite(metric.high)}},
                       {"n", metric.n},
                       {"file", metric.file},
                       {"data_sha256", metric.data_sha256}});
  Json sizes = Json::object();
  for (const auto& [key, value] : card.backbone.sizes)
    sizes[key] = value;
  Json tmpl = component_json(card.prompt_template);
  tmpl["source"] = card.template_source;
  Json data;
  if (card.columns) {
    data = json_of_layout(*card.columns);
    data["label_values"] = card.label_values;
  }
  Json verbalizer = component_json(card.verbalizer);
  verbalizer["fit_failure"] = card.verbalizer_failure.empty() ? Json() : Json(card.verbalizer_failure);
  return {{"card", card.name},
          {"path", path},
          {"created_by", card.created_by},
          {"backbone",
           {{"family", card.backbone.family},
            {"sizes", sizes},
            {"source", card.backbone.source},
            {"weights_sha256", card.backbone.weights_sha256},
            {"tokenizer_sha256", card.backbone.tokenizer_sha256}}},
          {"template", tmpl},
          {"verbalizer", verbalizer},
          {"tuner", component_json(card.tuner)},
          {"labels", card.labels},
          {"label_words", card.label_words},
          {"multi_label", card.multi_label},
          {"negative_label", card.negative_label.empty() ? Json() : Json(card.negative_label)},
          {"data", data},
          {"training",
           {{"steps", card.training.steps},
            {"best_step", card.training.best_step},
            {"seconds", card.training.seconds},
            {"examples", card.training.examples},
            {"settings", options_json(card.training.settings)}}},
          {"metrics", metrics},
          {"seed", card.seed},
          {"tensors", tensors_json(card)}};
}

/// An option's value. Of a long list without blanks, such as the names of weights that an import sets, the first ones and the
/// number.
std::string short_value(const Json& value) {
  constexpr std::ptrdiff_t most = 8, shown = 3;
  if (!value.is_string())
    return value.dump();
  const std::string text = value.get<std::string>();
  const std::ptrdiff_t items = std::ranges::count(text, ',') + 1;
  if (items <= most || text.find(' ') != std::string::npos)
    return text;
  std::size_t end = 0;
  for (std::ptrdiff_t item = 0; item < shown; ++item)
    end = text.find(',', end) + 1;
  return text.substr(0, end) + "... (" + std::to_string(items) + ")";
}

std::string short_options(const Json& options) {
  std::string text;
  for (const auto& [name, value] : options.items())
    if (name != "text") // the template's text has its own line
      text += (text.empty() ? "  " : ", ") + name + "=" + short_value(value);
  return text;
}

/// "text = sentence, label = gold, no header".
std::string columns_text(const Json& data) {
  const auto shown = [](const Json& column) {
    return column.is_string() ? column.get<std::string>() : column.dump();
  };
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (const auto& [key, value] : data.items()) {
    if (key == "fields" || key == "words" || key == "meta" || key == "choices")
      for (const auto& [name, column] : value.items())
        add((key == "meta" ? "meta." : "") + name + " = " + shown(column));
    else if (key != "label_values" && key != "header" && key != "quotes" && key != "spans")
      add(key + " = " + shown(value));
  }
  if (data.contains("header"))
    add("no header");
  return text;
}

/// Whether `left` comes before `right` for a reader: "layer.2" before "layer.10".
bool in_natural_order(const std::string& left, const std::string& right) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto number = [&](const std::string& text, std::size_t& at) { // without leading zeros
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    const std::size_t begin = std::min(text.find_first_not_of('0', at), end);
    at = end;
    return text.substr(begin, end - begin);
  };
  std::size_t i = 0, j = 0;
  while (i < left.size() && j < right.size()) {
    if (digit(left[i]) && digit(right[j])) {
      const std::string one = number(left, i), other = number(right, j);
      if (one.size() != other.size())
        return one.size() < other.size();
      if (one != other)
        return one < other;
    } else if (left[i] != right[j]) {
      return left[i] < right[j];
    } else {
      ++i;
      ++j;
    }
  }
  return left.size() - i < right.size() - j;
}

/// The first tensors by name, and how many there are with how many numbers.
template <class Line>
void print_tensors(const Json& tensors, const Line& line) {
  constexpr std::size_t shown = 8;
  std::vector<Json> sorted(tensors.begin(), tensors.end());
  std::ranges::stable_sort(sorted, in_natural_order,
                           [](const Json& tensor) { return tensor["name"].get<std::string>(); });
  int64_t numbers = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    int64_t count = 1;
    for (const Json& size : sorted[i]["shape"])
      count *= size.get<int64_t>();
    numbers += count;
    if (i < shown)
      line("tensor", sorted[i]["name"].get<std::string>() + " " + sorted[i]["shape"].dump());
  }
  if (sorted.size() > shown)
    line("", "and " + std::to_string(sorted.size() - shown) + " more; --json lists all");
  if (!sorted.empty())
    line("tensors", std::to_string(sorted.size()) + " with " + std::to_string(numbers) + " numbers");
}

/// What the card's state comes from: an adapter, or training.
std::string origin_text(const Json& card) {
  const Json& training = card["training"];
  const Json& settings = training["settings"];
  if (settings.contains("imported-from")) {
    const std::string base = settings.contains("base-model") ? settings["base-model"].get<std::string>() : "";
    return "from " + settings["imported-from"].get<std::string>() +
           (base.empty() ? "" : ", base model " + base);
  }
  return training["steps"].dump() + (training["steps"] == 1 ? " step" : " steps") + " on " +
         training["examples"].dump() + (training["examples"] == 1 ? " example in " : " examples in ") +
         rounded(training["seconds"].get<double>(), 1) + " s, seed " + card["seed"].dump();
}

void print(const Json& card) {
  const auto line = [](const std::string& name, const std::string& text) {
    std::cout << name << std::string(14 - name.size(), ' ') << one_line(text) << '\n';
  };
  const auto component = [&](const char* kind) {
    const Json& about = card[kind];
    line(kind, about["plugin"].get<std::string>() + "/" + about["component"].get<std::string>() + " " +
                   about["plugin_version"].get<std::string>() + short_options(about["options"]));
  };
  line("card", card["card"]);
  line("created by", card["created_by"]);
  line("for model", card["backbone"]["family"].get<std::string>() + " (" +
                        card["backbone"]["source"].get<std::string>() + ", weights " +
                        card["backbone"]["weights_sha256"].get<std::string>().substr(0, 12) + ")");
  line("text", card["template"]["source"]);
  component("template");
  component("verbalizer");
  if (const Json& failure = card["verbalizer"]["fit_failure"]; !failure.is_null())
    line("", "not fitted after training: " + failure.get<std::string>());
  component("tuner");
  std::string labels;
  for (const Json& label : card["labels"])
    labels += (labels.empty() ? "" : ", ") + label.get<std::string>();
  line("labels", labels + (card["multi_label"].get<bool>() ? " (any number of them)" : ""));
  if (!card["negative_label"].is_null())
    line("negative", card["negative_label"]);
  if (!card["data"].is_null())
    line("columns", columns_text(card["data"]));
  print_tensors(card["tensors"], line);
  line(card["training"]["settings"].contains("imported-from") ? "imported" : "trained", origin_text(card));
  for (const Json& metric : card["metrics"])
    line(metric["name"], (metric["value"].is_null() ? "unknown" : percent(metric["value"].get<double>())) +
                             " on " + metric["n"].dump() +
                             (metric["n"] == 1 ? " example of " : " examples of ") +
                             metric["file"].get<std::string>());
}

} // namespace

int card_info(const Values& values) {
  const Json info = as_json(read_card(values.text("card")), values.text("card"));
  if (values.given("json"))
    print_line(info);
  else
    print(info);
  return 0;
}

} // namespace cuecard::host
