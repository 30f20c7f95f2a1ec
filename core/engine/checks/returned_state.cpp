#include "engine/checks/returned_state.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include <ATen/ops/isfinite.h>

#include "engine/checks/refusal.hpp"
#include "model/safetensors/safetensors.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard {

namespace {

void check_text(const std::string& what, const std::string& text) {
  if (tokenizer::valid_utf8(text) != text)
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
  return std::to_string(value);
}
std::string number(int64_t value) {
  return std::to_string(value);
}

template <class Number, class Allowed>
void check_setting(const char* name, const std::optional<Number>& filled, const std::optional<Number>& given,
                   const std::string& expected, Allowed&& allowed) {
  if (filled && !given && !allowed(*filled))
    refuse(std::string("the ") + name, number(*filled), expected);
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

bool has_tensors(const std::vector<ParameterGroup>& groups) {
  return std::ranges::any_of(groups, [](const ParameterGroup& group) { return !group.tensors.empty(); });
}

void check_parameters(const std::vector<ParameterGroup>& groups, const at::Device& device) {
  int64_t groups_seen = 0;
  for (const ParameterGroup& group : groups) {
    const std::string of = " of parameter group " + std::to_string(++groups_seen);
    int64_t count = 0;
    for (const at::Tensor& tensor : group.tensors) {
      const std::string what = "tensor " + std::to_string(++count) + of;
      if (!tensor.defined())
        refuse(what, "as undefined", "a leaf that requires a gradient");
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
    }
    if (!(std::isfinite(group.learning_rate_scale) && group.learning_rate_scale >= 0))
      refuse("the learning rate scale", number(group.learning_rate_scale), "a finite number, 0 or more");
    if (!(std::isfinite(group.weight_decay) && group.weight_decay >= 0))
      refuse("the weight decay", number(group.weight_decay), "a finite number, 0 or more");
  }
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
}

} // namespace cuecard
