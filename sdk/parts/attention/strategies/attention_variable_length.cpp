/// Attention on GPUs without padding: keys are gathered into a packed tensor, and LibTorch's memory-efficient attention (Rabe and Staats
/// 2021) receives the offsets of the sequences. Unlike LibTorch's flash attention it supports float32.
#include "attention/strategies/attention_strategies.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/repeat_interleave.h>

#include <torch/csrc/autograd/custom_function.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

#include "attention/strategies/visible_tokens.hpp"

namespace cuecard {

namespace {

/// Which keys are hidden from a query, in LibTorch's numbering.
enum Mask : int64_t { no_mask = 0, causal_from_bottom_right = 2 };

/// Whether the queries of each sequence are its last tokens, without gaps. Only then is the causal mask of LibTorch's kernel
/// correct, which aligns the last query with the last key.
bool queries_end_sequences(const AttentionLayout& layout) {
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    int64_t place = layout.offsets[s + 1] - layout.offsets[s];
    for (int64_t q = layout.query_offsets[s + 1]; q-- > layout.query_offsets[s];)
      if (layout.query_offsets_in_sequence[static_cast<std::size_t>(q)] != --place)
        return false;
  }
  return true;
}

struct VariableLengthPlan final : AttentionPlan {
  VisibleTokens seen;
  at::Tensor key_index;                  ///< [K] into the visible tokens
  at::Tensor query_offsets, key_offsets; ///< [S + 1] int32, as the kernel requires
  int64_t longest_query = 0, longest_key = 0;

  VariableLengthPlan(const AttentionLayout& layout, const std::vector<KeyValues>& sources,
                     const at::Device& device)
      : seen(visible_tokens(layout, sources)) {
    std::vector<int64_t> keys, ends{0};
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      const std::vector<int64_t>& tokens = seen.of_sequence[static_cast<std::size_t>(s)];
      keys.insert(keys.end(), tokens.begin(), tokens.end());
      ends.push_back(static_cast<int64_t>(keys.size()));
      longest_key = std::max(longest_key, static_cast<int64_t>(tokens.size()));
      longest_query = std::max(longest_query, layout.query_offsets[s + 1] - layout.query_offsets[s]);
    }
    key_index = index_tensor(keys, device);
    key_offsets = index_tensor(ends, device).to(at::kInt);
    query_offsets = index_tensor(layout.query_offsets, device).to(at::kInt);
  }
};

/// LibTorch's kernel with a window, which its own gradient formula ignores.
class WindowedAttention : public torch::autograd::Function<WindowedAttention> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value, const at::Tensor& query_offsets,
                            const at::Tensor& key_offsets, int64_t longest_query, int64_t longest_key,
                            int64_t mask, int64_t window, double scale) {
    const at::AutoDispatchBelowAutograd below;
    auto [out, sums, seed, offset, most_queries, most_keys] = at::_efficient_attention_forward(
        query, key, value, std::nullopt, query_offsets, key_offsets, longest_query, longest_key, 0.0, mask,
        true, scale, std::nullopt, window);
    context->save_for_backward({query, key, value, query_offsets, key_offsets, out, sums, seed, offset});
    context->saved_data["longest_query"] = most_queries;
    context->saved_data["longest_key"] = most_keys;
    context->saved_data["mask"] = mask;
    context->saved_data["window"] = window;
    context->saved_data["scale"] = scale;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_out) {
    const at::AutoDispatchBelowAutograd below;
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const auto whole = [&](const char* name) { return context->saved_data[name].toInt(); };
    const auto gradients = at::_efficient_attention_backward(
        d_out[0].contiguous(), saved[0], saved[1], saved[2], std::nullopt, saved[5], saved[3], saved[4],
        whole("longest_query"), whole("longest_key"), saved[6], 0.0, saved[7], saved[8], whole("mask"), false,
        context->saved_data["scale"].toDouble(), std::nullopt, whole("window"));
    torch::autograd::variable_list result(10);
    std::tie(result[0], result[1], result[2], std::ignore) = gradients;
    return result;
  }
};

} // namespace

std::string why_not_variable_length(const at::Tensor& query, const AttentionLayout& layout,
                                    const AttentionOptions& options) {
  if (query.is_cpu())
    return "LibTorch has no variable-length attention on the CPU";
  if (query.scalar_type() == at::kDouble)
    return "LibTorch's variable-length attention does not support float64";
  if (options.bias)
    return "LibTorch's variable-length attention does not support a bias";
  if (options.cap > 0)
    return "LibTorch's variable-length attention does not support a cap on scores";
  if (layout.window > 0 && !layout.causal)
    return "LibTorch's variable-length attention supports a window only with causal attention";
  if (layout.causal && !queries_end_sequences(layout))
    return "the queries of a sequence are not its last tokens";
  return "";
}

at::Tensor variable_length_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                     const AttentionLayout& layout, double scale) {
  auto plan = std::dynamic_pointer_cast<const VariableLengthPlan>(layout.plan);
  if (!plan)
    layout.plan = plan = std::make_shared<VariableLengthPlan>(layout, sources, query.device());
  if (plan->longest_query == 0)
    return query;
  const auto gathered = [&](at::Tensor KeyValues::*which) {
    const at::Tensor packed = concatenated(sources, which, plan->seen).index_select(0, plan->key_index);
    const int64_t share = query.size(1) / packed.size(1);
    return (share == 1 ? packed : packed.repeat_interleave(share, 1, query.size(1))).unsqueeze(0);
  };
  const at::Tensor key = gathered(&KeyValues::key), value = gathered(&KeyValues::value);
  const bool trains =
      at::GradMode::is_enabled() && (query.requires_grad() || key.requires_grad() || value.requires_grad());
  if (layout.window > 0 && trains)
    return WindowedAttention::apply(query.unsqueeze(0), key, value, plan->query_offsets, plan->key_offsets,
                                    plan->longest_query, plan->longest_key,
                                    static_cast<int64_t>(causal_from_bottom_right), layout.window, scale)
        .squeeze(0);
  return std::get<0>(at::_efficient_attention_forward(
                         query.unsqueeze(0), key, value, std::nullopt, plan->query_offsets, plan->key_offsets,
                         plan->longest_query, plan->longest_key, 0.0,
                         layout.causal ? causal_from_bottom_right : no_mask, trains, scale, std::nullopt,
                         layout.window > 0 ? std::optional(layout.window) : std::nullopt))
      .squeeze(0);
}

} // namespace cuecard
