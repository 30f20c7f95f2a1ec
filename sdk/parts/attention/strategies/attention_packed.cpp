/// Attention on packed tokens on the CPU: small matrix products for each sequence and key/value head (loops for a single query),
/// without copies of keys, masks or padding; long sequences are split into blocks of queries. The backward pass recomputes the
/// probabilities from the saved log-sum-exp (as in FlashAttention, Dao et al. 2022, section 3.1).
#include "attention/strategies/attention_strategies.hpp"

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "attention/strategies/attention_call.hpp"
#include "attention/strategies/attention_loops.hpp"
#include "attention/strategies/blas.hpp"

namespace cuecard {

namespace {

/// scores[queries, keys] = cap(scale * q k^T) + bias, row-major. `slopes` [queries, keys], with a cap only: d capped / d uncapped.
template <class T>
void all_scores(const Pointers<T>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t head,
                int64_t group, T* scores, T* slopes = nullptr) {
  int64_t column = 0;
  for (const KeyRange& range : block.ranges) {
    const int64_t length = range.end - range.begin;
    if (length > 0)
      gemm('T', 'N', length, block.queries, p.size, static_cast<T>(p.scale), p.k(range, group), p.k_stride(),
           p.q(block.first_query, head), p.q_stride(), T(0), scores + column, block.keys);
    column += length;
  }
  if (p.cap > 0)
    cap_scores(scores, static_cast<T>(p.cap), block.queries * block.keys);
  if (slopes)
    cap_slopes(scores, static_cast<T>(p.cap), slopes, block.queries * block.keys);
  for (int64_t i = 0; p.bias && i < block.queries; ++i)
    add(scores + i * block.keys, p.bias_from(head, block.first_key - block.place(layout, i)), block.keys);
}

template <class T>
void forward_block(const Pointers<T>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t group,
                   T* scores, T* out, T* log_sums) {
  const int64_t share = p.heads / p.groups;
  for (int64_t head = group * share; head < (group + 1) * share; ++head) {
    all_scores(p, layout, block, head, group, scores);
    for (int64_t i = 0; i < block.queries; ++i) {
      const KeySpan seen = block.seen(layout, i);
      T* row = scores + i * block.keys;
      std::fill_n(row, seen.begin, T(0));
      log_sums[(block.first_query + i) * p.heads + head] =
          softmax(row + seen.begin, seen.end - seen.begin, block.keys - seen.begin);
    }
    T* row = out + (block.first_query * p.heads + head) * p.size;
    int64_t column = 0;
    T keep = 0;
    for (const KeyRange& range : block.ranges) {
      const int64_t length = range.end - range.begin;
      if (length > 0) {
        gemm('N', 'N', p.size, block.queries, length, T(1), p.v(range, group), p.k_stride(), scores + column,
             block.keys, keep, row, p.q_stride());
        keep = 1;
      }
      column += length;
    }
  }
}

template <class T>
void forward(const Pointers<T>& p, const AttentionLayout& layout, T* out, T* log_sums) {
  at::parallel_for(0, layout.sequences() * p.groups, 1, [&](int64_t begin, int64_t end) {
    std::vector<T> scores;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t group = task % p.groups;
      for_blocks(layout, task / p.groups, [&](const QueryBlock& block) {
        scores.resize(static_cast<std::size_t>(block.queries * block.keys));
        if (block.queries == 1)
          attend_one(p, layout, block, group, scores.data(), out, log_sums);
        else
          forward_block(p, layout, block, group, scores.data(), out, log_sums);
      });
    }
  });
}

/// Destinations of the gradients of keys and values. A sequence's own tokens are written directly. Sequences can share the keys before
/// them, so each sequence writes its part to a slice, and the slices are added afterwards, in order.
template <class T>
struct KeyGradients {
  T* key[max_sources] = {};
  T* value[max_sources] = {};
  std::vector<int64_t> slice_offsets; ///< [S + 1] offsets of each sequence's slice
  std::vector<T> key_slices, value_slices;
};

/// What the backward pass of one block needs, [queries, keys] each.
template <class T>
struct BlockBuffers {
  std::vector<T> probs, d_scores, slopes; ///< slopes: with a cap only

