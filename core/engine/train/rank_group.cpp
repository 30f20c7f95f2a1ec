#include "engine/train/rank_group.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

#include "files/sha256.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

/// A float holds whole numbers up to this exactly.
constexpr int64_t digit = int64_t{1} << 20;

/// The bytes of `text` as values from 0 to 255, whose sum with zeros is exact.
at::Tensor as_values(const std::string& text) {
  at::Tensor values = at::empty({std::ssize(text)}, at::kFloat);
  float* const data = values.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < text.size(); ++i)
    data[i] = static_cast<unsigned char>(text[i]);
  return values;
}

std::string as_text(const at::Tensor& values) {
  const at::Tensor whole = values.contiguous();
  const float* const data = whole.const_data_ptr<float>();
  std::string text(static_cast<std::size_t>(whole.numel()), '\0');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(static_cast<unsigned char>(data[i]));
  return text;
}

std::string bytes_of(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.to(at::kCPU).contiguous();
  return {static_cast<const char*>(whole.const_data_ptr()), whole.nbytes()};
}

} // namespace

RankGroup::RankGroup(RankPlace place) : place_(std::move(place)) {
  if (place_.ranks < 1 || place_.rank < 0 || place_.rank >= place_.ranks)
    throw UsageError("the rank is " + std::to_string(place_.rank) + " of " + std::to_string(place_.ranks) +
                     "; ranks are numbered from 0, and each is below their number.");
  if (several() && !place_.sum)
    throw UsageError("a run of " + std::to_string(place_.ranks) +
                     " ranks needs a function that sums values over them.");
}

at::Tensor RankGroup::sum(const at::Tensor& values) {
  if (!several())
    return values;
  require_all();
  at::Tensor buffer = at::cat({values, at::tensor({stop_ ? 1.F : 0.F}, at::kFloat)});
  try {
    place_.sum(buffer.mutable_data_ptr<float>(), static_cast<std::size_t>(buffer.numel()));
  } catch (const std::exception& error) {
    lost_ = registry::sentence_of(error.what());
    require_all();
  }
  summed_ = true;
  any_stops_ = any_stops_ || buffer[-1].item<float>() > 0;
  return buffer.slice(0, 0, -1);
}

bool RankGroup::stopped() {
  if (several() && !std::exchange(summed_, false)) {
    sum(at::zeros({0}, at::kFloat));
    summed_ = false;
  }
  return any_stops_ || (stop_ && !several());
}

std::vector<std::string> RankGroup::gather(const std::string& mine) {
  if (!several())
    return {mine};
  at::Tensor sizes = at::zeros({ranks(), 2}, at::kFloat);
  const int64_t low = std::ssize(mine) % digit, high = std::ssize(mine) / digit;
  sizes[rank()][0] = static_cast<double>(low);
  sizes[rank()][1] = static_cast<double>(high);
  sizes = sum(sizes.view({-1})).view({-1, 2}).to(at::kLong);
  std::vector<int64_t> ends;
  for (int64_t of = 0; of < ranks(); ++of)
    ends.push_back((ends.empty() ? 0 : ends.back()) + sizes[of][0].item<int64_t>() +
                   sizes[of][1].item<int64_t>() * digit);
  at::Tensor all = at::zeros({ends.back()}, at::kFloat);
  const int64_t end = ends[static_cast<std::size_t>(rank())];
  all.slice(0, end - std::ssize(mine), end).copy_(as_values(mine));
  all = sum(all);
  std::vector<std::string> texts;
  for (std::size_t of = 0; of < ends.size(); ++of)
    texts.push_back(as_text(all.slice(0, of == 0 ? 0 : ends[of - 1], ends[of])));
  return texts;
}

TensorMap RankGroup::from_first(const TensorMap& mine) {
  if (!several())
    return mine;
  nlohmann::json list = nlohmann::json::array(); // [name, dtype, sizes]
  for (const auto& [name, tensor] : mine)
    list.push_back({name, static_cast<int>(tensor.scalar_type()), tensor.sizes().vec()});
  list = nlohmann::json::parse(gather(writes() ? list.dump() : "").at(0));
  TensorMap result;
  for (const auto& entry : list) {
    const auto name = entry.at(0).get<std::string>();
    at::Tensor tensor =
        at::empty(entry.at(2).get<std::vector<int64_t>>(), static_cast<at::ScalarType>(entry.at(1).get<int>()));
    if (writes())
      tensor.copy_(mine.at(name));
    if (tensor.scalar_type() == at::kFloat) {
      copy_from_first({tensor});
    } else if (tensor.numel() > 0) {
      const std::string bytes = gather(writes() ? bytes_of(tensor) : "").at(0);
      std::memcpy(tensor.mutable_data_ptr(), bytes.data(), std::min(bytes.size(), tensor.nbytes()));
    }
    result[name] = tensor;
  }
  return result;
}

void RankGroup::copy_from_first(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  for (const at::Tensor& tensor : several() ? tensors : std::vector<at::Tensor>()) {
    const at::Tensor values = writes() ? tensor.detach().to(at::kCPU, at::kFloat).reshape({-1})
                                       : at::zeros({tensor.numel()}, at::kFloat);
    const at::Tensor first = sum(values);
    if (!writes())
      tensor.copy_(first.view(tensor.sizes()));
  }
}

void RankGroup::require_same(const std::map<std::string, std::string>& mine) {
  if (!several())
    return;
  nlohmann::json digests;
  for (const auto& [what, value] : mine)
    digests[what] = sha256(value);
  std::vector<nlohmann::json> all;
  for (const std::string& text : gather(digests.dump()))
    all.push_back(nlohmann::json::parse(text));
  for (std::size_t of = 1; of < all.size(); ++of)
    for (const auto& [what, digest] : all[0].items())
      if (all[of].value(what, "") != digest.get<std::string>())
        throw DataError("ranks 0 and " + std::to_string(of) + " of " + std::to_string(ranks()) +
                        " differ in: " + what + "; start all ranks with the same program, flags and files.");
}

void RankGroup::require_all() const {
  if (!lost_.empty())
    throw Error(
        "rank " + std::to_string(rank()) + " of " + std::to_string(ranks()) +
        ": another rank ended or does not answer (" + lost_ +
        "); start all ranks again, and with --checkpoint they continue where the state was saved last.");
}

} // namespace cuecard
