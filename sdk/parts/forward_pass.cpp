#include <cuecard/parts/forward_pass.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

#include "prefixes.hpp"

namespace cuecard {

namespace {

int64_t parent_of(const Side& side, int64_t s) {
  return side.parent.empty() ? -1 : side.parent[static_cast<std::size_t>(s)];
}

int64_t past_of(const Side& side, int64_t s) {
  return side.past_of.empty() ? -1 : side.past_of[static_cast<std::size_t>(s)];
}

int64_t own_length(const Side& side, int64_t s) {
  return side.offsets[static_cast<std::size_t>(s) + 1] - side.offsets[static_cast<std::size_t>(s)];
}

/// Added to the position of every row of each sequence: where its past ends, else what its prefixes count.
std::vector<int64_t> position_shift(const ForwardArgs& args, const Side& side, PrefixSite site) {
  std::vector<int64_t> shift(static_cast<std::size_t>(side.sequences()), 0);
  for (int64_t s = 0; s < side.sequences(); ++s) {
    int64_t& by = shift[static_cast<std::size_t>(s)];
    if (const int64_t parent = parent_of(side, s); parent >= 0)
      by = shift[static_cast<std::size_t>(parent)];
    else if (const int64_t past = past_of(side, s); past >= 0)
      by = args.batch.past->next_position[static_cast<std::size_t>(past)];
    else
      for (const std::size_t prefix : prefixes_of(args.conditioning, side, s, site))
        by += args.conditioning.prefixes[prefix].positions;
  }
  return shift;
}

/// Length of each sequence with the rows of its parents.
std::vector<int64_t> whole_lengths(const Side& side) {
  std::vector<int64_t> lengths;
  for (int64_t s = 0; s < side.sequences(); ++s) {
    const int64_t parent = parent_of(side, s);
    lengths.push_back(own_length(side, s) + (parent < 0 ? 0 : lengths[static_cast<std::size_t>(parent)]));
  }
  return lengths;
}

at::Tensor shifted(const at::Tensor& positions, const Side& side, const std::vector<int64_t>& shift) {
  if (std::all_of(shift.begin(), shift.end(), [](int64_t by) { return by == 0; }))
    return positions;
  std::vector<int64_t> rows(static_cast<std::size_t>(side.rows()));
  for (std::size_t s = 0; s < shift.size(); ++s)
    std::fill(rows.begin() + side.offsets[s], rows.begin() + side.offsets[s + 1], shift[s]);
  return positions + index_tensor(rows, positions.device());
}

/// What stands in front of each sequence that has no parent: its prefixes among those of the site laid end to
/// end (source 2), then its past (source 1).
std::vector<std::vector<KeyRange>> fronts(const ForwardArgs& args, const Side& side, PrefixSite site) {
  const std::vector<KeyRange> of_prefix = prefix_ranges(args.conditioning, site);
  std::vector<std::vector<KeyRange>> result(static_cast<std::size_t>(side.sequences()));
  for (int64_t s = 0; s < side.sequences(); ++s) {
    if (parent_of(side, s) >= 0)
      continue;
    std::vector<KeyRange>& front = result[static_cast<std::size_t>(s)];
    for (const std::size_t prefix : prefixes_of(args.conditioning, side, s, site))
      front.push_back(of_prefix[prefix]);
    if (const int64_t past = past_of(side, s); past >= 0)
      for (const Past::Rows& range : args.batch.past->ranges[static_cast<std::size_t>(past)])
        front.push_back({1, range.begin, range.end});
  }
  return result;
}

} // namespace

ForwardPass::ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site)
    : args_(args), site_(site), reads_(&side == &args.batch.read_side()) {
  const bool decoder = args.batch.output && reads_;
  const std::vector<int64_t> shift = position_shift(args, side, site);
  const std::vector<int64_t> lengths = whole_lengths(side);
  for (std::size_t s = 0; shape.max_positions > 0 && s < lengths.size(); ++s)
    if (shift[s] + lengths[s] > shape.max_positions)
      throw DataError("a sequence of " + std::to_string(lengths[s]) + " rows that starts at position " +
                      std::to_string(shift[s]) + " is too long: the model reads up to " +
                      std::to_string(shape.max_positions) +
                      " positions. Shorten the text or set a maximal length.");
  positions_ = shifted(side.positions, side, shift);
  if (args.keep && reads_)
    args.keep->reserve(side.rows()); // may move rows, so before anybody looks where they are
  const std::vector<std::vector<KeyRange>> in_front = fronts(args, side, site);
  for (const std::vector<KeyRange>& front : in_front)
    has_past_ = has_past_ || (!front.empty() && front.back().source == 1);
  layout_ = self_attention_layout(side, shape.causal || decoder, in_front);
  last_layout_ = reads_some() ? ask_only(layout_, args.batch.answer_rows_host) : layout_;
  if (args.keep && reads_)
    keep_rows(side, shift);
}

void ForwardPass::keep_rows(const Side& side, const std::vector<int64_t>& shift) {
  Past& keep = *args_.keep;
  const bool goes_on = &keep == args_.batch.past.get();
  const std::vector<int64_t> lengths = whole_lengths(side);
  std::vector<int64_t> kept_as;
  for (int64_t s = 0; s < side.sequences(); ++s) {
    const int64_t parent = parent_of(side, s), past = goes_on ? past_of(side, s) : -1;
    const int64_t to =
        past >= 0 ? past : keep.fork(parent < 0 ? -1 : kept_as[static_cast<std::size_t>(parent)]);
    kept_as.push_back(to);
    for (const Past::Rows& rows : keep.append(to, own_length(side, s)))
      kept_.push_back(rows);
    const auto i = static_cast<std::size_t>(s);
    keep.next_position[static_cast<std::size_t>(to)] = shift[i] + lengths[i];
  }
  if (args_.batch.output)
    keep_sources(kept_as);
}

/// Which encoder rows each kept sequence attends to; `CrossPass` puts them there.
void ForwardPass::keep_sources(const std::vector<int64_t>& kept_as) const {
  const Batch& batch = args_.batch;
  Past& keep = *args_.keep;
  if (batch.source_of.empty()) {
    if (&keep != batch.past.get())
      throw Error("a sequence whose encoder rows lie in a past can only be kept in that past.");
    return;
  }
  const auto known = static_cast<int64_t>(keep.cross_offsets.size()) - 1;
  for (int64_t s = 0; s < batch.input.sequences(); ++s)
    keep.cross_offsets.push_back(keep.cross_offsets.back() + own_length(batch.input, s));
  keep.source_of.resize(static_cast<std::size_t>(keep.sequences()), -1);
  for (std::size_t s = 0; s < kept_as.size(); ++s)
    keep.source_of[static_cast<std::size_t>(kept_as[s])] = known + batch.source_of[s];
}

std::vector<KeyValues> ForwardPass::sources(int64_t layer, const at::Tensor& key,
                                            const at::Tensor& value) const {
  if (args_.keep && reads_)
    args_.keep->put(layer, key, value, kept_);
  std::vector<KeyValues> result{{key, value}};
  if (has_past_) {
    const Past::Layer& past = args_.batch.past->layers[static_cast<std::size_t>(layer)];
    result.push_back({past.key, past.value});
  }
  add_prefixes(args_.conditioning, site_, layer, result);
  return result;
}

} // namespace cuecard