  void resize(const QueryBlock& block, bool capped) {
    probs.resize(static_cast<std::size_t>(block.queries * block.keys));
    d_scores.resize(probs.size());
    slopes.resize(capped ? probs.size() : 0);
  }
};

/// The probabilities of one head, and the gradient of its scores before the cap and the scale.
template <class T>
void score_gradients(const Pointers<T>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t head,
                     int64_t group, const T* log_sums, const T* d_row, BlockBuffers<T>& buffers) {
  all_scores(p, layout, block, head, group, buffers.probs.data(), p.cap > 0 ? buffers.slopes.data() : nullptr);
  for (int64_t i = 0; i < block.queries; ++i) {
    const KeySpan seen = block.seen(layout, i);
    T* row = buffers.probs.data() + i * block.keys;
    std::fill_n(row, seen.begin, T(0));
    probabilities(row + seen.begin, log_sums[(block.first_query + i) * p.heads + head], seen.end - seen.begin,
                  block.keys - seen.begin);
  }
  int64_t column = 0;
  for (const KeyRange& range : block.ranges) {
    if (range.end > range.begin)
      gemm('T', 'N', range.end - range.begin, block.queries, p.size, T(1), p.v(range, group), p.k_stride(),
           d_row, p.q_stride(), T(0), buffers.d_scores.data() + column, block.keys);
    column += range.end - range.begin;
  }
  for (int64_t i = 0; i < block.queries; ++i)
    score_gradient(buffers.probs.data() + i * block.keys, buffers.d_scores.data() + i * block.keys,
                   static_cast<T>(p.scale), block.keys);
  if (p.cap > 0)
    multiply(buffers.d_scores.data(), buffers.slopes.data(), block.queries * block.keys);
}

template <class T>
void backward_block(const Pointers<T>& p, const AttentionLayout& layout, int64_t s, const QueryBlock& block,
                    int64_t group, const T* log_sums, const T* d_out, T* d_query, KeyGradients<T>& gradients,
                    BlockBuffers<T>& buffers) {
  const int64_t share = p.heads / p.groups;
  for (int64_t head = group * share; head < (group + 1) * share; ++head) {
    const T* d_row = d_out + (block.first_query * p.heads + head) * p.size;
    score_gradients(p, layout, block, head, group, log_sums, d_row, buffers);
    int64_t column = 0, slice = gradients.slice_offsets[s];
    T keep = 0;
    const T* q = p.q(block.first_query, head);
    for (std::size_t r = 0; r < block.ranges.size(); ++r) {
      const KeyRange& range = block.ranges[r];
      const int64_t length = range.end - range.begin;
      const bool own = r + 1 == block.ranges.size();
      if (length > 0 && d_query) {
        gemm('N', 'N', p.size, block.queries, length, T(1), p.k(range, group), p.k_stride(),
             buffers.d_scores.data() + column, block.keys, keep,
             d_query + (block.first_query * p.heads + head) * p.size, p.q_stride());
        keep = 1;
      }
      if (length > 0 && gradients.key[range.source]) {
        const int64_t row = own ? range.begin : slice + range.begin - layout.before[s][r].begin;
        T* d_k = (own ? gradients.key[0] : gradients.key_slices.data()) + (row * p.groups + group) * p.size;
        T* d_v = (own ? gradients.value[0] : gradients.value_slices.data()) + (row * p.groups + group) * p.size;
        gemm('N', 'T', p.size, length, block.queries, T(1), q, p.q_stride(), buffers.d_scores.data() + column,
             block.keys, T(1), d_k, p.k_stride());
        gemm('N', 'T', p.size, length, block.queries, T(1), d_row, p.q_stride(), buffers.probs.data() + column,
             block.keys, T(1), d_v, p.k_stride());
      }
      if (!own && gradients.key[range.source])
        slice += layout.before[s][r].end - layout.before[s][r].begin;
      column += length;
    }
  }
}

template <class T>
void backward(const Pointers<T>& p, const AttentionLayout& layout, const T* log_sums, const T* d_out,
              T* d_query, KeyGradients<T>& gradients) {
  at::parallel_for(0, layout.sequences() * p.groups, 1, [&](int64_t begin, int64_t end) {
    BlockBuffers<T> buffers;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t s = task / p.groups;
      for_blocks(layout, s, [&](const QueryBlock& block) {
        buffers.resize(block, p.cap > 0);
        backward_block(p, layout, s, block, task % p.groups, log_sums, d_out, d_query, gradients, buffers);
      });
    }
  });
}

/// Adds the slices of all sequences to the gradients of the shared keys and values. Parallel over columns, which keeps the order of
/// the sums fixed.
template <class T>
void add_slices(const AttentionLayout& layout, int64_t width, KeyGradients<T>& gradients) {
  at::parallel_for(0, width, 64, [&](int64_t first, int64_t last) {
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      int64_t slice = gradients.slice_offsets[s];
      for (const KeyRange& range : layout.before[s]) {
        if (!gradients.key[range.source])
          continue;
        for (int64_t row = range.begin; row < range.end; ++row, ++slice)
          for (int64_t i = first; i < last; ++i) {
            gradients.key[range.source][row * width + i] += gradients.key_slices[slice * width + i];
            gradients.value[range.source][row * width + i] += gradients.value_slices[slice * width + i];
          }
      }
    }
  });
}

