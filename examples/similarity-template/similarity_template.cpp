#include "similarity_template.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/register.hpp>

namespace similarity {

using cuecard::DataError;
using cuecard::Piece;

namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line)
    if (c == '\t')
      cells.emplace_back();
    else if (c != '\r')
      cells.back() += c;
  return cells;
}

/// As plain text: not a field of the input, no answer slot, never truncated.
void append_as_text(const std::vector<Piece>& pieces, std::vector<Piece>& shown) {
  for (Piece piece : pieces) {
    if (piece.kind == Piece::Kind::answer)
      piece.kind = Piece::Kind::text;
    piece.field.clear();
    piece.shortenable = false;
    shown.push_back(std::move(piece));
  }
}

} // namespace

SimilarityTemplate::SimilarityTemplate(const cuecard::Options& options)
    : GrammarTemplate(options), settings_{"", options.flag("predict-eos"), options.text("encoder-decoder"),
                                          options.text("chat-format")},
      k_(options.integer("k")), nearest_last_(options.text("order") == "nearest-last") {}

void SimilarityTemplate::prepare(const cuecard::TemplateTarget& target) {
  GrammarTemplate::prepare(target);
  vocabulary_ = &target.vocabulary;
  layout_ = target.layout;
  // Without the option its text is empty: the table is the card's, then.
  const auto file = target.files.find("demonstrations");
  if (file != target.files.end() && !file->second.empty())
    table_ = file->second;
  show(table_); // again, because the template's text may have changed
}

cuecard::ComponentState SimilarityTemplate::state() const {
  if (table_.empty())
    return {};
  return {{}, {{"demonstrations", table_}}};
}

void SimilarityTemplate::load_state(const cuecard::ComponentState& state) {
  if (const auto table = state.texts.find("demonstrations"); table != state.texts.end())
    show(table_ = table->second);
}

void SimilarityTemplate::show(const std::string& table) {
  demonstrations_.clear();
  if (table.empty())
    return;
  if (answer_slots() != 1 || !soft_slots().empty() || !triggers().empty())
    throw cuecard::UsageError(
        "the template \"similarity-template\" shows demonstrations as text: its own text needs one "
        "answer slot, and no soft or trigger slots.");
  read(table);
  weigh();
}

void SimilarityTemplate::read(const std::string& table) {
  settings_.text = source();
  GrammarTemplate shown(settings_); // without demonstrations of its own
  shown.prepare({*vocabulary_, layout_});
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = cells_of(line);
  for (std::size_t number = 2; std::getline(lines, line); ++number)
    try {
      const std::vector<std::string> cells = cells_of(line);
      if (cells.size() != names.size())
        throw DataError("it has " + std::to_string(cells.size()) + " columns; expected " +
                        std::to_string(names.size()) + ", as in the first line.");
      cuecard::Example example;
      for (std::size_t i = 0; i < names.size(); ++i)
        example.fields[names[i]] = cells[i];
      const std::string answer = example.fields["label"];
      if (answer.empty())
        throw DataError("it has no label; expected the answer's words in the column \"label\".");
      const std::vector<std::string> answers{" " + answer};
      const cuecard::Prompt prompt = shown.render({example, &answers}).at(0);
      Demonstration& demonstration = demonstrations_.emplace_back(Demonstration{text_of(example), {}, {}});
      append_as_text(prompt.input, demonstration.pieces);
      append_as_text(prompt.output, demonstration.pieces);
      demonstration.pieces.push_back(Piece::text_of("\n\n"));
    } catch (const DataError& error) {
      throw DataError("the table of demonstrations, line " + std::to_string(number) + ": " + error.what());
    }
}

void SimilarityTemplate::weigh() {
  std::map<int64_t, int64_t> containing; // demonstrations, by token
  for (const Demonstration& each : demonstrations_) {
    std::set<int64_t> tokens;
    for (const cuecard::Token& token : vocabulary_->encode(each.text))
      if (tokens.insert(token.id).second)
        ++containing[token.id];
  }
  inverse_frequencies_.clear();
  const auto all = static_cast<double>(demonstrations_.size());
  for (const auto& [token, count] : containing)
    inverse_frequencies_[token] = 1 + std::log((1 + all) / (1 + static_cast<double>(count)));
  for (Demonstration& each : demonstrations_)
    each.vector = vector_of(each.text);
}

std::string SimilarityTemplate::text_of(const cuecard::Example& example) const {
  std::string text;
  for (const std::string& name : fields())
    if (const auto field = example.fields.find(name); field != example.fields.end())
      text += (text.empty() ? "" : " ") + field->second;
  return text;
}

SimilarityTemplate::Vector SimilarityTemplate::vector_of(const std::string& text) const {
  Vector vector;
  double squares = 0;
  for (const cuecard::Token& token : vocabulary_->encode(text)) // tokens that no demonstration has match none
    if (const auto known = inverse_frequencies_.find(token.id); known != inverse_frequencies_.end())
      vector[token.id] += known->second;
  for (const auto& [token, weight] : vector)
    squares += weight * weight;
  for (auto& [token, weight] : vector)
    weight /= std::sqrt(squares);
  return vector;
}

std::vector<std::size_t> SimilarityTemplate::nearest(const std::string& text) const {
  const Vector own = vector_of(text);
  std::vector<std::pair<double, std::size_t>> ranked; // by decreasing similarity, then in table order
  for (std::size_t i = 0; i < demonstrations_.size(); ++i) {
    double cosine = 0;
    for (const auto& [token, weight] : demonstrations_[i].vector)
      if (const auto found = own.find(token); found != own.end())
        cosine += weight * found->second;
    if (demonstrations_[i].text != text) // a training example is not its own demonstration
      ranked.emplace_back(-cosine, i);
  }
  std::ranges::sort(ranked);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < ranked.size() && i < static_cast<std::size_t>(k_); ++i)
    chosen.push_back(ranked[i].second);
  return chosen;
}

void SimilarityTemplate::finish(cuecard::Prompt& prompt, const cuecard::Example* example) const {
  std::vector<std::size_t> chosen(std::min(demonstrations_.size(), static_cast<std::size_t>(k_)));
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (example)
    chosen = nearest(text_of(*example));
  if (nearest_last_)
    std::ranges::reverse(chosen);
  std::vector<Piece> shown;
  for (const std::size_t i : chosen)
    shown.insert(shown.end(), demonstrations_[i].pieces.begin(), demonstrations_[i].pieces.end());
  prompt.input.insert(prompt.input.begin(), shown.begin(), shown.end());
}

namespace {

constexpr cuecard_option_v1 options[] = {
    cuecard::template_text_option,
    cuecard::predict_eos_option,
    cuecard::encoder_decoder_option,
    cuecard::chat_format_option,
    cuecard::file_option(
        "demonstrations",
        "Table of labelled examples: tabs between columns, names in the first line, words of the answer in `label`.",
        "Liu et al. 2022, section 3: the training set"),
    cuecard::integer_option("k", "4", 1, 1000, "Demonstrations before each input.",
                            "arbitrary, for short contexts"),
    cuecard::text_option("order", "nearest-last", "nearest-last|nearest-first",
                         "Whether the most similar demonstration is placed next to the input.",
                         "Liu et al. 2022, on the order of examples"),
};

constexpr cuecard_component_v1 components[] = {
    cuecard::prompt_template<SimilarityTemplate>(
        "similarity-template", "Shows the examples that are most similar to the input.", options),
};

} // namespace

} // namespace similarity

CUECARD_PLUGIN("similarity-template", "1.0.0", "Apache-2.0", "", similarity::components)
