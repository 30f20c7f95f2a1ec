/// Label words: tokenization, and scores of words and labels from token logits (OpenPrompt's
/// ManualVerbalizer; Schick and Schuetze 2021).
///
/// A answer slots (rows of the model's outputs), W words of all labels, U distinct tokens. Functions of this file may be called from
/// several threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// A word of a label.
struct LabelWord {
  std::string word;            ///< as the task file has it
  std::string text;            ///< as it is encoded, prefix included
  std::vector<int64_t> tokens; ///< of `text`, at least one
};

/// [label][words]
using LabelWords = std::vector<std::vector<LabelWord>>;

/// How a task's label words are tokenized.
struct CUECARD_API LabelWordEncoding {
  const Vocabulary* vocabulary = nullptr;
  std::string prefix; ///< before each word, except those marked with a leading `<!>`
  /// What precedes an answer: the prompt's text in causal models, a special token in others.
  TextContext context = TextContext::special;

  /// For the model that `target` names.
  static LabelWordEncoding of(const VerbalizerTarget& target, std::string prefix);
};

/// UsageError, naming word and label, if the vocabulary can't encode it.
CUECARD_API LabelWord encode_label_word(const LabelWordEncoding& encoding, const std::string& word,
                                        const std::string& label);

/// The words of the target's labels; a label without any is its own word. `verbalizer` is named in errors. DataError for a task
/// without labels. UsageError for a model without a head over the vocabulary, words for a different number of labels, words for
/// each answer slot, a word that is given twice, and one that the vocabulary can't encode.
CUECARD_API LabelWords read_label_words(const VerbalizerTarget& target, const std::string& verbalizer,
                                        const std::string& prefix);

/// The checks of `read_label_words` that do not depend on words.
CUECARD_API void require_labels_and_head(const VerbalizerTarget& target, const std::string& verbalizer);

/// The first word of label `label`, 0 to the number of labels - 1, as the task file has it, or the label's name where it has none.
CUECARD_API const std::string& first_word(const VerbalizerTarget& target, std::size_t label);

/// The text of each label's first word; each label has one.
CUECARD_API std::vector<std::string> first_texts(const LabelWords& words);

/// Entry `label` of `texts`. DataError when the task has no such label.
CUECARD_API const std::string& text_of_label(const std::vector<std::string>& texts, int64_t label);

/// Saves words as texts of a card: `words of LABEL`, one word per line.
CUECARD_API void save_words(const LabelWords& words, const std::vector<std::string>& labels,
                            ComponentState& state);
/// Loads the words that `save_words` stored. DataError, naming `verbalizer`, if a label's words are missing or the words don't
/// match the labels.
CUECARD_API std::vector<std::vector<std::string>>
load_words(const ComponentState& state, const std::vector<std::string>& labels, const std::string& verbalizer);

/// How a word of several tokens is scored: the first token's logit, the largest, or the mean.
enum class MultiToken { first, max, mean };
/// From the option's text: `first`, `max` or `mean`; the host has checked that it is one of them.
CUECARD_API MultiToken multi_token(const std::string& name);

/// UsageError when two labels' words are scored by the same tokens, so that both labels always score the same. `has_joint`: the
/// option also has the choices of `joint_multi_token_option`.
CUECARD_API void require_distinct(const LabelWords& words, const std::vector<std::string>& labels,
                                  MultiToken handler, bool has_joint = false);

/// Scores of the W words of all labels, label by label, from the logits of their U distinct tokens. All tokens of a word are scored at the
/// same answer slot. Differentiable; scoring does not wait for the device. Threads: all functions are const and may run concurrently.
class CUECARD_API WordScores {
public:
  WordScores() = default;
  /// Each label has at least one word, each word at least one token. Scoring takes place on `device`.
  WordScores(const LabelWords& words, MultiToken handler, const at::Device& device);

  /// False for one that is constructed without words.
  bool defined() const { return token_ids_.defined(); }
  /// [U] int64, ascending.
  const at::Tensor& token_ids() const { return token_ids_; }
  int64_t words() const { return averages_.size(0); }
  int64_t labels() const { return averages_.size(1); }

  /// Scores of the words [A, W] from logits of the tokens [A, U], floating-point, in float32 (float64 for float64 logits).
  at::Tensor operator()(const at::Tensor& logits) const;
  /// Mean score of each label's words: [A, W] -> [A, labels], in the same dtype.
  at::Tensor label_means(const at::Tensor& words) const;

private:
  MultiToken handler_ = MultiToken::first;
  int64_t width_ = 1;    ///< most tokens of a word that are used
  at::Tensor token_ids_; ///< [U] int64
  at::Tensor columns_;   ///< [W * width] int64, index among the U of each token of each word
  at::Tensor absent_;    ///< [W, width] bool, true where a word has fewer tokens; undefined when width is 1
  at::Tensor counts_;    ///< [W] float32, tokens of each word; undefined when width is 1
  at::Tensor averages_;  ///< [W, labels] float32, 1 / number of the label's words for its words, else 0
};

/// log(p + 1e-15) with p = softmax(words) over all words [A, W] together: [A, W] in the dtype and on the device of `words`, which `prior`
/// shares. With `prior` [1, W], the same softmax for content-free input, p becomes p / (prior + 1e-15), normalised to sum 1 (contextual
/// calibration, Zhao et al. 2021, section 5; the constant is OpenPrompt's). Differentiable.
CUECARD_API at::Tensor joint_log_probs(const at::Tensor& words, const at::Tensor& prior = {});

/// The `prior` of `joint_log_probs`: the softmax over all words of their scores under the `calibration` logits [1, U]
/// (Calibration::logits), [1, W], or undefined if nothing was measured.
CUECARD_API at::Tensor word_prior(const WordScores& words, const at::Tensor& calibration);

/// `values` [decisions, labels] as Scores, in their dtype and on their device; one decision for each batch entry.
CUECARD_API Scores label_scores(const at::Tensor& values);

/// The card's tensor `name`, valid as long as `state`. DataError, naming `verbalizer`, if it is missing, its shape is not `shape`, or it is
/// not floating-point.
CUECARD_API const at::Tensor& require_tensor(const ComponentState& state, const std::string& name,
                                             at::IntArrayRef shape, const std::string& verbalizer);

} // namespace cuecard
