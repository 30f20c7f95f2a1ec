/// Label words of several tokens, scored as a whole.
///
/// With t_1 ... t_k the tokens of word w, x the prompt and x(k) the prompt with k masks in the answer slot:
///   masked models: score(w) = sum over i of log p(t_i at mask i | x(k)), all masks predicted at once
///   others:        score(w) = sum over i of log p(t_i | x, t_1 ... t_(i-1))
/// divided by k if `normalise`.
/// Masked models: the product over k masks of Schick and Schuetze 2021 ("It's Not Just Size That Matters", section 3.1), in one
/// forward pass as in their training, but with each word's own number of masks; their inference fills the masks one by one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/scorer.hpp>

namespace cuecard {

/// Scores of the W words of all labels, label by label. Masked models get one prompt for each distinct number of tokens per word,
/// others one for each word; an example's prompts are in one batch. Tensors are on the backbone's device. Threads: const functions may run
/// concurrently.
class CUECARD_API JointWordScores {
public:
  JointWordScores() = default;
  JointWordScores(const LabelWords& words, bool normalise, const Backbone& backbone);

  /// False for one that is constructed without words.
  bool defined() const { return !answers_.empty(); }
  int64_t words() const { return words_; }

  /// For Verbalizer::given_answers.
  const std::vector<std::vector<std::string>>& given_answers() const { return answers_; }
  /// For Verbalizer::output_request.
  OutputRequest output_request() const;

  /// Scores [decisions, W] float32 (float64 for float64 outputs) from the outputs that `output_request` asks for, at the selected
  /// tokens of a batch of `given_answers`. `entries` receives Scores::entries. Does not wait for the device. DataError if a word
  /// of a masked model has a different number of tokens in the prompt than on its own; Error if an example's entries in `batch` are not its
  /// prompts with each of `given_answers`.
  at::Tensor operator()(const at::Tensor& outputs, const Batch& batch, std::vector<int64_t>& entries) const;

  /// [1, W] float32: the scores if every token has the log-probability `each`.
  at::Tensor uniform(double each) const;
  /// [1, W] float32, without a gradient: mean scores over the content-free prompts. Errors of this function and the next: those of Scorer,
  /// too.
  at::Tensor blank_scores(Scorer& scorer) const;
  /// [1, W] float32, without a gradient: mean scores over `examples`. DataError if none can be used.
  at::Tensor mean_scores(Scorer& scorer, const std::vector<const Example*>& examples) const;

private:
  at::Tensor of_masks(const at::Tensor& outputs, const Batch& batch,
                      const std::vector<std::vector<int64_t>>& decisions) const;
  at::Tensor of_answers(const at::Tensor& outputs, const Batch& batch,
                        const std::vector<std::vector<int64_t>>& decisions) const;

  bool masked_ = false, normalise_ = false;
  int64_t words_ = 0, width_ = 1;                 ///< most tokens of a word
  std::vector<std::vector<std::string>> answers_; ///< by candidate
  std::vector<int64_t> lengths_;                  ///< by candidate of a masked model: number of masks
  std::vector<int64_t> candidate_of_;             ///< [W]
  at::Tensor token_ids_;                          ///< [U] int64, ascending
  at::Tensor columns_; ///< [W * width] int64, index among the U of each token of each word
  at::Tensor absent_;  ///< [W, width] bool, true where a word has fewer tokens
  at::Tensor counts_;  ///< [W] float32, tokens of each word
};

/// The options `joint` and `joint-mean` of `joint_multi_token_option`.
CUECARD_API bool is_joint(const std::string& multi_token_handler);

} // namespace cuecard
