/// Checks of prompts that templates render and tuners edit. Each function throws an Error that says what was found and
/// what was expected; the guard adds the plugin's name.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/template.hpp>

namespace cuecard {

/// Checks that soft slots start from tokens of the vocabulary.
void check_soft_slots(const std::vector<SoftSlot>& slots, const Vocabulary& vocabulary);

/// Checks that triggers are tokens of the vocabulary, or -1.
void check_triggers(const std::vector<int64_t>& triggers, const Vocabulary& vocabulary);

/// Checks that each field has a name of its own.
void check_fields(const std::vector<std::string>& fields);

/// Checks that every piece of `prompts` is one that `made_by` declares, that prompts differ in choice or variant, that each has
/// its answer slots where `layout` needs them, and that there is no output side where the model has none.
void check_rendered(const std::vector<Prompt>& prompts, const Template& made_by, const PromptLayout& layout);

/// Checks that the checked `prompts` of an example, its variants together, have all of `count` trigger slots.
void check_trigger_slots(const std::vector<Prompt>& prompts, int64_t count);

/// What prompts have before a tuner edits them.
struct PromptsBefore {
  explicit PromptsBefore(const std::vector<Prompt>& prompts);

  int64_t count;                  ///< of prompts
  std::set<int64_t> answer_slots; ///< numbers of answer slots in a prompt that occur
  std::set<std::string> special;  ///< markers of special tokens
  std::set<std::string> not_utf8; ///< texts that are not valid UTF-8, which the user gave
};

/// What a tuner's prompts may contain.
struct EditLimits {
  const Backbone& backbone;
  const Vocabulary* vocabulary = nullptr; ///< null: special tokens are not checked
  bool keeps_answers = true;              ///< the verbalizer reads the answer slots
  int64_t triggers = -1;                  ///< trigger slots of the template; -1: unknown
};

/// Checks that there is a prompt, that prompts differ in choice or variant, that their pieces exist, that new texts are UTF-8, that the answer
/// slots are as they were, that there is no output side where the model has none, and that late soft slots are in allowed places.
void check_edited(const std::vector<Prompt>& prompts, const PromptsBefore& before, const EditLimits& limits);

} // namespace cuecard
