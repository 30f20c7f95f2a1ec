#include "engine/covered_vocabulary.hpp"

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

class CoveredVocabulary final : public Vocabulary {
public:
  CoveredVocabulary(std::shared_ptr<const Vocabulary> whole, int64_t rows)
      : whole_(std::move(whole)), rows_(rows) {}

  std::vector<Token> encode(std::string_view text) const override { return checked(whole_->encode(text)); }
  std::vector<Token> encode_with_specials(std::string_view text) const override {
    return checked(whole_->encode_with_specials(text));
  }
  std::vector<Token> encode_parts(std::span<const TextPart> parts, TextContext context) const override {
    return checked(whole_->encode_parts(parts, context));
  }
  std::string decode(std::span<const int64_t> ids, bool skip_special) const override {
    return whole_->decode(ids, skip_special);
  }
  std::string piece(int64_t id) const override { return whole_->piece(id); }
  std::optional<int64_t> id(std::string_view piece) const override {
    const std::optional<int64_t> found = whole_->id(piece);
    if (found)
      check(*found);
    return found;
  }
  int64_t size() const override { return rows_; }
  const SpecialTokens& special() const override { return whole_->special(); }
  bool is_special(int64_t id) const override { return whole_->is_special(id); }
  std::span<const int64_t> sequence_prefix() const override { return whole_->sequence_prefix(); }
  std::span<const int64_t> sequence_suffix() const override { return whole_->sequence_suffix(); }
  std::string kind() const override { return whole_->kind(); }
  std::string chat_template() const override { return whole_->chat_template(); }

private:
  void check(int64_t id) const {
    if (id >= rows_)
      throw DataError(uncovered_token(*whole_, id, rows_));
  }
  std::vector<Token> checked(std::vector<Token> tokens) const {
    for (const Token& token : tokens)
      check(token.id);
    return tokens;
  }

  std::shared_ptr<const Vocabulary> whole_;
  int64_t rows_;
};

} // namespace

std::string uncovered_token(const Vocabulary& vocabulary, int64_t id, int64_t rows) {
  return "the token \"" + vocabulary.piece(id) + "\" has the id " + std::to_string(id) +
         ", and the model's embedding table has only " + std::to_string(rows) +
         " rows: leave the token out, or resize the model's embeddings to its tokenizer";
}

std::shared_ptr<const Vocabulary> covered_vocabulary(std::shared_ptr<const Vocabulary> vocabulary,
                                                     int64_t rows) {
  if (rows == 0 || vocabulary->size() <= rows)
    return vocabulary;
  return std::make_shared<CoveredVocabulary>(std::move(vocabulary), rows);
}

} // namespace cuecard
