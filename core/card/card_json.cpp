#include "card/card_json.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "card/card_fields.hpp"
#include "card/position_conventions.hpp"
#include "data/json_object.hpp"
#include "data/layout_json.hpp"
#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// The values of `position_convention` that training writes; those of version 1 were others.
constexpr std::string_view position_conventions[] = {all_positions_count, prefixes_do_not_count};

constexpr JsonLimits limits{.bytes = std::size_t{16} << 20, .depth = 16};

// From a card to JSON.

ordered_json options_json(const Options& options, const std::string& of) {
  ordered_json object = ordered_json::object();
  for (const auto& [name, value] : options.values()) {
    if (const double* number = std::get_if<double>(&value); number && !std::isfinite(*number))
      throw DataError("the card's " + of + " \"" + name +
                      "\" is not a finite number, which a card can't hold.");
    object[name] = std::visit([](const auto& typed) { return ordered_json(typed); }, value);
  }
  return object;
}

ordered_json component_json(const CardComponent& component) {
  return {{"plugin", component.plugin},
          {"plugin_version", component.plugin_version},
          {"component", component.component},
          {"options", options_json(component.options, "option")}};
}

ordered_json number_or_null(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json metric_json(const CardMetric& metric) {
  return {{"name", metric.name},
          {"value", number_or_null(metric.value)},
          {"ci95", ordered_json::array({number_or_null(metric.low), number_or_null(metric.high)})},
          {"n", metric.n},
          {"data_sha256", metric.data_sha256},
          {"file", metric.file}};
}

ordered_json data_json(const Card& card) {
  ordered_json object = json_of_layout(*card.columns);
  if (!card.label_values.empty())
    object["label_values"] = card.label_values;
  return object;
}

// From JSON to a card.

ModelIdentity read_identity(CardFields fields) {
  ModelIdentity identity;
  identity.family = fields.text("family");
  CardFields sizes = fields.object("sizes");
  for (const auto& [key, value] : fields.get("sizes").items())
    identity.sizes[key] = sizes.whole(key);
  identity.weights_sha256 = fields.sha256("weights_sha256");
  identity.tokenizer_sha256 = fields.sha256("tokenizer_sha256");
  identity.source = fields.text("source");
  fields.done();
  return identity;
}

/// The caller reads the fields specific to the component's kind and then calls done().
CardComponent read_component(CardFields& fields) {
  return {fields.text("plugin"), fields.text("plugin_version"), fields.text("component"),
          fields.options("options")};
}

LengthLimit read_length(CardFields fields, const std::string& strategy_key) {
  LengthLimit length;
  length.max_length = fields.whole("max_length");
  const std::string name = fields.text(strategy_key);
  const std::optional<Truncate> truncate = truncate_of_name(name);
  if (!truncate)
    fields.refuse(strategy_key, name, "tail, head, balanced or windows");
  length.truncate = *truncate;
  fields.done();
  return length;
}

CardTraining read_training(CardFields fields) {
  CardTraining training;
  training.steps = fields.whole("steps");
  training.best_step = fields.whole("best_step");
  training.seconds = fields.number("seconds");
  training.examples = fields.whole("examples");
  training.settings = fields.options("settings");
  fields.done();
  return training;
}

CardMetric read_metric(CardFields fields) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  CardMetric metric;
  metric.name = fields.text("name");
  metric.value = fields.get("value").is_null() ? unknown : fields.number("value");
  const json& interval = fields.list("ci95");
  if (interval.size() != 2)
    fields.refuse("ci95", interval, "a list of two numbers");
  for (const auto& [item, bound] : {std::pair(0, &metric.low), {1, &metric.high}}) {
    const json& value = interval[static_cast<std::size_t>(item)];
    if (!value.is_null() && !value.is_number())
      fields.refuse("ci95", value, "a list of two numbers");
    *bound = value.is_null() ? unknown : value.get<double>();
  }
  metric.n = fields.whole("n");
  metric.data_sha256 = fields.sha256("data_sha256");
  metric.file = fields.text("file");
  fields.done();
  return metric;
}

void read_data(CardFields& fields, const std::string& origin, Card& card) {
  std::vector<std::string> keys = layout_keys();
  keys.emplace_back("label_values");
  card.columns = layout_of_json(JsonObject(fields.get("data"), origin, "data", keys));
  CardFields data = fields.object("data");
  if (data.has("label_values"))
    card.label_values = data.lists_of_texts("label_values");
  if (!card.label_values.empty() && card.label_values.size() != card.labels.size())
    throw DataError(origin + ": \"data.label_values\" has values for " +
                    counted(card.label_values.size(), "label") + "; expected " +
                    std::to_string(card.labels.size()) + ", as in \"labels\".");
}

} // namespace

