#include "card/card_json.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/json_object.hpp"
#include "data/layout_json.hpp"
#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// The values of `position_convention` that training writes; those of version 1 were others.
constexpr std::string_view position_conventions[] = {"soft prompts and prefixes count as positions",
                                                     "prefixes do not count as positions"};

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

/// Reads one object of the document: fields are taken by name and type, and none may remain.
class Fields {
public:
  /// `where` is the path of the object's fields: "" at the top, else "training.".
  Fields(const json& object, std::string origin, std::string where)
      : object_(object), origin_(std::move(origin)), where_(std::move(where)) {
    if (!object_.is_object())
      throw DataError(origin_ + ": " +
                      (where_.empty() ? "is" : "\"" + where_.substr(0, where_.size() - 1) + "\" is") +
                      " not a JSON object.");
  }

  bool has(const std::string& name) const { return object_.contains(name); }

  const json& get(const std::string& name) {
    known_.insert(name);
    const auto found = object_.find(name);
    if (found == object_.end())
      throw DataError(origin_ + ": lacks the field \"" + where_ + name + "\". The card may have been damaged.");
    return *found;
  }

  Fields object(const std::string& name) { return {get(name), origin_, where_ + name + "."}; }

  std::string text(const std::string& name) {
    const json& value = get(name);
    if (!value.is_string())
      refuse(name, value, "a text");
    return value.get<std::string>();
  }

  bool flag(const std::string& name) {
    const json& value = get(name);
    if (!value.is_boolean())
      refuse(name, value, "true or false");
    return value.get<bool>();
  }

  int64_t whole(const std::string& name) {
    const json& value = get(name);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{1} << 62)
      refuse(name, value, "a whole number that is not negative");
    return value.get<int64_t>();
  }

  double number(const std::string& name) {
    const json& value = get(name);
    if (!value.is_number())
      refuse(name, value, "a number");
    return value.get<double>();
  }

  std::string sha256(const std::string& name) {
    std::string value = text(name);
    if (!value.empty() &&
        (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos))
      refuse(name, value, "a SHA-256 in 64 hexadecimal digits");
    return value;
  }

  std::string filled_text(const std::string& name) {
    const std::string value = text(name);
    if (value.empty())
      refuse(name, value, "a text that is not empty");
    return value;
  }

  std::vector<std::string> texts(const std::string& name) { return texts_of(name, get(name)); }

  /// Texts that differ, such as the names of labels.
  std::vector<std::string> names(const std::string& name) {
    std::vector<std::string> found = texts(name);
    for (std::size_t i = 0; i < found.size(); ++i)
      if (std::find(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), found[i]) !=
          found.begin() + static_cast<std::ptrdiff_t>(i))
        refuse(indexed(name, i), found[i], "a name that the list doesn't have already");
    return found;
  }

  std::vector<std::vector<std::string>> lists_of_texts(const std::string& name) {
    const json& outer = list(name);
    std::vector<std::vector<std::string>> lists;
    for (std::size_t i = 0; i < outer.size(); ++i)
      lists.push_back(texts_of(indexed(name, i), outer[i]));
    return lists;
  }

  std::map<std::string, std::string> named_texts(const std::string& name) {
    Fields fields = object(name);
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : get(name).items())
      texts[key] = fields.text(key);
    return texts;
  }

  const json& list(const std::string& name) {
    const json& value = get(name);
    if (!value.is_array())
      refuse(name, value, "a list");
    return value;
  }

  Options options(const std::string& name) {
    Options options;
    const json& object = get(name);
    if (!object.is_object())
      refuse(name, object, "an object");
    for (const auto& [key, value] : object.items()) {
      if (value.is_boolean())
        options.set(key, value.get<bool>());
      else if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        refuse(name + "." + key, value, "a number below 2^63");
      else if (value.is_number_integer())
        options.set(key, value.get<int64_t>());
      else if (value.is_number_float())
        options.set(key, value.get<double>());
      else if (value.is_string())
        options.set(key, value.get<std::string>());
      else
        refuse(name + "." + key, value, "true, false, a number or a text");
    }
    return options;
  }

  /// DataError if the object has a field that was not read.
  void done() const {
    for (const auto& [name, value] : object_.items())
      if (known_.count(name) == 0)
        throw DataError(origin_ + ": has the unknown field \"" + where_ + name.substr(0, 80) + "\"." +
                        did_you_mean(name, {known_.begin(), known_.end()}));
  }

  [[noreturn]] void refuse(const std::string& name, const json& found, const std::string& expected) const {
    const std::string text = found.is_structured() ? std::string("a ") + (found.is_array() ? "list" : "object")
                                                   : found.dump().substr(0, 80);
    throw DataError(origin_ + ": \"" + where_ + name + "\" is " + text + "; expected " + expected + ".");
  }

