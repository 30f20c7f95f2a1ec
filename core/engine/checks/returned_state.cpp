#include "engine/checks/returned_state.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include <ATen/ops/isfinite.h>

#include "engine/checks/refusal.hpp"
#include "model/safetensors/safetensors.hpp"
#include "registry/utf8.hpp"

namespace cuecard {

namespace {

void check_text(const std::string& what, const std::string& text) {
  if (registry::valid_utf8_size(text) != text.size())
    refuse(what, "that is not valid UTF-8", "UTF-8, as a card stores it");
}

void check_saved(const std::string& name, const at::Tensor& tensor) {
  const std::string what = "the tensor \"" + name + "\"";
  if (!tensor.defined())
    refuse(what, "as undefined", "a tensor with values");
  if (safetensors_dtype_name(tensor.scalar_type()).empty())
    refuse(what, std::string("of type ") + at::toString(tensor.scalar_type()),
           "a type that a safetensors file can hold");
  if (tensor.layout() != at::kStrided || tensor.is_meta())
    refuse(what, "without values in memory", "a dense tensor");
  if (tensor.is_floating_point() && !at::isfinite(tensor.detach()).all().item<bool>())
    refuse(what, "with NaN or infinite values", "finite ones");
}

std::string number(double value) {
  return shortest(value);
}
std::string number(int64_t value) {
  return std::to_string(value);
}

std::string number(const std::string& text) {
  return "\"" + text + "\"";
}

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}
bool same(const std::string& a, const std::string& b) {
  return a == b;
}

/// What the user gave stays.
template <class Value>
void check_kept(const std::string& name, const std::optional<Value>& filled,
                const std::optional<Value>& given) {
  if (given && !(filled && same(*filled, *given)))
    refuse("the " + name, filled ? number(*filled) : "without a value",
           number(*given) + ", which the user gave; a default is only for a setting without a value");
}

template <class Number, class Allowed>
void check_setting(const char* name, const std::optional<Number>& filled, const std::optional<Number>& given,
                   const std::string& expected, Allowed&& allowed) {
  check_kept(name, filled, given);
  if (filled && !given && !allowed(*filled))
    refuse(std::string("the ") + name, number(*filled), expected);
}

void check_name(const std::string& name, const std::optional<std::string>& filled,
                const std::optional<std::string>& given, const std::vector<std::string>& known) {
  check_kept(name, filled, given);
  if (!filled || given || std::ranges::find(known, *filled) != known.end())
    return;
  std::string names;
  for (const std::string& each : known)
    names += (names.empty() ? "" : &each == &known.back() ? " or " : ", ") + number(each);
  refuse("the " + name, number(*filled), names);
}

/// A setting that a card can hold.
void check_recorded(const std::string& name, const Options::Value& value) {
  check_text("the name of a setting", name);
  const std::string what = "the setting \"" + name + "\"";
  if (const auto* text = std::get_if<std::string>(&value))
    check_text(what, *text);
  if (const auto* real = std::get_if<double>(&value); real && !std::isfinite(*real))
    refuse(what, "as " + number(*real), "a finite number");
}

} // namespace

void check_state(const ComponentState& state) {
  for (const auto& [name, tensor] : state.tensors) {
    if (name.empty())
      throw Error("it returned a tensor without a name; expected a name that is not empty");
    check_text("a tensor name", name);
    check_saved(name, tensor);
  }
  for (const auto& [name, text] : state.texts) {
    check_text("the name of a text", name);
    check_text("the text \"" + name + "\"", text);
  }
}

void check_source(const std::string& source) {
  check_text("a source", source);
}

bool has_tensors(const std::vector<ParameterGroup>& groups) {
  return std::ranges::any_of(groups, [](const ParameterGroup& group) { return !group.tensors.empty(); });
}

void check_parameters(const std::vector<ParameterGroup>& groups, const at::Device& device) {
  int64_t groups_seen = 0;
  std::map<const at::TensorImpl*, std::string> places; // of each tensor, in words
  for (const ParameterGroup& group : groups) {
    const std::string of = " of parameter group " + std::to_string(++groups_seen);
    int64_t count = 0;
    for (const at::Tensor& tensor : group.tensors) {
      const std::string what = "tensor " + std::to_string(++count) + of;
      if (!tensor.defined())
        refuse(what, "as undefined", "a leaf that requires a gradient");
      if (tensor.layout() != at::kStrided)
        refuse(what, "of layout " + shown(tensor.layout()), "a dense (strided) tensor");
      if (tensor.scalar_type() != at::kFloat)
        refuse(what, std::string("of type ") + at::toString(tensor.scalar_type()),
               "Float (float32), whatever the type of the model's weights");
      if (!tensor.is_leaf())
        refuse(what, "that is not a leaf, because it was computed from another tensor",
               "a leaf that requires a gradient");
      if (!tensor.requires_grad())
        refuse(what, "that requires no gradient, so it would not be trained",
               "a leaf that requires a gradient");
      if (tensor.device().type() != device.type())
        refuse(what, "on " + tensor.device().str(), device.str() + ", where the model is");
      const auto [first, fresh] = places.emplace(tensor.unsafeGetTensorImpl(), what);
      if (!fresh)
        refuse(what, "that is also " + first->second, "each tensor once, or it would be trained twice");
    }
    if (!(std::isfinite(group.learning_rate_scale) && group.learning_rate_scale >= 0))
      refuse("the learning rate scale", number(group.learning_rate_scale), "a finite number, 0 or more");
    if (!(std::isfinite(group.weight_decay) && group.weight_decay >= 0))
      refuse("the weight decay", number(group.weight_decay), "a finite number, 0 or more");
  }
}

