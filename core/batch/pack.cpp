#include "batch/pack.hpp"

#include <algorithm>
#include <map>
#include <span>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// With fewer shared tokens, the two extra matrix products per head cost more than sharing saves.
constexpr int64_t min_shared_tokens = 2;

using Items = std::span<const PackItem>;

/// One side under construction, on the host.
struct GrowingSide {
  std::vector<int64_t> ids, positions, segments, soft_tokens, soft_slots, trigger_tokens, trigger_slots;
  std::vector<int64_t> offsets{0}, parent, cards, inputs, cache_of, late_lengths, late_layers;
  struct Late {
    std::vector<int64_t> tokens, slots;
  };
  std::map<int64_t, Late> late; ///< by first layer

  int64_t num_tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t num_sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }

  /// Adds tokens `begin` to `end` of `tokens` as a sequence with parent `of`. Its positions begin at
  /// `position`, which becomes the position after it. Returns the sequence's number.
  int64_t add(const PackItem& item, const std::vector<PromptToken>& tokens, int64_t begin, int64_t end,
              int64_t& position, int64_t of) {
    int64_t late_length = 0, late_layer = 0;
    for (int64_t i = begin; i < end; ++i) {
      const PromptToken& token = tokens[static_cast<std::size_t>(i)];
      const bool is_late = token.first_layer > 0;
      if (is_late) {
        late[token.first_layer].tokens.push_back(num_tokens());
        late[token.first_layer].slots.push_back(token.soft_slot + item.late_offset);
        ++late_length;
        late_layer = token.first_layer;
      } else if (token.soft_slot >= 0) {
        soft_tokens.push_back(num_tokens());
        soft_slots.push_back(token.soft_slot + item.soft_offset);
      }
      if (token.trigger_slot >= 0) {
        trigger_tokens.push_back(num_tokens());
        trigger_slots.push_back(token.trigger_slot);
      }
      ids.push_back(token.id);
      positions.push_back(position);
      position += is_late ? 0 : 1;
      segments.push_back(token.segment);
    }
    offsets.push_back(num_tokens());
    parent.push_back(of);
    cards.push_back(item.card);
    inputs.push_back(item.input);
    cache_of.push_back(of < 0 ? item.cached : -1);
    late_lengths.push_back(late_length);
    late_layers.push_back(late_layer);
    return num_sequences() - 1;
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
    const auto some = [](const std::vector<int64_t>& numbers) {
      return std::any_of(numbers.begin(), numbers.end(), [](int64_t number) { return number >= 0; });
    };
    if (some(cache_of))
      side.cache_of = cache_of;
    if (some(inputs))
      side.inputs = inputs;
    for (const auto& [layer, group] : late)
      side.late.push_back({layer, index_tensor(group.tokens, device), index_tensor(group.slots, device)});
    if (!late.empty()) {
      side.late_lengths = late_lengths;
      side.late_layers = late_layers;
    }
    side.soft_tokens = index_tensor(soft_tokens, device);
    side.soft_slots = index_tensor(soft_slots, device);
    side.trigger_tokens = index_tensor(trigger_tokens, device);
    side.trigger_slots = index_tensor(trigger_slots, device);
    return side;
  }
};

int64_t common_tokens(Items items) {
  if (items.empty())
    return 0;
  const std::vector<PromptToken>& first = items[0].prompt->input;
  auto common = static_cast<int64_t>(first.size());
  for (const PackItem& item : items) {
    if (item.input != items[0].input) // the soft prompts of different inputs differ
      return 0;
    const std::vector<PromptToken>& tokens = item.prompt->input;
    const int64_t limit = item.prompt->answers.empty() || !item.prompt->output.empty()
                              ? static_cast<int64_t>(tokens.size()) - 1
                              : item.prompt->answers.front();
    common = std::min(common, limit);
    int64_t same = 0;
    while (same < common &&
           same_token(tokens[static_cast<std::size_t>(same)], first[static_cast<std::size_t>(same)]))
      ++same;
    common = same;
  }
  return std::max<int64_t>(common, 0);
}

/// Calls `use` for each run of neighbours that are the `same` as the first of the run.
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
  return a.card == b.card && a.cached == b.cached && a.skip == b.skip;
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
        for_each_run(card, same_example, [&](Items example) { pack_encoder_decoder(example); });
      else
        pack_card(card);
    });
    return finish(decodes);
  }

