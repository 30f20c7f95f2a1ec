#include "engine/fronts.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

bool begins_with(const TokenizedPrompt& prompt, const std::vector<TokenRow>& front) {
  if (prompt.answers.empty() || prompt.answers.front() < static_cast<int64_t>(front.size()))
    return false;
  return std::equal(front.begin(), front.end(), prompt.input.begin(), [](const TokenRow& a, const TokenRow& b) {
    return a.id == b.id && a.segment == b.segment && a.soft_slot == b.soft_slot &&
           a.trigger_slot == b.trigger_slot;
  });
}

} // namespace

Fronts::Fronts(const Model& model, const std::vector<const Method*>& methods, const CardMix& mix,
               const CountedBackbone& backbone)
    : model_(model), methods_(methods), mix_(mix), backbone_(backbone), fronts_(methods.size()) {}

void Fronts::use(PackItem& item) {
  const BackboneShape& shape = model_.backbone().shape();
  if (!shape.causal || shape.encoder_decoder)
    return;
  Front& front = fronts_[static_cast<std::size_t>(item.card)];
  if (!front.decided)
    decide(front, item);
  if (front.index < 0 || !begins_with(*item.prompt, front.rows))
    return;
  item.skip = static_cast<int64_t>(front.rows.size());
  item.past = front.index;
}

void Fronts::decide(Front& front, const PackItem& item) {
  front.decided = true;
  TokenizedPrompt blank;
  try {
    blank = tokenized_blank(*methods_[static_cast<std::size_t>(item.card)], model_);
  } catch (const Error&) {
    return; // a template without a content-free form has no known front
  }
  PackItem blank_item = item;
  blank_item.prompt = &blank;
  const int64_t length = common_front({item, blank_item});
  if (length < 2)
    return;
  front.rows.assign(blank.input.begin(), blank.input.begin() + length);

  TokenizedPrompt alone;
  alone.input = front.rows;
  alone.answers = {length - 1};
  alone.targets = {-1};
  const Batch batch = pack({{&alone, item.example, item.card, item.soft_offset}}, {model_.backbone().device()});
  Past kept;
  backbone_.forward(batch, mix_.for_batch(batch), &kept);
  front.index = past_ ? past_->sequences() : 0;
  past_ = std::make_shared<const Past>(past_ ? Past::concat({past_.get(), &kept}) : std::move(kept));
}

} // namespace cuecard
