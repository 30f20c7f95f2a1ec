#include "attention/late_layout.hpp"

namespace cuecard {

AttentionLayout layout_at_layer(const Side& side, bool causal, const std::vector<std::vector<KeyRange>>& before,
                                int64_t layer) {
  const auto hidden = [&](std::size_t s) {
    return !side.late_lengths.empty() && side.late_layers[s] > layer ? side.late_lengths[s] : 0;
  };
  const auto sequences = static_cast<std::size_t>(side.num_sequences());
  bool any = false;
  for (std::size_t s = 0; s < sequences; ++s)
    any = any || hidden(s) > 0;
  if (!any)
    return self_attention_layout(side, causal, before);

  AttentionLayout layout;
  layout.causal = causal;
  std::vector<std::vector<KeyRange>> seen_by_children(
      sequences); // before a child: the keys before its parent, then the parent
  const auto add = [&](int64_t begin, int64_t end, std::vector<KeyRange> precedes) {
    for (int64_t token = begin; token < end; ++token)
      layout.query_offsets_in_sequence.push_back(token - begin);
    layout.offsets.push_back(end);
    layout.query_offsets.push_back(end);
    layout.before.push_back(std::move(precedes));
  };
  for (std::size_t s = 0; s < sequences; ++s) {
    const int64_t begin = side.offsets[s], end = side.offsets[s + 1], visible = begin + hidden(s);
    const int64_t parent = side.parent.empty() ? -1 : side.parent[s];
    const std::vector<KeyRange> precedes = parent >= 0      ? seen_by_children[static_cast<std::size_t>(parent)]
                                           : before.empty() ? std::vector<KeyRange>()
                                                            : before[s];
    if (visible > begin)
      add(begin, visible, {});
    if (end > visible)
      add(visible, end, precedes);
    seen_by_children[s] = precedes;
    if (end > visible)
      seen_by_children[s].push_back({0, visible, end});
  }
  return layout;
}

} // namespace cuecard