private:
  /// Stores the tokens after the first `packed` ones that all items share as a sequence of their own, if there
  /// are enough.
  int64_t add_shared_prefix(Items items, int64_t packed, int64_t parent, int64_t& position) {
    const int64_t shared = settings_.share_prefix && items.size() > 1 ? common_tokens(items) - packed : 0;
    if (shared < min_shared_tokens)
      return packed;
    parent_ = input_.add(items[0], items[0].prompt->input, packed, packed + shared, position, parent);
    return packed + shared;
  }

  void pack_card(Items card) {
    int64_t card_position = 0;
    parent_ = -1;
    const int64_t card_packed = add_shared_prefix(card, card[0].skip, -1, card_position);
    const int64_t card_parent = parent_;
    for_each_run(card, same_example, [&](Items example) {
      int64_t example_position = card_position;
      parent_ = card_parent;
      const int64_t packed = add_shared_prefix(example, card_packed, card_parent, example_position);
      for (const PackItem& item : example) {
        const TokenizedPrompt& prompt = *item.prompt;
        const int64_t start = input_.num_tokens() - packed;
        int64_t position = example_position;
        const int64_t sequence = input_.add(item, prompt.input, packed,
                                            static_cast<int64_t>(prompt.input.size()), position, parent_);
        add_entry(item, sequence, start, prompt.input);
      }
    });
  }

  void pack_encoder_decoder(Items example) {
    const PackItem* encoded = nullptr;
    int64_t source = -1;
    for (const PackItem& item : example) {
      const std::vector<PromptToken>& tokens = item.prompt->input;
      const bool known = encoded && std::equal(tokens.begin(), tokens.end(), encoded->prompt->input.begin(),
                                               encoded->prompt->input.end(), same_token);
      int64_t position = 0;
      if (!known) {
        source = input_.add(item, tokens, 0, static_cast<int64_t>(tokens.size()), position, -1);
        encoded = &item;
      }
      const int64_t start = output_.num_tokens();
      const std::vector<PromptToken>& output = item.prompt->output;
      position = 0;
      const int64_t sequence = output_.add(item, output, 0, static_cast<int64_t>(output.size()), position, -1);
      batch_.source_of.push_back(source);
      add_entry(item, sequence, start, output);
    }
  }

  /// `start`: index on the side of token 0 of `tokens`, or the index that it would have if a prefix is stored
  /// elsewhere.
  void add_entry(const PackItem& item, int64_t sequence, int64_t start,
                 const std::vector<PromptToken>& tokens) {
    const TokenizedPrompt& prompt = *item.prompt;
    for (const int64_t answer : prompt.answers) {
      batch_.answer_tokens_host.push_back(start + answer);
      const TokenOrigin& origin = tokens[static_cast<std::size_t>(answer)].origin;
      batch_.answer_origin.push_back(origin);
      const bool labelled = item.example && origin.word >= 0 &&
                            origin.word < static_cast<int64_t>(item.example->word_labels.size());
      word_labels_.push_back(labelled ? item.example->word_labels[static_cast<std::size_t>(origin.word)] : -1);
    }
    targets_.insert(targets_.end(), prompt.targets.begin(), prompt.targets.end());
    batch_.answer_offsets.push_back(static_cast<int64_t>(batch_.answer_tokens_host.size()));
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
    batch_.answer_tokens = index_tensor(batch_.answer_tokens_host, settings_.device);
    batch_.answer_targets = index_tensor(targets_, settings_.device);
    batch_.answer_labels = index_tensor(word_labels_, settings_.device);
    batch_.labels = index_tensor(labels_, settings_.device);
    return std::move(batch_);
  }

  PackSettings settings_;
  Batch batch_;
  GrowingSide input_, output_;
  std::vector<int64_t> targets_, labels_, word_labels_;
  int64_t parent_ = -1; ///< the innermost shared prefix
};

} // namespace

int64_t common_prefix(const std::vector<PackItem>& items) {
  return common_tokens(items);
}

Batch pack(const std::vector<PackItem>& items, const PackSettings& settings) {
  return Packer(settings).pack(items);
}

} // namespace cuecard
