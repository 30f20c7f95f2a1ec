/// Label words as verbalizers read them: texts become tokens, and scores of tokens become scores of words and
/// of labels (OpenPrompt's ManualVerbalizer; Schick and Schuetze 2021).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// A word that stands for a label.
struct LabelWord {
  std::string word;            ///< as a person wrote it
  std::string text;            ///< as it is encoded, prefix included
  std::vector<int64_t> tokens; ///< of `text`, at least one
};

/// [label][words]
using LabelWords = std::vector<std::vector<LabelWord>>;

/// The word behind `prefix`, or as it stands behind the mark `<!>`. UsageError that names word and label when
/// the vocabulary can't spell it.
CUECARD_API LabelWord encode_label_word(const Vocabulary& vocabulary, const std::string& word,
                                        const std::string& label, const std::string& prefix);

/// The words of the target's labels; a label without any is its own word. `verbalizer` is who asks. DataError
/// for a task without labels. UsageError for a model without a head over the vocabulary, words for another
/// number of labels, words for each answer slot, and a word that can't be spelled.
CUECARD_API LabelWords read_label_words(const VerbalizerTarget& target, const std::string& verbalizer,
                                        const std::string& prefix);

/// What `read_label_words` asks of the target before it looks at words.
CUECARD_API void require_labels_and_head(const VerbalizerTarget& target, const std::string& verbalizer);

/// A label's first word as the task file has it, or the label's name where it has none.
CUECARD_API const std::string& first_word(const VerbalizerTarget& target, std::size_t label);

/// The text of each label's first word.
CUECARD_API std::vector<std::string> first_texts(const LabelWords& words);

/// Entry `label` of `texts`. DataError when the task has no such label.
CUECARD_API const std::string& text_of_label(const std::vector<std::string>& texts, int64_t label);

/// Words that were found or kept, as a card's texts: `words of LABEL`, a word a line; and back. DataError when
/// a card lacks a label's words.
CUECARD_API void export_words(const LabelWords& words, const std::vector<std::string>& labels,
                              Learned& learned);
CUECARD_API std::vector<std::vector<std::string>>
import_words(const Learned& learned, const std::vector<std::string>& labels, const std::string& verbalizer);

/// What stands for a word of several tokens: the first one's score, the largest, or the mean.
enum class MultiToken { first, max, mean };
/// Of the option's text.
CUECARD_API MultiToken multi_token(const std::string& name);

/// UsageError when the tokens that are read of two labels' words are the same, so that both always score the
/// same.
CUECARD_API void require_distinct(const LabelWords& words, const std::vector<std::string>& labels,
                                  MultiToken handler);

/// W words of all labels, label by label, and the U distinct tokens that are read of them. All tokens of a word
/// are read at the same answer slot. Works on any device without waiting for it.
class CUECARD_API WordScores {
public:
  WordScores() = default;
  WordScores(const LabelWords& words, MultiToken handler, const at::Device& device);

  bool defined() const { return token_ids_.defined(); }
  /// [U] int64, ascending vocabulary rows.
  const at::Tensor& token_ids() const { return token_ids_; }
  int64_t words() const { return averages_.size(0); }
  int64_t labels() const { return averages_.size(1); }

  /// Scores of the tokens [A, U] to scores of the words [A, W], in float32 (float64 when they are).
  at::Tensor operator()(const at::Tensor& values) const;
  /// Mean of each label's words: [A, W] to [A, labels].
  at::Tensor label_means(const at::Tensor& words) const;

private:
  MultiToken handler_ = MultiToken::first;
  int64_t width_ = 1;    ///< most tokens of a word that are read
  at::Tensor token_ids_; ///< [U] int64
  at::Tensor columns_;   ///< [W * width] int64, which of the U each token of each word is
  at::Tensor absent_;    ///< [W, width] bool, true where a word has fewer tokens; undefined when width is 1
  at::Tensor counts_;    ///< [W] float32, tokens of each word; undefined when width is 1
  at::Tensor averages_;  ///< [W, labels] float32, 1 / words of the label where the word is the label's
};

/// log(p + 1e-15) with p = softmax(words) over all words [A, W] together. With `prior` [1, W], the same softmax
/// without content, p is p / (prior + 1e-15), scaled to sum 1 (contextual calibration, Zhao et al. 2021).
CUECARD_API at::Tensor joint_log_probs(const at::Tensor& words, const at::Tensor& prior = {});

/// What stands for `prior` in `joint_log_probs`: the softmax over all words of the `calibration` scores of
/// their tokens (Calibration::scores), or undefined where nothing was measured.
CUECARD_API at::Tensor word_prior(const WordScores& words, const at::Tensor& calibration);

/// One decision per answer row: offsets of `rows` times `labels` scores.
CUECARD_API Scores label_scores(const at::Tensor& values);

/// The card's tensor `name` of this shape. DataError that says what was expected when it is missing, has
/// another shape, or holds no floating-point numbers.
CUECARD_API const at::Tensor& fitting_tensor(const Learned& learned, const std::string& name,
                                             at::IntArrayRef shape, const std::string& verbalizer);

} // namespace cuecard
