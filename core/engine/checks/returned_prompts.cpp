#include "engine/checks/returned_prompts.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "batch/encode_pieces.hpp"
#include "engine/checks/refusal.hpp"
#include "engine/checks/returned_values.hpp"
#include "registry/utf8.hpp"

namespace cuecard {

namespace {

/// Tuners that make several prompts of one multiply its variant by their number.
constexpr int64_t max_variant = std::numeric_limits<int32_t>::max();

template <class Use>
void for_each_piece(const Prompt& prompt, Use&& use) {
  for (const std::vector<Piece>* side : {&prompt.prepended, &prompt.input, &prompt.output})
    for (const Piece& piece : *side)
      use(piece);
}

bool is_utf8(const std::string& text) {
  return registry::valid_utf8_size(text) == text.size();
}

int64_t answer_slots_in(const Prompt& prompt) {
  int64_t count = 0;
  for_each_piece(prompt, [&](const Piece& piece) { count += piece.kind == Piece::Kind::answer; });
  return count;
}

/// `segments`: BackboneShape::segments.
void check_piece(const Piece& piece, int64_t segments) {
  using Kind = Piece::Kind;
  constexpr std::array known{Kind::text, Kind::field, Kind::answer, Kind::soft, Kind::trigger, Kind::special};
  if (std::ranges::find(known, piece.kind) == known.end())
    throw Error("it placed a piece of the unknown kind " + std::to_string(static_cast<int>(piece.kind)) +
                " in the prompt; expected one of Piece::Kind");
  if (piece.lead < 0 || piece.lead > std::ssize(piece.text))
    throw Error("it placed a piece whose lead is " + counted(piece.lead, "byte") +
                " in the prompt; expected 0 to " + std::to_string(piece.text.size()) +
                ", the length of its text");
  if (piece.segment < 0 || (segments > 0 && piece.segment >= segments))
    throw Error("it placed a piece of the segment " + std::to_string(piece.segment) +
                " in the prompt; expected " +
                (segments > 0 ? "0 to " + std::to_string(segments - 1) + ", a segment of the model"
                              : "a number from 0"));
}

struct AlternativeLimits {
  int64_t choices, last_variant;
};

/// `made`: what the plugin did with the prompts.
void check_alternatives(const std::vector<Prompt>& prompts, const std::string& made,
                        const AlternativeLimits& limits) {
  for (const Prompt& prompt : prompts) {
    if (prompt.variant < 0 || prompt.variant > limits.last_variant)
      throw Error("it " + made + " a prompt with the variant " + std::to_string(prompt.variant) +
                  "; expected a number from 0 to " + std::to_string(limits.last_variant));
    if (prompt.choice < 0 || prompt.choice >= limits.choices)
      throw Error("it " + made + " a prompt with the choice " + std::to_string(prompt.choice) +
                  "; expected a number from 0 that is below the number of prompts, " +
                  std::to_string(limits.choices));
  }
  if (prompts.size() < 2)
    return;
  std::vector<std::pair<int64_t, int64_t>> numbers;
  numbers.reserve(prompts.size());
  for (const Prompt& prompt : prompts)
    numbers.emplace_back(prompt.variant, prompt.choice);
  std::ranges::sort(numbers);
  if (const auto twice = std::ranges::adjacent_find(numbers); twice != numbers.end())
    throw Error("it " + made + " two prompts with the variant " + std::to_string(twice->first) +
                " and the choice " + std::to_string(twice->second) +
                "; expected the prompts of an example to differ in one of them");
}

/// `count`: how many there are of its kind; -1: unknown.
void check_slot(const Piece& piece, int64_t count, const std::string& kind) {
  if (piece.slot < 0 || (count >= 0 && piece.slot >= count))
    throw Error("it placed the " + kind + " slot " + std::to_string(piece.slot) + " in the prompt; expected " +
                (count < 0    ? "a number from 0"
                 : count == 0 ? "none, because the template has no " + kind + " slot"
                              : "0 to " + std::to_string(count - 1)));
}

/// A late soft slot is one that enters the model at a middle layer.
void check_late_slots(const Prompt& prompt, const Backbone& backbone) {
  const auto late = [](const Piece& piece) { return piece.first_layer != 0; };
  if (std::ranges::any_of(prompt.input, late) || std::ranges::any_of(prompt.output, late))
    throw Error(
        "it placed a late soft slot (Piece::first_layer) in the text; expected in Prompt::prepended only");
  int64_t place = 0;
  bool ended = false;
  for (const Piece& piece : prompt.prepended) {
    ++place;
    ended = ended || piece.first_layer == 0;
    if (piece.first_layer == 0)
      continue;
    const std::string layer = "a piece that enters at layer " + std::to_string(piece.first_layer);
    if (piece.kind != Piece::Kind::soft)
      throw Error("it placed " + layer + " (Piece::first_layer) and is no soft slot; expected soft slots only");
    if (ended)
      throw Error("it placed " + layer + " (Piece::first_layer) as number " + std::to_string(place) +
                  " of Prompt::prepended, after one that enters at layer 0; expected late soft slots first");
    if (const int64_t first = prompt.prepended.front().first_layer; piece.first_layer != first)
      throw Error("it placed " + layer + " (Piece::first_layer) after one that enters at layer " +
                  std::to_string(first) + "; expected late soft slots all with the same layer");
    const int64_t layers = input_layers(backbone.shape());
    if (piece.first_layer < 0 || piece.first_layer >= layers)
      throw Error("it placed a soft slot that enters at layer " + std::to_string(piece.first_layer) +
                  "; expected 0 to " + std::to_string(layers - 1));
  }
}

} // namespace

void check_soft_slots(const std::vector<SoftSlot>& slots, const Vocabulary& vocabulary) {
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    if (const std::optional<int64_t> token = slots[slot].initial_token;
        token && (*token < 0 || *token >= vocabulary.size()))
      throw Error("it returned the initial token " + std::to_string(*token) + " of soft slot " +
                  std::to_string(slot) + "; expected 0 to " + std::to_string(vocabulary.size() - 1) +
                  ", a token of the vocabulary");
}

void check_triggers(const std::vector<int64_t>& triggers, const Vocabulary& vocabulary) {
  for (std::size_t slot = 0; slot < triggers.size(); ++slot)
    if (triggers[slot] < -1 || triggers[slot] >= vocabulary.size())
      throw Error("it returned the token " + std::to_string(triggers[slot]) + " of trigger slot " +
                  std::to_string(slot) + "; expected 0 to " + std::to_string(vocabulary.size() - 1) +
                  ", a token of the vocabulary, or -1 for none");
}

void check_fields(const std::vector<std::string>& fields) {
  std::vector<std::string_view> names(fields.begin(), fields.end());
  std::ranges::sort(names);
  if (!names.empty() && names.front().empty())
    throw Error("it returned a field without a name; expected the name of a field");
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
    throw Error("it returned the field \"" + std::string(*twice) + "\" twice; expected each name once");
}

void check_trigger_slots(const std::vector<Prompt>& prompts, int64_t count) {
  if (count == 0)
    return;
  std::vector<bool> placed(static_cast<std::size_t>(count));
  for (const Prompt& prompt : prompts)
    for_each_piece(prompt, [&](const Piece& piece) {
      if (piece.kind == Piece::Kind::trigger)
        placed.at(static_cast<std::size_t>(piece.slot)) = true;
    });
  if (const auto lost = std::ranges::find(placed, false); lost != placed.end())
    throw Error("it returned no prompt with the trigger slot " + std::to_string(lost - placed.begin()) +
                "; expected each of the " + counted(count, "trigger slot") + " that `triggers` has");
}

void check_rendered(const std::vector<Prompt>& prompts, const Template& made_by, const PromptLayout& layout) {
  if (prompts.empty())
    throw Error("it returned no prompt; expected at least one");
  const std::vector<std::string> fields = made_by.fields();
  const int64_t answers = made_by.answer_slots();
  check_alternatives(prompts, "returned", {std::ssize(prompts), max_variant});
  for (const Prompt& prompt : prompts) {
    if (const int64_t found = answer_slots_in(prompt);
        layout.positions.kind == OutputPositions::Kind::answer_slots && found != answers)
      throw Error("it returned a prompt with " + counted(found, "answer slot") + "; expected " +
                  std::to_string(answers) + ", as `answer_slots` says");
    for_each_piece(prompt, [&](const Piece& piece) {
      check_piece(piece, layout.segments);
      if (piece.kind == Piece::Kind::answer)
        check_slot(piece, answers, "answer");
      if (piece.kind == Piece::Kind::soft)
        check_slot(piece, std::ssize(made_by.soft_slots()), "soft");
      if (piece.kind == Piece::Kind::trigger)
        check_slot(piece, std::ssize(made_by.triggers()), "trigger");
      // Words of other examples, in demonstrations, are fields without a name.
      if (piece.kind == Piece::Kind::field && !piece.field.empty() &&
          std::ranges::find(fields, piece.field) == fields.end())
        throw Error("it placed the field \"" + piece.field +
                    "\" in the prompt; expected one of those that `fields` returns." +
                    did_you_mean(piece.field, fields));
    });
    if (!layout.encoder_decoder && !prompt.output.empty())
      throw Error("it returned a prompt with an output side; expected none, because the model has no decoder");
  }
}

PromptsBefore::PromptsBefore(const std::vector<Prompt>& prompts) : count(std::ssize(prompts)) {
  for (const Prompt& prompt : prompts) {
    answer_slots.insert(answer_slots_in(prompt));
    for_each_piece(prompt, [&](const Piece& piece) {
      if (piece.kind == Piece::Kind::special)
        special.insert(piece.text);
      if (!is_utf8(piece.text))
        not_utf8.insert(piece.text);
    });
  }
}

void check_edited(const std::vector<Prompt>& prompts, const PromptsBefore& before, const EditLimits& limits) {
  if (prompts.empty())
    throw Error("it removed all prompts of the example; expected to leave at least one");
  // The choices of prompts that were removed need not be given to others.
  check_alternatives(prompts, "left",
                     {std::max(before.count, std::ssize(prompts)), std::numeric_limits<int64_t>::max()});
  for (const Prompt& prompt : prompts) {
    if (!limits.backbone.shape().encoder_decoder && !prompt.output.empty())
      throw Error("it left pieces in Prompt::output; the model has one stack, expected none");
    for_each_piece(prompt, [&](const Piece& piece) {
      check_piece(piece, limits.backbone.shape().segments);
      if (!is_utf8(piece.text) && !before.not_utf8.contains(piece.text))
        throw Error("it placed a text that is not valid UTF-8 in the prompt; expected UTF-8");
      if (piece.kind == Piece::Kind::soft)
        check_slot(piece, -1, "soft");
      if (piece.kind == Piece::Kind::trigger)
        check_slot(piece, limits.triggers, "trigger");
      if (piece.kind == Piece::Kind::special && limits.vocabulary && !before.special.contains(piece.text) &&
          !special_id(*limits.vocabulary, piece.text))
        throw Error(
            "it placed the special token \"" + piece.text +
            "\" in the prompt, which the model's vocabulary does not have; expected a marker (mask, eos, bos, "
            "sep, cls or pad) of a token that it has, or the text of one");
    });
    const int64_t found = answer_slots_in(prompt);
    if (limits.keeps_answers && !before.answer_slots.empty() && !before.answer_slots.contains(found))
      throw Error("it left a prompt with " + counted(found, "answer slot") + "; expected " +
                  std::to_string(*before.answer_slots.begin()) + ", as in the template's prompt");
    check_late_slots(prompt, limits.backbone);
  }
}

} // namespace cuecard