class PackedAttention : public torch::autograd::Function<PackedAttention> {
public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& query,
                            const at::Tensor& key0, const at::Tensor& value0, const at::Tensor& key1,
                            const at::Tensor& value1, const at::Tensor& key2, const at::Tensor& value2,
                            const std::shared_ptr<const PackedPlan>& plan, double scale, double cap) {
    const AttentionLayout& layout = plan->layout;
    const at::Tensor q = query.contiguous();
    std::vector<at::Tensor> keys{key0.contiguous(), key1.contiguous(), key2.contiguous()};
    std::vector<at::Tensor> values{value0.contiguous(), value1.contiguous(), value2.contiguous()};
    at::Tensor out = at::empty_like(q);
    at::Tensor log_sums = at::empty({q.size(0), q.size(1)}, q.options());
    if (q.scalar_type() == at::kFloat)
      cuecard::forward(pointers<float>(q, keys, values, *plan, scale, cap), layout, out.data_ptr<float>(),
                       log_sums.data_ptr<float>());
    else
      cuecard::forward(pointers<double>(q, keys, values, *plan, scale, cap), layout, out.data_ptr<double>(),
                       log_sums.data_ptr<double>());
    context->save_for_backward({q, log_sums, keys[0], values[0], keys[1], values[1], keys[2], values[2]});
    context->saved_data["scale"] = scale;
    context->saved_data["cap"] = cap;
    context->saved_data["layout"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(plan));
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["layout"].toCapsule());
    const at::Tensor d_out = d_outs[0].contiguous();
    if (d_out.scalar_type() == at::kFloat)
      return gradients<float>(context, saved, *holder->plan, d_out);
    return gradients<double>(context, saved, *holder->plan, d_out);
  }

private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<const PackedPlan> kept) : plan(std::move(kept)) {}
    std::shared_ptr<const PackedPlan> plan;
  };

  template <class T>
  static torch::autograd::variable_list gradients(torch::autograd::AutogradContext* context,
                                                  const torch::autograd::variable_list& saved,
                                                  const PackedPlan& plan, const at::Tensor& d_out) {
    const AttentionLayout& layout = plan.layout;
    const std::vector<at::Tensor> keys{saved[2], saved[4], saved[6]}, values{saved[3], saved[5], saved[7]};
    const Pointers<T> p = pointers<T>(saved[0], keys, values, plan, context->saved_data["scale"].toDouble(),
                                      context->saved_data["cap"].toDouble());
    torch::autograd::variable_list result(10);
    if (context->needs_input_grad(0))
      result[0] = at::empty_like(saved[0]);
    KeyGradients<T> wanted;
    for (std::size_t i = 0; i < max_sources; ++i) {
      if (!context->needs_input_grad(1 + 2 * i) && !context->needs_input_grad(2 + 2 * i))
        continue;
      result[1 + 2 * i] = at::zeros_like(keys[i]);
      result[2 + 2 * i] = at::zeros_like(values[i]);
      wanted.key[i] = result[1 + 2 * i].template data_ptr<T>();
      wanted.value[i] = result[2 + 2 * i].template data_ptr<T>();
    }
    wanted.slice_offsets.assign(1, 0);
    for (const std::vector<KeyRange>& before : layout.before) {
      int64_t offset = wanted.slice_offsets.back();
      for (const KeyRange& range : before)
        offset += wanted.key[range.source] ? range.end - range.begin : 0;
      wanted.slice_offsets.push_back(offset);
    }
    const int64_t width = p.groups * p.size;
    wanted.key_slices.assign(static_cast<std::size_t>(wanted.slice_offsets.back() * width), T(0));
    wanted.value_slices.assign(wanted.key_slices.size(), T(0));
    cuecard::backward(p, layout, saved[1].const_data_ptr<T>(), d_out.const_data_ptr<T>(),
                      result[0].defined() ? result[0].template data_ptr<T>() : nullptr, wanted);
    if (!wanted.key_slices.empty())
      add_slices(layout, width, wanted);
    return result;
  }
};

} // namespace

at::Tensor packed_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, const AttentionOptions& options) {
  const RelativeBias* bias = options.bias;
  auto plan = std::dynamic_pointer_cast<const PackedPlan>(layout.plan);
  if (!plan || !plan->made_for(bias, query.scalar_type()))
    layout.plan = plan = std::make_shared<PackedPlan>(layout, bias, query.scalar_type());
  // LibTorch's custom functions don't accept undefined tensors: an absent source is an empty tensor.
  const at::Tensor absent = at::empty({0}, query.options());
  KeyValues padded[max_sources];
  for (std::size_t i = 0; i < max_sources; ++i)
    padded[i] = i < sources.size() && sources[i].key.defined() ? sources[i] : KeyValues{absent, absent};
  return PackedAttention::apply(query, padded[0].key, padded[0].value, padded[1].key, padded[1].value,
                                padded[2].key, padded[2].value, plan, options.scale, options.cap);
}

} // namespace cuecard
