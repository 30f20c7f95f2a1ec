/// The template `similarity-template`: prepends the labelled examples that are most similar to the input (Liu et al. 2022, "What
/// Makes Good In-Context Examples for GPT-3?", section 3). A template has no model, so similarity is the cosine of TF-IDF vectors of tokens
/// (Salton & Buckley 1988) in place of the paper's sentence encoder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <cuecard/parts/template/grammar_template.hpp>

namespace similarity {

class SimilarityTemplate final : public cuecard::GrammarTemplate {
public:
  explicit SimilarityTemplate(const cuecard::Options& options);

  /// Reads the table of demonstrations and renders each. DataError that names its line; UsageError for a template with soft or trigger
  /// slots, or without exactly one answer slot.
  void prepare(const cuecard::TemplateTarget& target) override;

  /// The table, so that a card needs no other file.
  cuecard::ComponentState state() const override;
  void load_state(const cuecard::ComponentState& state) override;

protected:
  /// Puts the demonstrations before the prompt; before the content-free one, the first of the table.
  void finish(cuecard::Prompt& prompt, const cuecard::Example* example) const override;

private:
  using Vector = std::map<int64_t, double>; ///< a weight per token, unit norm
  struct Demonstration {
    std::string text; ///< of the fields that the template reads
    Vector vector;
    std::vector<cuecard::Piece> pieces;
  };
  /// Sets the demonstrations to those of `table`.
  void show(const std::string& table);
  void read(const std::string& table);
  void weigh();
  std::string text_of(const cuecard::Example& example) const;
  Vector vector_of(const std::string& text) const;
  std::vector<std::size_t> nearest(const std::string& text) const;

  cuecard::GrammarTemplateSettings settings_;
  int64_t k_;
  bool nearest_last_;
  const cuecard::Vocabulary* vocabulary_ = nullptr;
  cuecard::PromptLayout layout_;
  std::string table_;
  std::vector<Demonstration> demonstrations_;
  Vector inverse_frequencies_; ///< of the tokens of all demonstrations
};

} // namespace similarity
