#include <cuecard/parts/forward_pass.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// Added to the position of every row of each sequence: where its past ends, else its position offset.
std::vector<int64_t> position_shift(const ForwardArgs& args, const Side& side) {
  std::vector<int64_t> shift(static_cast<std::size_t>(side.sequences()), 0);
  for (int64_t s = 0; s < side.sequences(); ++s) {
    const int64_t past = args.batch.past ? args.batch.past_of[s] : -1;
    if (past >= 0)
      shift[s] = args.batch.past->next_position[past];
    else if (!args.conditioning.position_offset.empty())
      shift[s] = args.conditioning.position_offset[s];
  }
  return shift;
}

/// Length of each sequence with its parent's rows.
int64_t whole_length(const Side& side, int64_t s) {
  const int64_t own = side.offsets[s + 1] - side.offsets[s];
  const int64_t parent = side.parent.empty() ? -1 : side.parent[s];
  return parent < 0 ? own : own + side.offsets[parent + 1] - side.offsets[parent];
}

at::Tensor shifted(const at::Tensor& positions, const Side& side, const std::vector<int64_t>& shift) {
  if (std::all_of(shift.begin(), shift.end(), [](int64_t by) { return by == 0; }))
    return positions;
  std::vector<int64_t> rows(static_cast<std::size_t>(side.rows()));
  for (int64_t s = 0; s < side.sequences(); ++s)
    std::fill(rows.begin() + side.offsets[s], rows.begin() + side.offsets[s + 1], shift[s]);
  const at::Tensor added =
      at::from_blob(rows.data(), {side.rows()}, at::kLong).clone().to(positions.device(), true);
  return positions + added;
}

/// For each sequence, the rows of its prefix among the site's prefixes laid end to end.
std::vector<KeyRange> prefix_ranges(const Conditioning& conditioning, PrefixSite site, int64_t sequences) {
  if (conditioning.prefixes.empty())
    return {};
  std::vector<KeyRange> of_prefix;
  int64_t rows = 0;
  for (const Prefix& prefix : conditioning.prefixes) {
    const int64_t length = prefix.site == site ? prefix.key.size(1) : 0;
    of_prefix.push_back({2, rows, rows + length});
    rows += length;
  }
  std::vector<KeyRange> result(static_cast<std::size_t>(sequences), KeyRange{2, 0, 0});
  for (int64_t s = 0; s < sequences; ++s)
    for (int64_t entry : conditioning.prefix_of[s])
      if (entry >= 0 && conditioning.prefixes[entry].site == site)
        result[s] = of_prefix[entry];
  return result;
}

} // namespace

ForwardPass::ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site)
    : args_(args), site_(site) {
  const std::vector<int64_t> shift = position_shift(args, side);
  if (shape.max_positions > 0)
    for (int64_t s = 0; s < side.sequences(); ++s)
      if (shift[s] + whole_length(side, s) > shape.max_positions)
        throw DataError("a sequence of " + std::to_string(whole_length(side, s)) +
                        " rows that starts at position " + std::to_string(shift[s]) +
                        " is too long: the model has " + std::to_string(shape.max_positions) +
                        " positions. Shorten the text or set a maximal length.");
  positions_ = shifted(side.positions, side, shift);
  static const std::vector<int64_t> none;
  const Past* past = args.batch.past.get();
  layout_ =
      self_attention_layout(side, shape.causal, past ? args.batch.past_of : none, past ? past->offsets : none,
                            prefix_ranges(args.conditioning, site, side.sequences()));
  last_layout_ = args.read_all_rows ? layout_ : ask_only(layout_, args.batch.answer_rows_host);
  if (args.keep) {
    args.keep->offsets = side.offsets;
    args.keep->layers.clear();
    args.keep->next_position.clear();
    for (int64_t s = 0; s < side.sequences(); ++s)
      args.keep->next_position.push_back(shift[s] + whole_length(side, s));
  }
}

std::vector<KeyValues> ForwardPass::sources(int64_t layer, const at::Tensor& key,
                                            const at::Tensor& value) const {
  if (args_.keep)
    args_.keep->layers.push_back({key.detach(), value.detach()});
  std::vector<KeyValues> result{{key, value}};
  std::vector<at::Tensor> keys, values;
  for (const Prefix& prefix : args_.conditioning.prefixes)
    if (prefix.site == site_) {
      keys.push_back(prefix.key.select(0, layer).to(key.scalar_type()));
      values.push_back(prefix.value.select(0, layer).to(value.scalar_type()));
    }
  if (args_.batch.past)
    result.push_back({args_.batch.past->layers[layer].key, args_.batch.past->layers[layer].value});
  else if (!keys.empty())
    result.push_back({}); // the prefixes are source 2 whether or not there is a past
  if (!keys.empty())
    result.push_back(
        {keys.size() == 1 ? keys[0] : at::cat(keys), values.size() == 1 ? values[0] : at::cat(values)});
  return result;
}

} // namespace cuecard