std::string card_text(const Card& card, const std::string& tensors_sha256) {
  if (const std::set<std::string> names(card.labels.begin(), card.labels.end());
      names.size() != card.labels.size())
    throw DataError("the card \"" + card.name +
                    "\" can't be written: two of its labels have the same name; expected names that differ.");
  ordered_json document{
      {"format_version", Card::format_version},
      {"name", card.name},
      {"created_by", card.created_by},
      {"backbone",
       {{"family", card.backbone.family},
        {"sizes", card.backbone.sizes},
        {"weights_sha256", card.backbone.weights_sha256},
        {"tokenizer_sha256", card.backbone.tokenizer_sha256},
        {"source", card.backbone.source}}},
      {"template", component_json(card.prompt_template)},
      {"verbalizer", component_json(card.verbalizer)},
      {"tuner", component_json(card.tuner)},
      {"labels", card.labels},
      {"position_convention", card.positions},
      {"truncation", {{"max_length", card.length.max_length}, {"strategy", name_of(card.length.truncate)}}},
      {"training",
       {{"steps", card.training.steps},
        {"best_step", card.training.best_step},
        {"seconds", card.training.seconds},
        {"examples", card.training.examples},
        {"settings", options_json(card.training.settings, "training setting")}}},
      {"metrics", ordered_json::array()},
      {"seed", card.seed},
      {"tensors_sha256", tensors_sha256}};
  document["template"]["source"] = card.template_source;
  if (!card.template_state.texts.empty())
    document["template"]["texts"] = card.template_state.texts;
  document["verbalizer"]["label_words"] = card.label_words;
  if (!card.verbalizer_failure.empty())
    document["verbalizer"]["fit_failure"] = card.verbalizer_failure;
  document["verbalizer"]["texts"] = card.verbalizer_state.texts;
  document["tuner"]["texts"] = card.tuner_state.texts;
  if (card.multi_label)
    document["multi_label"] = true;
  if (!card.negative_label.empty())
    document["negative_label"] = card.negative_label;
  if (!card.metric.empty())
    document["metric"] = card.metric;
  for (const CardMetric& metric : card.metrics)
    document["metrics"].push_back(metric_json(metric));
  if (card.columns)
    document["data"] = data_json(card);
  try {
    return document.dump(2);
  } catch (const json::exception&) {
    throw DataError("the card \"" + card.name + "\" can't be written: a text in it is not valid UTF-8.");
  }
}

Card parse_card(std::string_view text, const std::string& origin, std::string& tensors_sha256) {
  const json document = parse_json(text, origin, limits);
  CardFields fields(document, origin, "");
  // Checked first, because another version may have other fields.
  const int64_t version = fields.whole("format_version");
  if (version < 1 || version > Card::format_version)
    throw DataError(origin + ": is a card of format version " + std::to_string(version) +
                    "; this program reads versions 1 to " + std::to_string(Card::format_version) + ".");
  Card card;
  card.name = fields.filled_text("name");
  card.created_by = fields.text("created_by");
  card.backbone = read_identity(fields.object("backbone"));
  CardFields template_fields = fields.object("template");
  card.prompt_template = read_component(template_fields);
  card.template_source = template_fields.text("source");
  if (document["template"].contains("texts"))
    card.template_state.texts = template_fields.named_texts("texts");
  template_fields.done();
  CardFields verbalizer_fields = fields.object("verbalizer");
  card.verbalizer = read_component(verbalizer_fields);
  card.label_words = verbalizer_fields.lists_of_texts("label_words");
  if (verbalizer_fields.has("fit_failure"))
    card.verbalizer_failure = verbalizer_fields.text("fit_failure");
  card.verbalizer_state.texts = verbalizer_fields.named_texts("texts");
  verbalizer_fields.done();
  CardFields tuner_fields = fields.object("tuner");
  card.tuner = read_component(tuner_fields);
  card.tuner_state.texts = tuner_fields.named_texts("texts");
  tuner_fields.done();
  card.labels = fields.names("labels");
  if (!card.label_words.empty() && card.label_words.size() != card.labels.size())
    throw DataError(origin + ": \"verbalizer.label_words\" has words for " +
                    counted(card.label_words.size(), "label") + "; expected " +
                    std::to_string(card.labels.size()) + ", as in \"labels\".");
  if (document.contains("multi_label"))
    card.multi_label = fields.flag("multi_label");
  if (document.contains("negative_label")) {
    card.negative_label = fields.text("negative_label");
    if (std::find(card.labels.begin(), card.labels.end(), card.negative_label) == card.labels.end())
      fields.refuse("negative_label", document["negative_label"], "one of the card's labels");
  }
  if (document.contains("metric"))
    card.metric = fields.text("metric");
  card.positions = fields.text(version == 1 ? "positions" : "position_convention");
  if (version > 1 && std::ranges::find(position_conventions, card.positions) == std::end(position_conventions))
    fields.refuse("position_convention", card.positions,
                  "\"" + std::string(position_conventions[0]) + "\" or \"" +
                      std::string(position_conventions[1]) + "\"");
  card.length = version == 1 ? read_length(fields.object("length"), "truncate")
                             : read_length(fields.object("truncation"), "strategy");
  if (fields.has("data"))
    read_data(fields, origin, card);
  if (card.columns)
    card.columns->multi_label = card.multi_label;
  card.training = read_training(fields.object("training"));
  const json& metrics = fields.list("metrics");
  for (std::size_t i = 0; i < metrics.size(); ++i)
    card.metrics.push_back(read_metric({metrics[i], origin, "metrics[" + std::to_string(i) + "]."}));
  const json& seed = fields.get("seed");
  if (!seed.is_number_unsigned())
    fields.refuse("seed", seed, "a whole number that is not negative");
  card.seed = seed.get<uint64_t>();
  tensors_sha256 = fields.sha256("tensors_sha256");
  fields.done();
  return card;
}

} // namespace cuecard
