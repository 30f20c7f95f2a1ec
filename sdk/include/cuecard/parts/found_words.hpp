/// Label words that a search finds, in place of those that the task file gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The one task whose template or label words `tuner` searches. UsageError that names the tuner for several
/// tasks, soft slots in the template, and a verbalizer that takes gradient steps of its own.
CUECARD_API const Task& word_search_task(const Problem& problem, const std::string& tuner);

/// UsageError when label words can't be searched for the task; `off` is how the option is set not to.
CUECARD_API void require_label_search(const Task& task, const std::string& off);

/// Ids below `rows`, ascending, of the tokens that are whole words: with a letter, not special, and what their
/// own text behind a space is encoded to. So a card that holds the text holds the token.
CUECARD_API std::vector<int64_t> one_token_words(const Vocabulary& vocabulary, int64_t rows);

/// Such a token's text as a task file writes it, without the space.
CUECARD_API std::string spelled_word(const Vocabulary& vocabulary, int64_t id);

/// Gives the verbalizer of task `task` the words `ids` [label][words] and makes it ready as before training:
/// calibrated, and fitted on the training rows. Returns the words as texts (FitReport::label_words). UsageError
/// when the verbalizer doesn't take words that stand behind a space.
CUECARD_API std::vector<std::vector<std::string>>
give_label_words(Engine& engine, int64_t task, const std::vector<std::vector<int64_t>>& ids);

/// Calibrates the verbalizer of task `task` and fits it on the training rows, as before training: what both
/// measure depends on the prompt, so a search that changed it does this again.
CUECARD_API void settle_verbalizer(Engine& engine, int64_t task);

} // namespace cuecard
