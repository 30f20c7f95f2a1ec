#include "batch/pack.hpp"

#include <algorithm>

#include <ATen/ops/from_blob.h>

namespace cuecard {

namespace {

at::Tensor to_device(const std::vector<int64_t>& values, at::Device device) {
  const at::Tensor host =
      at::from_blob(const_cast<int64_t*>(values.data()), {static_cast<int64_t>(values.size())}, at::kLong)
          .clone();
  return device.is_cpu() ? host : host.to(device, true);
}

bool same_row(const TokenRow& a, const TokenRow& b) {
  return a.id == b.id && a.segment == b.segment && a.soft_slot == b.soft_slot &&
         a.trigger_slot == b.trigger_slot;
}

/// One side while it grows, on the host.
struct GrowingSide {
  std::vector<int64_t> ids, positions, segments, soft_rows, soft_slots, trigger_rows, trigger_slots;
  std::vector<int64_t> offsets{0}, parent;
  std::vector<RowOrigin> origin;

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }

  /// Lays rows begin to end of `tokens`; their positions count from `begin`, less what lies in a past.
  void lay(const std::vector<TokenRow>& tokens, int64_t begin, int64_t end, int64_t first_position,
           int64_t soft_offset, int64_t of) {
    for (int64_t i = begin; i < end; ++i) {
      const TokenRow& token = tokens[static_cast<std::size_t>(i)];
      if (token.soft_slot >= 0) {
        soft_rows.push_back(rows());
        soft_slots.push_back(token.soft_slot + soft_offset);
      }
      if (token.trigger_slot >= 0) {
        trigger_rows.push_back(rows());
        trigger_slots.push_back(token.trigger_slot);
      }
      ids.push_back(token.id);
      positions.push_back(first_position + i - begin);
      segments.push_back(token.segment);
      origin.push_back(token.origin);
    }
    offsets.push_back(rows());
    parent.push_back(of);
  }

  Side finish(at::Device device) const {
    Side side;
    side.ids = to_device(ids, device);
    side.positions = to_device(positions, device);
    if (std::any_of(segments.begin(), segments.end(), [](int64_t segment) { return segment != 0; }))
      side.segments = to_device(segments, device);
    side.offsets = offsets;
    side.parent = parent;
    side.soft_rows = to_device(soft_rows, device);
    side.soft_slots = to_device(soft_slots, device);
    side.trigger_rows = to_device(trigger_rows, device);
    side.trigger_slots = to_device(trigger_slots, device);
    return side;
  }
};

/// Index behind the last item of the card of item `first`.
std::size_t end_of_card(const std::vector<PackItem>& items, std::size_t first) {
  std::size_t last = first + 1;
  while (last < items.size() && items[last].card == items[first].card &&
         items[last].past == items[first].past && items[last].skip == items[first].skip)
    ++last;
  return last;
}

} // namespace

int64_t common_front(const std::vector<PackItem>& items) {
  if (items.empty())
    return 0;
  const std::vector<TokenRow>& model = items[0].prompt->input;
  int64_t common = static_cast<int64_t>(model.size());
  for (const PackItem& item : items) {
    const std::vector<TokenRow>& rows = item.prompt->input;
    const int64_t limit = item.prompt->answers.empty() || !item.prompt->output.empty()
                              ? static_cast<int64_t>(rows.size()) - 1
                              : item.prompt->answers.front();
    common = std::min(common, limit);
    int64_t same = 0;
    while (same < common &&
           same_row(rows[static_cast<std::size_t>(same)], model[static_cast<std::size_t>(same)]))
      ++same;
    common = same;
  }
  return std::max<int64_t>(common, 0);
}

Batch pack(const std::vector<PackItem>& items, const PackSettings& settings) {
  Batch batch;
  GrowingSide input, output;
  const bool decodes = !items.empty() && !items[0].prompt->output.empty();
  std::vector<int64_t> targets, labels;
  bool any_past = false;
  for (std::size_t first = 0; first < items.size();) {
    const std::size_t last = end_of_card(items, first);
    const std::vector<PackItem> group(items.begin() + static_cast<std::ptrdiff_t>(first),
                                      items.begin() + static_cast<std::ptrdiff_t>(last));
    // Two shared rows are where the saving outgrows the two extra products per head.
    int64_t shared = settings.share_front && group.size() > 1 ? common_front(group) - group[0].skip : 0;
    shared = shared >= 2 ? shared : 0;
    int64_t parent = -1;
    if (shared > 0) {
      parent = input.sequences();
      input.lay(group[0].prompt->input, group[0].skip, group[0].skip + shared, 0, group[0].soft_offset, -1);
      batch.sequence_cards.push_back(group[0].card);
      batch.past_of.push_back(group[0].past);
    }
    for (const PackItem& item : group) {
      const TokenizedPrompt& prompt = *item.prompt;
      const int64_t begin = item.skip + shared;
      const int64_t start = input.rows();
      batch.sequence_of.push_back(input.sequences());
      input.lay(prompt.input, begin, static_cast<int64_t>(prompt.input.size()), shared, item.soft_offset,
                parent);
      batch.sequence_cards.push_back(item.card);
      batch.past_of.push_back(item.past);
      any_past = any_past || item.past >= 0;
      const int64_t read_start = decodes ? output.rows() : start - begin;
      if (decodes)
        output.lay(prompt.output, 0, static_cast<int64_t>(prompt.output.size()), 0, item.soft_offset, -1);
      for (int64_t answer : prompt.answers)
        batch.answer_rows_host.push_back(read_start + answer);
      targets.insert(targets.end(), prompt.targets.begin(), prompt.targets.end());
      batch.answer_offsets.push_back(static_cast<int64_t>(batch.answer_rows_host.size()));
      batch.examples.push_back(item.example);
      batch.choices.push_back(prompt.choice);
      batch.cards.push_back(item.card);
      labels.push_back(item.example ? item.example->label : -1);
    }
    first = last;
  }
  if (!any_past)
    batch.past_of.clear();
  batch.input = input.finish(settings.device);
  if (decodes)
    batch.output = output.finish(settings.device);
  if (settings.keep_origin)
    batch.origin = input.origin;
  batch.answer_rows = to_device(batch.answer_rows_host, settings.device);
  batch.answer_targets = to_device(targets, settings.device);
  batch.labels = to_device(labels, settings.device);
  return batch;
}

} // namespace cuecard
