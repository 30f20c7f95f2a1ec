#include "batch/pack.hpp"

#include <algorithm>
#include <span>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Two shared rows are where the saving outgrows the two extra products per head.
constexpr int64_t worth_sharing = 2;

using Items = std::span<const PackItem>;

/// One side while it grows, on the host.
struct GrowingSide {
  std::vector<int64_t> ids, positions, segments, soft_rows, soft_slots, trigger_rows, trigger_slots;
  std::vector<int64_t> offsets{0}, parent, cards, past_of;

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }

  /// A sequence of the rows begin to end of `tokens`, whose positions count from `first_position`. Returns its
  /// number.
  int64_t lay(const PackItem& item, const std::vector<TokenRow>& tokens, int64_t begin, int64_t end,
              int64_t first_position, int64_t of) {
    for (int64_t i = begin; i < end; ++i) {
      const TokenRow& token = tokens[static_cast<std::size_t>(i)];
      if (token.soft_slot >= 0) {
        soft_rows.push_back(rows());
        soft_slots.push_back(token.soft_slot + item.soft_offset);
      }
      if (token.trigger_slot >= 0) {
        trigger_rows.push_back(rows());
        trigger_slots.push_back(token.trigger_slot);
      }
      ids.push_back(token.id);
      positions.push_back(first_position + i - begin);
      segments.push_back(token.segment);
    }
    offsets.push_back(rows());
    parent.push_back(of);
    cards.push_back(item.card);
    past_of.push_back(of < 0 ? item.past : -1);
    return sequences() - 1;
  }

  Side finish(at::Device device) const {
    Side side;
    side.ids = index_tensor(ids, device);
    side.positions = index_tensor(positions, device);
    if (std::any_of(segments.begin(), segments.end(), [](int64_t segment) { return segment != 0; }))
      side.segments = index_tensor(segments, device);
    side.offsets = offsets;
    side.parent = parent;
    side.cards = cards;
    if (std::any_of(past_of.begin(), past_of.end(), [](int64_t past) { return past >= 0; }))
      side.past_of = past_of;
    side.soft_rows = index_tensor(soft_rows, device);
    side.soft_slots = index_tensor(soft_slots, device);
    side.trigger_rows = index_tensor(trigger_rows, device);
    side.trigger_slots = index_tensor(trigger_slots, device);
    return side;
  }
};

