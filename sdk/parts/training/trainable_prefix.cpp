#include <cuecard/parts/training/trainable_prefix.hpp>

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_pinv.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

namespace {

const char* name_of(PrefixSite site) {
  switch (site) {
  case PrefixSite::encoder:
    return "encoder";
  case PrefixSite::cross:
    return "cross";
  default:
    return "self";
  }
}

std::string sizes_of(const TrainablePrefix& prefix) {
  const BackboneShape::Site& site = prefix.site();
  return std::to_string(site.layers) + " x " + std::to_string(prefix.length()) + " x " +
         std::to_string(site.kv_heads) + " x " + std::to_string(site.head_dim);
}

bool fits(const at::Tensor& tensor, const TrainablePrefix& prefix) {
  const BackboneShape::Site& site = prefix.site();
  return tensor.defined() && tensor.is_floating_point() &&
         tensor.sizes() == at::IntArrayRef({site.layers, prefix.length(), site.kv_heads, site.head_dim});
}

uint64_t dropout_stream(PrefixSite site) {
  return stream_id("prefix") + static_cast<uint64_t>(site);
}

} // namespace

TrainablePrefix::TrainablePrefix(const BackboneShape::Site& site, at::Tensor values)
    : site_(site), inputs_(std::move(values)) {}

TrainablePrefix::TrainablePrefix(const BackboneShape::Site& site, at::Tensor inputs, Mlp network)
    : site_(site), inputs_(std::move(inputs)), network_(std::move(network)) {}

Prefix TrainablePrefix::prefix(int64_t positions, double dropout_rate, const Pass& pass) const {
  Prefix result = as_prefix(dropout(values(), dropout_rate, pass, dropout_stream(site_.site)), site_);
  result.positions = positions;
  return result;
}

void TrainablePrefix::start_from(const at::Tensor& values) {
  if (!network_) {
    collapse(values);
    return;
  }
  const at::NoGradGuard no_grad;
  const at::Tensor inside = network_->inside(inputs_); // [P, m]
  const at::Tensor missing = values.to(inside.options()) - network_->second(inside);
  network_->second.weight += at::matmul(at::linalg_pinv(inside), missing).t();
}

void TrainablePrefix::collapse(const at::Tensor& values) {
  const bool trained = inputs_.requires_grad();
  const at::Device device = inputs_.device();
  network_.reset();
  inputs_ = values.detach().to(device, at::kFloat).clone();
  inputs_.set_requires_grad(trained);
}

std::vector<at::Tensor*> TrainablePrefix::tensors() {
  std::vector<at::Tensor*> result{&inputs_};
  if (network_)
    for (at::Tensor* tensor : network_->tensors())
      result.push_back(tensor);
  return result;
}

Prefix as_prefix(const at::Tensor& values, const BackboneShape::Site& site) {
  const at::Tensor pairs = values.view({values.size(0), site.layers, 2, site.kv_heads, site.head_dim})
                               .permute({2, 1, 0, 3, 4})
                               .contiguous();
  return {site.site, pairs.select(0, 0), pairs.select(0, 1), 0};
}

at::Tensor as_values(const Prefix& prefix) {
  const at::Tensor pairs = at::stack({prefix.key, prefix.value}, 1); // [L, 2, P, G, D]
  return pairs.permute({2, 0, 1, 3, 4}).reshape({pairs.size(2), -1});
}

TrainablePrefixes::TrainablePrefixes(std::vector<TrainablePrefix> sites, bool counted, double dropout_rate,
                                     const at::Device& device)
    : sites_(std::move(sites)), counted_(counted), dropout_rate_(dropout_rate), device_(device) {
  for (TrainablePrefix& site : sites_)
    make_trainable(site.tensors(), device_);
}

bool TrainablePrefixes::have_networks() const {
  return !sites_.empty() && sites_.front().has_network();
}

Conditioning TrainablePrefixes::condition(const Pass& pass) const {
  Conditioning conditioning;
  for (const TrainablePrefix& prefix : sites_) {
    const bool counts = counted_ && prefix.site().site != PrefixSite::cross;
    conditioning.prefixes.push_back(prefix.prefix(counts ? prefix.length() : 0, dropout_rate_, pass));
  }
  return conditioning;
}

std::vector<at::Tensor> TrainablePrefixes::parameters() {
  std::vector<at::Tensor> result;
  for (TrainablePrefix& site : sites_)
    for (const at::Tensor* tensor : site.tensors())
      result.push_back(*tensor);
  return result;
}

ComponentState TrainablePrefixes::state() const {
  const at::NoGradGuard no_grad;
  ComponentState state;
  for (const Prefix& prefix : condition({}).prefixes) {
    const std::string name = name_of(prefix.site);
    state.tensors[name + ".key"] = prefix.key.detach().contiguous();
    state.tensors[name + ".value"] = prefix.value.detach().contiguous();
  }
  return state;
}

void TrainablePrefixes::load_state(const ComponentState& saved) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  for (const TrainablePrefix& prefix : sites_) {
    Prefix found{prefix.site().site, {}, {}, 0};
    for (const auto& [part, tensor] : {std::pair{"key", &found.key}, std::pair{"value", &found.value}}) {
      const std::string name = std::string(name_of(found.site)) + "." + part;
      const auto at = saved.tensors.find(name);
      if (at == saved.tensors.end() || !fits(at->second, prefix))
        throw DataError("the card's prefix doesn't fit: expected a floating-point tensor \"" + name + "\" of " +
                        sizes_of(prefix) + "; use the card as it was written, or train it again.");
      *tensor = at->second;
    }
    values.push_back(as_values(found));
  }
  for (std::size_t i = 0; i < sites_.size(); ++i)
    sites_[i].collapse(values[i]);
}

bool TrainablePrefixes::adopt(const Conditioning& trained, std::string& why) {
  const at::NoGradGuard no_grad;
  if (parts_of(trained) != "prefixes" || trained.prefixes.size() != sites_.size()) {
    why = "it has " + parts_of(trained) + "; expected prefixes at " + counted(sites_.size(), "attention site");
    return false;
  }
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const Prefix& given = trained.prefixes[i];
    const int64_t counted = counted_ && given.site != PrefixSite::cross ? sites_[i].length() : 0;
    if (given.site != sites_[i].site().site || !fits(given.key, sites_[i]) || !fits(given.value, sites_[i])) {
      why = std::string("its prefix of the site \"") + name_of(given.site) + "\" is not the " +
            sizes_of(sites_[i]) + " that length and model require";
      return false;
    }
    if (given.positions != counted) {
      why = "its virtual tokens shift the text by " + std::to_string(given.positions) +
            " positions and this method's by " + std::to_string(counted) + "; set count-positions";
      return false;
    }
  }
  for (std::size_t i = 0; i < sites_.size(); ++i)
    sites_[i].collapse(as_values(trained.prefixes[i]));
  return true;
}

} // namespace cuecard
