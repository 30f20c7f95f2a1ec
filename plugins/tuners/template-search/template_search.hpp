/// A search for the template's text: candidates are mined from a file or written by the model, scored by the
/// loss of the training rows, and the best by development rows is kept. What is found is text, so the card is a
/// plain prompt.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

#include "candidates.hpp"
#include "gaps.hpp"

namespace cuecard {

class TemplateSearch final : public Tuner {
public:
  explicit TemplateSearch(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(int64_t, const Pass&) const override { return {}; }
  FitSettings defaults(const FitSettings& asked) const override;
  FitReport fit(Engine& engine) override;

private:
  std::vector<Candidate> candidates(Engine& engine) const;
  std::vector<std::string> sources(Engine& engine) const;
  /// The template becomes the candidate's, with the task's words. False where no training row fits it.
  bool put(Engine& engine, const std::string& source) const;
  void score(Engine& engine, Candidate& candidate) const;
  void search_words(Engine& engine, Candidate& candidate) const;
  double training_loss(Engine& engine) const;
  /// A candidate with its words, and what development rows say of it.
  double look(Engine& engine, const Candidate& candidate, FitReport& report) const;

  int64_t candidates_, max_words_, beams_, rows_, finalists_, keep_, word_pool_;
  bool label_words_;
  std::string file_; ///< text of the file that candidates are mined from; "": the model writes them
  Gaps gaps_;
  const Verbalizer* verbalizer_ = nullptr;
};

} // namespace cuecard