void check_same_parameters(const std::vector<ParameterGroup>& groups,
                           const std::vector<ParameterGroup>& again) {
  const auto same_group = [](const ParameterGroup& a, const ParameterGroup& b) {
    return std::ranges::equal(a.tensors, b.tensors,
                              [](const at::Tensor& x, const at::Tensor& y) { return x.is_same(y); });
  };
  if (!std::ranges::equal(groups, again, same_group))
    throw Error(
        "it returned other tensors when it was called again; expected the same objects each time, because the "
        "optimizer changes those of the first call");
}

void check_report(const FitReport& report, const std::vector<Task>& tasks) {
  if (report.steps < 0)
    refuse("a report of", counted(report.steps, "step"), "0 or more");
  if (report.best_step < 0 || report.best_step > report.steps)
    refuse("a report whose best step is", std::to_string(report.best_step),
           "0 to " + std::to_string(report.steps) + ", the number of its steps");
  if (std::isinf(report.best_dev))
    refuse("a report whose best metric (best_dev) is", number(report.best_dev),
           "a finite number, or NaN if unknown");
  const int64_t losses = std::ssize(report.losses);
  const bool complete = report.failure.empty() && !report.cancelled;
  // A step that failed may have a loss, and the last losses before a failure may not have been read.
  if (losses > 0 && (complete ? losses != report.steps : losses > report.steps + 1))
    refuse("a report with", std::to_string(losses) + (losses == 1 ? " loss" : " losses"),
           std::to_string(report.steps) + ", one for each step, or none");
  for (const auto& [name, value] : report.settings.values())
    check_recorded(name, value);
  for (const Task& task : tasks)
    if (!report.label_words.empty() && report.label_words.size() != task.labels.size())
      refuse("a report with label words of", counted(std::ssize(report.label_words), "label"),
             std::to_string(task.labels.size()) + ", the number of the task's labels, or none");
  for (const std::vector<std::string>& words : report.label_words)
    for (const std::string& word : words)
      check_text("a label word", word);
}

void check_defaults(const FitRequest& filled, const FitRequest& request) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  const auto not_negative = [](double value) { return std::isfinite(value) && value >= 0; };
  const auto share = [](double value) { return value >= 0 && value <= 1; };
  const auto counts = [](int64_t value) { return value >= 1; };
  const auto not_below_0 = [](int64_t value) { return value >= 0; };
  const std::string count = "1 or more";
  check_setting("number of steps", filled.steps, request.steps, count, counts);
  check_setting("number of epochs", filled.epochs, request.epochs, "a number above 0", positive);
  check_setting("least number of steps", filled.min_steps, request.min_steps, "0 or more", not_below_0);
  check_setting("learning rate", filled.learning_rate, request.learning_rate, "a number above 0", positive);
  check_setting("batch size", filled.batch_size, request.batch_size, count, counts);
  check_setting("number of tokens in a batch", filled.batch_tokens, request.batch_tokens, count, counts);
  check_setting("warm-up", filled.warmup, request.warmup, "a share from 0 to 1", share);
  check_setting("clipping norm", filled.clip, request.clip, "a number, 0 or more", not_negative);
  check_setting("steps between evaluations", filled.evaluate_every, request.evaluate_every, count, counts);
  check_setting("patience", filled.patience, request.patience, "0 or more", not_below_0);
  check_setting("decay", filled.decay, request.decay, "a number above 0", positive);
  check_name("optimizer", filled.optimizer, request.optimizer, optimizer_names());
  check_name("schedule", filled.schedule, request.schedule, schedule_names());
  if (filled.steps && filled.epochs && !(request.steps && request.epochs))
    refuse("the number of steps", number(*filled.steps) + " and the number of epochs " + number(*filled.epochs),
           "one of them");
}

} // namespace cuecard
