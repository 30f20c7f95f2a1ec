#include <cuecard/parts/layers/rope.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/stack.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

constexpr std::pair<const char*, Rope::Scaling> kinds[] = {
    {"default", Rope::Scaling::none},      {"linear", Rope::Scaling::linear},
    {"dynamic", Rope::Scaling::dynamic},   {"yarn", Rope::Scaling::yarn},
    {"longrope", Rope::Scaling::longrope}, {"su", Rope::Scaling::longrope}, // Phi-3's first name for it
    {"llama3", Rope::Scaling::llama3},
};

Rope::Scaling scaling_named(const Configuration& c, const std::string& name) {
  std::string known;
  for (const auto& [kind, scaling] : kinds) {
    if (name == kind)
      return scaling;
    known += (known.empty() ? "\"" : ", \"") + std::string(kind) + "\"";
  }
  throw DataError(c.origin() + ": rotary scaling is \"" + name + "\"; known are " + known + ".");
}

/// The key of a parameter in the file: transformers 5 stores it in `rope_parameters`, in separate sections where layers differ; 4
/// in `rope_scaling`. If the file has neither, the key of 5.
std::string spelled(const Configuration& c, const std::string& layers, const std::string& key) {
  const std::string now = "rope_parameters." + (layers.empty() ? "" : layers + ".") + key,
                    flat = "rope_parameters." + key, before = "rope_scaling." + key;
  return c.has(now) ? now : c.has(flat) ? flat : c.has(before) ? before : now;
}

/// The same, or else a key at the top level.
double number_anywhere(const Configuration& c, const std::string& layers, const std::string& key,
                       double fallback) {
  return c.number_or(spelled(c, layers, key), c.number_or(key, fallback));
}

void check_positive(const Configuration& c, const std::string& key, double value) {
  if (!(value > 0) || !std::isfinite(value))
    throw DataError(c.origin() + ": " + key + " is " + shortest(value) + "; expected a positive number.");
}

double positive(const Configuration& c, const std::string& layers, const std::string& key) {
  const std::string name = spelled(c, layers, key);
  const double value = c.number(name);
  check_positive(c, name, value);
  return value;
}

double positive_or(const Configuration& c, const std::string& layers, const std::string& key, double fallback) {
  return c.has(spelled(c, layers, key)) ? positive(c, layers, key) : fallback;
}

/// The longest text in pre-training, as transformers 5 reads it: Phi-3's key at the top level takes precedence; without any key,
/// the model's positions.
double original_positions(const Configuration& c, const std::string& layers) {
  const std::string key = "original_max_position_embeddings";
  const double value = layers.empty() && c.has(key)     ? c.number(key)
                       : c.has(spelled(c, layers, key)) ? c.number(spelled(c, layers, key))
                                                        : c.number("max_position_embeddings");
  check_positive(c, key, value);
  return value;
}

std::vector<double> divisors(const Configuration& c, const std::string& layers, const std::string& key,
                             int64_t count) {
  const std::string name = spelled(c, layers, key);
  std::vector<double> values;
  if (const auto found = c.values().find(name); found != c.values().end()) {
    if (const auto* numbers = std::get_if<std::vector<double>>(&found->second))
      values = *numbers;
    else if (const auto* whole = std::get_if<std::vector<int64_t>>(&found->second))
      values.assign(whole->begin(), whole->end());
  }
  if (std::ssize(values) != count)
    throw DataError(c.origin() + ": " + name + " has " + std::to_string(values.size()) +
                    " numbers; expected one for each of the " + std::to_string(count) + " frequencies.");
  for (const double value : values)
    check_positive(c, name, value);
  return values;
}

/// Yarn's temperature of attention (Peng et al. 2023, equation 22).
double temperature(double factor, double scale) {
  return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0;
}

} // namespace

