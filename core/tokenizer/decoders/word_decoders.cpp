// Decoders of vocabularies that mark where words begin, continue or end.
#include <algorithm>

#include "tokenizer/decoders/decoder.hpp"
#include "tokenizer/text/replace_all.hpp"

namespace cuecard::tokenizer {
namespace {

/// Removes spaces around English punctuation.
void clean_up(std::string& piece) {
  static constexpr std::pair<std::string_view, std::string_view> replacements[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [what, with] : replacements)
    replace_all(piece, what, with);
}

/// Joins the pieces of a word, separates words with spaces, and cleans up.
class WordPiece final : public Decoder {
public:
  explicit WordPiece(const Field& settings)
      : prefix_(settings.string("prefix", "##")), cleanup_(settings.flag("cleanup", true)) {}

  void apply(std::vector<std::string>& pieces) const override {
    for (size_t index = 0; index < pieces.size(); ++index) {
      std::string& piece = pieces[index];
      if (index > 0 && piece.starts_with(prefix_))
        piece.erase(0, prefix_.size());
      else if (index > 0)
        piece.insert(size_t{0}, 1, ' ');
      if (cleanup_)
        clean_up(piece);
    }
  }

private:
  std::string prefix_;
  bool cleanup_;
};

/// Puts spaces for the mark of a word's end, but not at the end of the text.
class WordEnds final : public Decoder {
public:
  explicit WordEnds(const Field& settings) : suffix_(settings.at("suffix").string()) {}

  void apply(std::vector<std::string>& pieces) const override {
    for (std::string& piece : pieces)
      replace_all(piece, suffix_, &piece == &pieces.back() ? "" : " ");
  }

private:
  std::string suffix_;
};

/// Connectionist temporal classification: repeated tokens are merged, and the padding token is dropped.
class Ctc final : public Decoder {
public:
  explicit Ctc(const Field& settings)
      : padding_(settings.at("pad_token").string()),
        word_delimiter_(settings.at("word_delimiter_token").string()),
        cleanup_(settings.flag("cleanup", true)) {}

  void apply(std::vector<std::string>& pieces) const override {
    pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
    for (std::string& piece : pieces) {
      replace_all(piece, padding_, "");
      if (!cleanup_)
        continue;
      clean_up(piece);
      replace_all(piece, word_delimiter_, " ");
    }
    std::erase(pieces, "");
  }

private:
  std::string padding_, word_delimiter_;
  bool cleanup_;
};

} // namespace

std::unique_ptr<const Decoder> make_wordpiece_decoder(const Field& settings) {
  return std::make_unique<WordPiece>(settings);
}

std::unique_ptr<const Decoder> make_word_end_decoder(const Field& settings) {
  return std::make_unique<WordEnds>(settings);
}

std::unique_ptr<const Decoder> make_ctc_decoder(const Field& settings) {
  return std::make_unique<Ctc>(settings);
}

} // namespace cuecard::tokenizer