int64_t common_rows(Items items) {
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

/// Calls `use` for each run of neighbours that `same` holds together with the first of the run.
template <class Same, class Use>
void for_each_run(Items items, Same&& same, Use&& use) {
  for (std::size_t first = 0; first < items.size();) {
    std::size_t last = first + 1;
    while (last < items.size() && same(items[first], items[last]))
      ++last;
    use(items.subspan(first, last - first));
    first = last;
  }
}

bool same_card(const PackItem& a, const PackItem& b) {
  return a.card == b.card && a.past == b.past && a.skip == b.skip;
}

bool same_example(const PackItem& a, const PackItem& b) {
  return a.example == b.example && a.example != nullptr;
}

class Packer {
public:
  explicit Packer(const PackSettings& settings) : settings_(settings) {}

  Batch pack(Items items) {
    const bool decodes = !items.empty() && !items[0].prompt->output.empty();
    for_each_run(items, same_card, [&](Items card) {
      if (decodes)
        for_each_run(card, same_example, [&](Items example) { lay_encoder_decoder(example); });
      else
        lay_card(card);
    });
    return finish(decodes);
  }

private:
  /// Rows in front of `laid` that all items share become a sequence of their own, when they are worth it.
  int64_t lay_front(Items items, int64_t laid, int64_t parent, int64_t& position) {
    const int64_t shared = settings_.share_front && items.size() > 1 ? common_rows(items) - laid : 0;
    if (shared < worth_sharing)
      return laid;
    parent_ = input_.lay(items[0], items[0].prompt->input, laid, laid + shared, position, parent);
    position += shared;
    return laid + shared;
  }

  void lay_card(Items card) {
    int64_t card_position = 0;
    parent_ = -1;
    const int64_t card_laid = lay_front(card, card[0].skip, -1, card_position);
    const int64_t card_parent = parent_;
    for_each_run(card, same_example, [&](Items example) {
      int64_t position = card_position;
      parent_ = card_parent;
      const int64_t laid = lay_front(example, card_laid, card_parent, position);
      for (const PackItem& item : example) {
        const TokenizedPrompt& prompt = *item.prompt;
        const int64_t start = input_.rows() - laid;
        const int64_t sequence =
            input_.lay(item, prompt.input, laid, static_cast<int64_t>(prompt.input.size()), position, parent_);
        add_entry(item, sequence, start, prompt.input);
      }
    });
  }

  void lay_encoder_decoder(Items example) {
    const PackItem* encoded = nullptr;
    int64_t source = -1;
    for (const PackItem& item : example) {
      const std::vector<TokenRow>& rows = item.prompt->input;
      const bool known = encoded && std::equal(rows.begin(), rows.end(), encoded->prompt->input.begin(),
                                               encoded->prompt->input.end(), same_row);
      if (!known) {
        source = input_.lay(item, rows, 0, static_cast<int64_t>(rows.size()), 0, -1);
        encoded = &item;
      }
      const int64_t start = output_.rows();
      const std::vector<TokenRow>& output = item.prompt->output;
      const int64_t sequence = output_.lay(item, output, 0, static_cast<int64_t>(output.size()), 0, -1);
      batch_.source_of.push_back(source);
      add_entry(item, sequence, start, output);
    }
  }

  /// `start`: row of the side at which row 0 of `rows` would lie.
  void add_entry(const PackItem& item, int64_t sequence, int64_t start, const std::vector<TokenRow>& rows) {
    const TokenizedPrompt& prompt = *item.prompt;
    for (const int64_t answer : prompt.answers) {
      batch_.answer_rows_host.push_back(start + answer);
      const RowOrigin& origin = rows[static_cast<std::size_t>(answer)].origin;
      batch_.answer_origin.push_back(origin);
      const bool labelled = item.example && origin.word >= 0 &&
                            origin.word < static_cast<int64_t>(item.example->word_labels.size());
      word_labels_.push_back(labelled ? item.example->word_labels[static_cast<std::size_t>(origin.word)] : -1);
    }
    targets_.insert(targets_.end(), prompt.targets.begin(), prompt.targets.end());
    batch_.answer_offsets.push_back(static_cast<int64_t>(batch_.answer_rows_host.size()));
    batch_.sequence_of.push_back(sequence);
    batch_.examples.push_back(item.example);
    batch_.choices.push_back(prompt.choice);
    batch_.variants.push_back(prompt.variant);
    batch_.candidates.push_back(prompt.candidate);
    batch_.cards.push_back(item.card);
    labels_.push_back(item.example ? item.example->label : -1);
  }

  Batch finish(bool decodes) {
    batch_.input = input_.finish(settings_.device);
    if (decodes)
      batch_.output = output_.finish(settings_.device);
    batch_.answer_rows = index_tensor(batch_.answer_rows_host, settings_.device);
    batch_.answer_targets = index_tensor(targets_, settings_.device);
    batch_.answer_labels = index_tensor(word_labels_, settings_.device);
    batch_.labels = index_tensor(labels_, settings_.device);
    return std::move(batch_);
  }

  PackSettings settings_;
  Batch batch_;
  GrowingSide input_, output_;
  std::vector<int64_t> targets_, labels_, word_labels_;
  int64_t parent_ = -1; ///< the innermost front that was laid
};

} // namespace

int64_t common_front(const std::vector<PackItem>& items) {
  return common_rows(items);
}

Batch pack(const std::vector<PackItem>& items, const PackSettings& settings) {
  return Packer(settings).pack(items);
}

} // namespace cuecard