Rope::Rope(const Configuration& c, int64_t head_dim, const RopeFamily& family)
    : layers_(family.layers), theta_(number_anywhere(c, layers_, "rope_theta", family.theta)),
      scaling_(scaling_named(
          c, c.text_or(spelled(c, layers_, "rope_type"), c.text_or(spelled(c, layers_, "type"), "default")))) {
  check_positive(c, "rope_theta", theta_);
  double part = number_anywhere(c, layers_, "partial_rotary_factor", family.part);
  if (!family.partial && part != 1.0) {
    if (scaling_ != Scaling::none)
      throw DataError(c.origin() + ": partial_rotary_factor is " + std::to_string(part) +
                      "; this family rotates whole heads, so 1 is expected.");
    part = 1.0; // transformers ignores it there; with scaling it fails
  }
  dimensions_ = static_cast<int64_t>(static_cast<double>(head_dim) * part);
  if (dimensions_ < 1 || rotated() > head_dim)
    throw DataError(c.origin() + ": partial_rotary_factor is " + std::to_string(part) + ", so that " +
                    std::to_string(rotated()) + " numbers of a head of " + std::to_string(head_dim) +
                    " are rotated; expected from 2 to all of them.");
  max_positions_ = static_cast<double>(c.integer_or("max_position_embeddings", 0));
  if (scaling_ == Scaling::linear || scaling_ == Scaling::dynamic || scaling_ == Scaling::llama3)
    factor_ = positive(c, layers_, "factor");
  if (scaling_ == Scaling::dynamic && (dimensions_ < 4 || max_positions_ == 0))
    throw DataError(c.origin() + ": dynamic rotary scaling needs max_position_embeddings and heads of at least "
                                 "4 rotated numbers.");
  if (scaling_ == Scaling::yarn)
    read_yarn(c);
  if (scaling_ == Scaling::longrope)
    read_longrope(c);
  if (scaling_ == Scaling::llama3)
    read_llama3(c);
}

void Rope::read_yarn(const Configuration& c) {
  original_positions_ = original_positions(c, layers_);
  factor_ = positive_or(c, layers_, "factor", max_positions_ / original_positions_);
  const double scale = c.number_or(spelled(c, layers_, "mscale"), 0),
               of_all = c.number_or(spelled(c, layers_, "mscale_all_dim"), 0);
  attention_factor_ =
      positive_or(c, layers_, "attention_factor",
                  scale != 0 && of_all != 0 ? temperature(factor_, scale) / temperature(factor_, of_all)
                                            : temperature(factor_, 1));
  // The index of the frequency that turns `turns` times within the original positions.
  const auto number_of = [&](double turns) {
    return static_cast<double>(dimensions_) * std::log(original_positions_ / (turns * 2 * M_PI)) /
           (2 * std::log(theta_));
  };
  ramp_begin_ = number_of(positive_or(c, layers_, "beta_fast", 32));
  ramp_end_ = number_of(positive_or(c, layers_, "beta_slow", 1));
  if (c.boolean_or("rope_parameters.truncate", c.boolean_or("rope_scaling.truncate", true))) {
    ramp_begin_ = std::floor(ramp_begin_);
    ramp_end_ = std::ceil(ramp_end_);
  }
  ramp_begin_ = std::max(ramp_begin_, 0.0);
  ramp_end_ = std::min(ramp_end_, static_cast<double>(dimensions_ - 1));
  if (ramp_begin_ == ramp_end_)
    ramp_end_ += 0.001; // transformers' guard against a division by zero
}

void Rope::read_longrope(const Configuration& c) {
  original_positions_ = original_positions(c, layers_);
  if (original_positions_ < 2)
    throw DataError(c.origin() + ": original_max_position_embeddings is below 2, for which longrope has no "
                                 "attention factor.");
  factor_ = positive_or(c, layers_, "factor", max_positions_ / original_positions_);
  attention_factor_ =
      positive_or(c, layers_, "attention_factor",
                  factor_ <= 1 ? 1.0 : std::sqrt(1 + std::log(factor_) / std::log(original_positions_)));
  short_ = divisors(c, layers_, "short_factor", rotated() / 2);
  long_ = divisors(c, layers_, "long_factor", rotated() / 2);
}

