/// The verbalizer `my-plugin`: the score of a label is the mean logit of its words' first tokens at the answer slot (Schick and
/// Schuetze 2021, "Exploiting Cloze Questions", section 3), divided by a temperature.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace my_plugin {

class MyPlugin final : public cuecard::Verbalizer {
public:
  explicit MyPlugin(const cuecard::Options& options);

  void prepare(const cuecard::VerbalizerTarget& target) override;
  cuecard::OutputRequest output_request() const override;
  cuecard::Scores score(const cuecard::ScoreArgs& args) const override;
  at::Tensor loss(const cuecard::LossArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

private:
  double temperature_;
  std::vector<std::string> first_words_; ///< by label, with the space before them
  cuecard::WordScores words_;
};

} // namespace my_plugin
