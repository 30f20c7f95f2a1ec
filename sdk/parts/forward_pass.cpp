#include <cuecard/parts/forward_pass.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

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

/// Which of conditioning.prefixes stand in front of sequence `s` at `site`.
std::vector<std::size_t> prefixes_of(const Conditioning& conditioning, const Side& side, int64_t s,
                                     PrefixSite site) {
  std::vector<std::size_t> found;
  const auto add = [&](int64_t entry) {
    if (conditioning.prefixes[static_cast<std::size_t>(entry)].site == site)
      found.push_back(static_cast<std::size_t>(entry));
  };
  if (conditioning.prefixes_of.empty())
    for (std::size_t i = 0; i < conditioning.prefixes.size(); ++i)
      add(static_cast<int64_t>(i));
  else
    for (const int64_t entry :
         conditioning.prefixes_of[static_cast<std::size_t>(side.cards[static_cast<std::size_t>(s)])])
      add(entry);
  return found;
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
  const at::Tensor added =
      at::from_blob(rows.data(), {side.rows()}, at::kLong).clone().to(positions.device(), true);
  return positions + added;
}

/// What stands in front of each sequence that has no parent: its prefixes among those of the site laid end to
/// end (source 2), then its past (source 1).
std::vector<std::vector<KeyRange>> fronts(const ForwardArgs& args, const Side& side, PrefixSite site) {
  std::vector<KeyRange> of_prefix;
  int64_t rows = 0;
  for (const Prefix& prefix : args.conditioning.prefixes) {
    const int64_t length = prefix.site == site ? prefix.key.size(1) : 0;
    of_prefix.push_back({2, rows, rows + length});
    rows += length;
  }
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
                      std::to_string(shift[s]) + " is too long: the model has " +
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
}

std::vector<KeyValues> ForwardPass::sources(int64_t layer, const at::Tensor& key,
                                            const at::Tensor& value) const {
  if (args_.keep && reads_)
    args_.keep->put(layer, key, value, kept_);
  std::vector<KeyValues> result{{key, value}};
  std::vector<at::Tensor> keys, values;
  for (const Prefix& prefix : args_.conditioning.prefixes)
    if (prefix.site == site_) {
      keys.push_back(prefix.key.select(0, layer).to(key.scalar_type()));
      values.push_back(prefix.value.select(0, layer).to(value.scalar_type()));
    }
  if (has_past_) {
    const Past::Layer& past = args_.batch.past->layers[static_cast<std::size_t>(layer)];
    result.push_back({past.key, past.value});
  } else if (!keys.empty()) {
    result.push_back({}); // the prefixes are source 2 whether or not there is a past
  }
  if (!keys.empty())
    result.push_back(
        {keys.size() == 1 ? keys[0] : at::cat(keys), values.size() == 1 ? values[0] : at::cat(values)});
  return result;
}

} // namespace cuecard