void Rope::read_llama3(const Configuration& c) {
  original_positions_ = original_positions(c, layers_);
  low_ = positive(c, layers_, "low_freq_factor");
  high_ = positive(c, layers_, "high_freq_factor");
  if (high_ <= low_)
    throw DataError(c.origin() + ": high_freq_factor of the rotary scaling is " + std::to_string(high_) +
                    ", which is expected to be above low_freq_factor " + std::to_string(low_) + ".");
}

int64_t Rope::longest(int64_t max_positions) const {
  const auto scaled = [&](double positions) {
    return std::max(max_positions, static_cast<int64_t>(positions * factor_));
  };
  if (scaling_ == Scaling::linear || scaling_ == Scaling::dynamic)
    return scaled(static_cast<double>(max_positions));
  return scaling_ == Scaling::yarn && max_positions > 0 ? scaled(original_positions_) : max_positions;
}

double Rope::yarn_kept(int64_t i) const {
  const double ramp = (static_cast<double>(i) - ramp_begin_) / (ramp_end_ - ramp_begin_);
  return 1 - std::fmin(std::fmax(ramp, 0.0), 1.0);
}

int64_t Rope::length_class(int64_t length) const {
  if (scaling_ == Scaling::dynamic)
    return std::max(length, static_cast<int64_t>(max_positions_));
  return scaling_ == Scaling::longrope && static_cast<double>(length) > original_positions_ ? 1 : 0;
}

at::Tensor Rope::inverse_frequencies(int64_t length) const {
  const auto size = static_cast<double>(dimensions_);
  double theta = theta_;
  if (scaling_ == Scaling::dynamic)
    theta *= std::pow(factor_ * static_cast<double>(length_class(length)) / max_positions_ - (factor_ - 1),
                      size / (size - 2));
  const std::vector<double>& divisor = static_cast<double>(length) > original_positions_ ? long_ : short_;
  at::Tensor result = at::empty({rotated() / 2}, at::kDouble);
  double* out = result.mutable_data_ptr<double>();
  for (int64_t i = 0; i < rotated() / 2; ++i) {
    double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / size);
    double kept = 1; // the weight of the unscaled frequency
    if (scaling_ == Scaling::linear)
      kept = 0;
    else if (scaling_ == Scaling::yarn)
      kept = yarn_kept(i);
    else if (scaling_ == Scaling::llama3)
      kept = std::fmin(std::fmax((original_positions_ * frequency / (2 * M_PI) - low_) / (high_ - low_), 0.0),
                       1.0);
    else if (scaling_ == Scaling::longrope)
      frequency /= divisor[static_cast<std::size_t>(i)];
    out[i] = kept * frequency + (1 - kept) * frequency / factor_;
  }
  return result;
}

RotaryAngles Rope::angles(const ForwardPass& pass, const Side& side, at::ScalarType dtype) const {
  const at::Device device = pass.positions().device();
  std::map<int64_t, int64_t> rows; // the row of `different` for each class of lengths
  std::vector<at::Tensor> different;
  std::vector<int64_t> row_of(static_cast<std::size_t>(side.num_tokens()));
  for (std::size_t s = 0; s < pass.lengths().size(); ++s) {
    const auto [found, added] =
        rows.try_emplace(length_class(pass.lengths()[s]), static_cast<int64_t>(different.size()));
    if (added)
      different.push_back(inverse_frequencies(pass.lengths()[s]));
    std::fill(row_of.begin() + side.offsets[s], row_of.begin() + side.offsets[s + 1], found->second);
  }
  if (different.size() <= 1)
    return rotary_angles(pass.positions(),
                         (different.empty() ? inverse_frequencies() : different[0]).to(device, true), dtype,
                         attention_factor_);
  const at::Tensor by_token =
      at::stack(different).to(device, true).index_select(0, index_tensor(row_of, device));
  return rotary_angles(pass.positions(), by_token, dtype, attention_factor_);
}

} // namespace cuecard
