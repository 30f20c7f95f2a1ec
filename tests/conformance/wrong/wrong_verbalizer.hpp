/// Mean logits of label words, right or with one fault.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "fault.hpp"

namespace wrong {

class Verbalizer final : public cuecard::Verbalizer {
public:
  explicit Verbalizer(const cuecard::Options&) {}

  void prepare(const cuecard::VerbalizerTarget& target) override {
    if (has("needs-two-labels"))
      (void)target.labels.at(1);
    const cuecard::LabelWords words = cuecard::read_label_words(target, "wrong", " ");
    first_words_ = cuecard::first_texts(words);
    words_ = cuecard::WordScores(words, cuecard::MultiToken::first, target.backbone.device());
  }
  cuecard::OutputRequest output_request() const override {
    return {cuecard::OutputRequest::Kind::logits, words_.token_ids()};
  }
  void calibrate(cuecard::Scorer&) override {
    if (has("calibrates-on-top"))
      shift_ += 0.5;
  }
  void fit(const cuecard::VerbalizerFitArgs& args) override {
    if (has("forgets-what-it-fitted"))
      shift_ = 0.1 * static_cast<double>(args.examples.size());
  }
  cuecard::Scores score(const cuecard::ScoreArgs& args) const override {
    at::Tensor means = words_.label_means(words_(args.outputs));
    if (shift_ != 0)
      means = at::cat({means.narrow(1, 0, 1) + shift_, means.narrow(1, 1, means.size(1) - 1)}, 1);
    if (has("not-finite"))
      means = means / 0.0;
    if (has("detaches"))
      means = means.detach();
    return cuecard::label_scores(means);
  }
  at::Tensor loss(const cuecard::LossArgs& args) const override {
    return cuecard::label_loss(args.scores, args.batch);
  }
  std::vector<cuecard::Decision> decide(const cuecard::DecideArgs& args) const override {
    std::vector<cuecard::Decision> decisions = cuecard::Verbalizer::decide(args);
    if (has("decides-in-another-order"))
      std::ranges::sort(decisions, {}, [](const cuecard::Decision& each) { return each.probabilities.at(0); });
    if (has("no-probabilities"))
      for (cuecard::Decision& decision : decisions)
        decision.probabilities.at(0) += 0.5;
    return decisions;
  }
  std::vector<std::string> answer_text(int64_t label) const override {
    return {cuecard::text_of_label(first_words_, label)};
  }

private:
  std::vector<std::string> first_words_;
  cuecard::WordScores words_;
  double shift_ = 0;
};

} // namespace wrong
