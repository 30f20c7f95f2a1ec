/// For tuners and verbalizers that search label words, instead of using those of the task file. Threads: functions that take an Engine as
/// Engine; the others may be called from several threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The one task whose template or label words `tuner` searches. UsageError, naming the tuner, for several tasks, several labels per
/// example, soft slots in the template, and for a verbalizer with trainable parameters.
CUECARD_API const Task& word_search_task(const Problem& problem, const std::string& tuner);

/// UsageError if label words can't be searched for the task: for a verbalizer without exactly one answer slot, or one that fills it with
/// given answers, and for fewer than two labels. `off` is the option setting that turns the search off.
CUECARD_API void require_label_search(const Task& task, const std::string& off);

/// Ids below `limit`, ascending, of the tokens that are whole words: with a letter, not special, and equal to
/// the encoding of their own text after a space. So a card that stores the text determines the token.
CUECARD_API std::vector<int64_t> single_token_words(const Vocabulary& vocabulary, int64_t limit);

/// The text of such a token as in a task file, without the leading space.
CUECARD_API std::string word_of_token(const Vocabulary& vocabulary, int64_t id);

/// Prepares the verbalizer of task `task` with the words `ids` [label][words], token ids of `single_token_words`, at least one per label,
/// then renders the examples again, and calibrates and fits it as before training. Returns the words as texts (FitReport::label_words).
/// UsageError when the verbalizer does not encode words with a leading space. Errors of this function and the next: those of Engine, Scorer
/// and the verbalizer, too.
CUECARD_API std::vector<std::vector<std::string>> set_label_words(Engine& engine, int64_t task,
                                                                  const std::vector<std::vector<int64_t>>& ids);

/// Calibrates the verbalizer of task `task` and fits it on the training examples, as before training. Call it after a change to the
/// template, because both depend on the prompt.
CUECARD_API void refit_verbalizer(Engine& engine, int64_t task);

} // namespace cuecard
