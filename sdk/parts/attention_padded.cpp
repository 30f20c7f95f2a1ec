/// Attention on any device: rows are gathered into [S, longest] once per call and LibTorch's own attention does
/// the rest. This is the reference for the other strategy, and what GPUs run.
#include "attention_strategies.hpp"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace cuecard {

namespace {

at::Tensor to_device(std::vector<int64_t>& values, const at::Tensor& like) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kLong)
      .clone()
      .to(like.device(), true);
}

/// [n, G, D] of all sources end to end, and where each source begins.
at::Tensor laid_end_to_end(const std::vector<KeyValues>& sources, bool keys, std::vector<int64_t>* begins) {
  std::vector<at::Tensor> parts;
  int64_t rows = 0;
  for (const KeyValues& source : sources) {
    if (begins)
      begins->push_back(rows);
    if (!source.key.defined())
      continue;
    rows += source.key.size(0);
    parts.push_back(keys ? source.key : source.value);
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

} // namespace

at::Tensor padded_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, double scale) {
  const int64_t sequences = layout.sequences(), heads = query.size(1), size = query.size(2);
  std::vector<int64_t> begins;
  const at::Tensor key = laid_end_to_end(sources, true, &begins),
                   value = laid_end_to_end(sources, false, nullptr);
  const int64_t share = heads / key.size(1);

  int64_t longest_query = 0, longest_key = 0;
  std::vector<std::vector<int64_t>> key_rows(static_cast<std::size_t>(sequences));
  std::vector<int64_t> before(static_cast<std::size_t>(sequences), 0);
  for (int64_t s = 0; s < sequences; ++s) {
    for (const KeyRange& range : layout.before[s])
      for (int64_t row = range.begin; row < range.end; ++row)
        key_rows[s].push_back(begins[range.source] + row);
    before[s] = static_cast<int64_t>(key_rows[s].size());
    for (int64_t row = layout.offsets[s]; row < layout.offsets[s + 1]; ++row)
      key_rows[s].push_back(row);
    longest_key = std::max(longest_key, static_cast<int64_t>(key_rows[s].size()));
    longest_query = std::max(longest_query, layout.query_offsets[s + 1] - layout.query_offsets[s]);
  }
  if (longest_query == 0)
    return query;

  // Places beyond a sequence's end repeat row 0; the mask hides them as keys and the last gather drops them as
  // queries.
  std::vector<int64_t> query_index(static_cast<std::size_t>(sequences * longest_query), 0);
  std::vector<int64_t> key_index(static_cast<std::size_t>(sequences * longest_key), 0);
  std::vector<int64_t> out_index(static_cast<std::size_t>(query.size(0)), 0);
  std::vector<int64_t> visible(static_cast<std::size_t>(sequences * longest_query * longest_key), 0);
  for (int64_t s = 0; s < sequences; ++s) {
    std::copy(key_rows[s].begin(), key_rows[s].end(), key_index.begin() + s * longest_key);
    const int64_t queries = layout.query_offsets[s + 1] - layout.query_offsets[s];
    for (int64_t i = 0; i < longest_query; ++i) {
      int64_t seen = 1; // a padding query sees one key, so that its softmax is finite
      if (i < queries) {
        const int64_t q = layout.query_offsets[s] + i;
        query_index[s * longest_query + i] = q;
        out_index[q] = s * longest_query + i;
        seen =
            layout.causal ? before[s] + layout.query_places[q] + 1 : static_cast<int64_t>(key_rows[s].size());
      }
      std::fill_n(visible.begin() + (s * longest_query + i) * longest_key, seen, 1);
    }
  }

  const auto gathered = [&](const at::Tensor& rows, std::vector<int64_t>& index, int64_t longest) {
    return rows.index_select(0, to_device(index, rows))
        .view({sequences, longest, rows.size(1), size})
        .transpose(1, 2);
  };
  const auto repeated = [&](const at::Tensor& groups) {
    return share == 1 ? groups : groups.repeat_interleave(share, 1, groups.size(1) * share);
  };
  const at::Tensor mask =
      to_device(visible, query).to(at::kBool).view({sequences, 1, longest_query, longest_key});
  const at::Tensor out = at::scaled_dot_product_attention(
      gathered(query, query_index, longest_query), repeated(gathered(key, key_index, longest_key)),
      repeated(gathered(value, key_index, longest_key)), mask, 0.0, false, scale);
  return out.transpose(1, 2)
      .reshape({sequences * longest_query, heads, size})
      .index_select(0, to_device(out_index, query));
}

} // namespace cuecard
