// Which tokens may be candidates, and that a search is put back as it was. What it finds is tested on the tiny
// models, in tests/engine.
#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "candidate_filter.hpp"
#include "search.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Pieces as a byte-level vocabulary spells them. Piece 5 stands there twice, and id 8 is a gap.
class ListVocabulary final : public Vocabulary {
public:
  std::vector<Token> encode(std::string_view) const override { return {}; }
  std::vector<Token> encode_with_specials(std::string_view) const override { return {}; }
  std::string decode(std::span<const int64_t> ids, bool) const override {
    std::string text = pieces_.at(static_cast<std::size_t>(ids[0]));
    if (text.starts_with("\u0120"))
      text.replace(0, 2, " ");
    return text;
  }
  std::string piece(int64_t id) const override {
    if (pieces_.at(static_cast<std::size_t>(id)).empty())
      throw DataError("a gap");
    return pieces_.at(static_cast<std::size_t>(id));
  }
  std::optional<int64_t> id(std::string_view piece) const override {
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      if (pieces_[i] == piece)
        return static_cast<int64_t>(i);
    return std::nullopt;
  }
  int64_t size() const override { return static_cast<int64_t>(pieces_.size()); }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id == 0; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "BPE"; }

private:
  std::vector<std::string> pieces_{"[MASK]", "\u0120great", "\u0120Paris",   "Paris", "paris",
                                   "twice",  "twice",       "\u00c9t\u00e9", "",      "\u01209"};
  SpecialTokens special_;
};

} // namespace

TEST_CASE("a capital is a capital behind a space, of one letter, and outside ASCII") {
  for (const char* text : {"Paris", " Paris", "A", "\u00c9t\u00e9", " \u0416"})
    CHECK(capitalised(text));
  for (const char* text : {"paris", " paris", "", " ", "9A", "\u00e9", "##A"})
    CHECK_FALSE(capitalised(text));
}

TEST_CASE("candidates can be spelled; the filter leaves out answers, special tokens and capitals") {
  const ListVocabulary vocabulary;
  CHECK(allowed_tokens(vocabulary, 10, false, {1}) == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 7, 9});
  CHECK(allowed_tokens(vocabulary, 10, true, {1}) == std::vector<int64_t>{4, 5, 9});
  // A model's matrix may have fewer rows than the vocabulary, or more.
  CHECK(allowed_tokens(vocabulary, 5, true, {}) == std::vector<int64_t>{1, 4});
  CHECK(allowed_tokens(vocabulary, 64, true, {}) == std::vector<int64_t>{1, 4, 5, 9});
}

TEST_CASE("a search comes back as it was, and one of other slots is refused") {
  TriggerSearch search;
  search.tokens = at::tensor({4, 5}, at::kLong);
  search.best = at::tensor({5, 9}, at::kLong);
  search.restart = 1;
  search.iteration = 2;
  search.done = 3;
  search.idle = 1;
  search.best_step = 2;
  search.best_dev = 0.75;
  search.losses = {3, 2, 1.5};
  TriggerSearch other;
  other.tokens = other.best = at::zeros({2}, at::kLong);
  other.restore(search.state());
  CHECK(other.tokens.equal(search.tokens));
  CHECK(other.best.equal(search.best));
  CHECK(other.restart == 1);
  CHECK(other.iteration == 2);
  CHECK(other.done == 3);
  CHECK(other.idle == 1);
  CHECK(other.best_step == 2);
  CHECK(other.best_dev == 0.75);
  CHECK(std::isinf(other.best_loss));
  CHECK(other.losses == search.losses);
  other.tokens = other.best = at::zeros({3}, at::kLong);
  CHECK_THROWS_WITH_AS(other.restore(search.state()), doctest::Contains("another run"), DataError);
}