private:
  static std::string indexed(const std::string& name, std::size_t item) {
    return name + "[" + std::to_string(item) + "]";
  }

  std::vector<std::string> texts_of(const std::string& name, const json& value) const {
    std::vector<std::string> texts;
    if (!value.is_array())
      refuse(name, value, "a list of texts");
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!value[i].is_string())
        refuse(indexed(name, i), value[i], "a text");
      texts.push_back(value[i].get<std::string>());
    }
    return texts;
  }

  const json& object_;
  std::string origin_, where_;
  std::set<std::string> known_;
};

ModelIdentity read_identity(Fields fields) {
  ModelIdentity identity;
  identity.family = fields.text("family");
  Fields sizes = fields.object("sizes");
  for (const auto& [key, value] : fields.get("sizes").items())
    identity.sizes[key] = sizes.whole(key);
  identity.weights_sha256 = fields.sha256("weights_sha256");
  identity.tokenizer_sha256 = fields.sha256("tokenizer_sha256");
  identity.source = fields.text("source");
  fields.done();
  return identity;
}

/// The caller reads the fields specific to the component's kind and then calls done().
CardComponent read_component(Fields& fields) {
  return {fields.text("plugin"), fields.text("plugin_version"), fields.text("component"),
          fields.options("options")};
}

LengthLimit read_length(Fields fields, const std::string& strategy_key) {
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

CardTraining read_training(Fields fields) {
  CardTraining training;
  training.steps = fields.whole("steps");
  training.best_step = fields.whole("best_step");
  training.seconds = fields.number("seconds");
  training.examples = fields.whole("examples");
  training.settings = fields.options("settings");
  fields.done();
  return training;
}

CardMetric read_metric(Fields fields) {
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

void read_data(Fields& fields, const std::string& origin, Card& card) {
  std::vector<std::string> keys = layout_keys();
  keys.emplace_back("label_values");
  card.columns = layout_of_json(JsonObject(fields.get("data"), origin, "data", keys));
  Fields data = fields.object("data");
  if (data.has("label_values"))
    card.label_values = data.lists_of_texts("label_values");
  if (!card.label_values.empty() && card.label_values.size() != card.labels.size())
    throw DataError(origin + ": \"data.label_values\" has values for " +
                    std::to_string(card.label_values.size()) + " labels; expected " +
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
  Fields fields(document, origin, "");
  // Checked first, because another version may have other fields.
  const int64_t version = fields.whole("format_version");
  if (version < 1 || version > Card::format_version)
    throw DataError(origin + ": is a card of format version " + std::to_string(version) +
                    "; this program reads versions 1 to " + std::to_string(Card::format_version) + ".");
  Card card;
  card.name = fields.filled_text("name");
  card.created_by = fields.text("created_by");
  card.backbone = read_identity(fields.object("backbone"));
  Fields template_fields = fields.object("template");
  card.prompt_template = read_component(template_fields);
  card.template_source = template_fields.text("source");
  if (document["template"].contains("texts"))
    card.template_state.texts = template_fields.named_texts("texts");
  template_fields.done();
  Fields verbalizer_fields = fields.object("verbalizer");
  card.verbalizer = read_component(verbalizer_fields);
  card.label_words = verbalizer_fields.lists_of_texts("label_words");
  card.verbalizer_state.texts = verbalizer_fields.named_texts("texts");
  verbalizer_fields.done();
  Fields tuner_fields = fields.object("tuner");
  card.tuner = read_component(tuner_fields);
  card.tuner_state.texts = tuner_fields.named_texts("texts");
  tuner_fields.done();
  card.labels = fields.names("labels");
  if (!card.label_words.empty() && card.label_words.size() != card.labels.size())
    throw DataError(origin + ": \"verbalizer.label_words\" has words for " +
                    std::to_string(card.label_words.size()) + " labels; expected " +
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
