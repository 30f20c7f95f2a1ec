// The candidate filter, checkpoints of a search, and what the tuner requires of an engine. Searches on tiny
// models are in tests/engine.
#include "autoprompt.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>

#include "candidate_filter.hpp"
#include "search.hpp"

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Pieces as a byte-level vocabulary spells them. Ids 5 and 6 share a spelling, and id 8 is a gap.
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

TEST_CASE("capital letters are recognised after a space, alone, and outside ASCII") {
  for (const char* text : {"Paris", " Paris", "A", "\u00c9t\u00e9", " \u0416"})
    CHECK(capitalised(text));
  for (const char* text : {"paris", " paris", "", " ", "9A", "\u00e9", "##A"})
    CHECK_FALSE(capitalised(text));
}

TEST_CASE("allowed tokens have a unique spelling; the filter excludes answers, special tokens and capitals") {
  const ListVocabulary vocabulary;
  CHECK(allowed_tokens(vocabulary, 10, false, {1}) == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 7, 9});
  CHECK(allowed_tokens(vocabulary, 10, true, {1}) == std::vector<int64_t>{4, 5, 9});
  // An embedding matrix may have fewer rows than the vocabulary, or more.
  CHECK(allowed_tokens(vocabulary, 5, true, {}) == std::vector<int64_t>{1, 4});
  CHECK(allowed_tokens(vocabulary, 64, true, {}) == std::vector<int64_t>{1, 4, 5, 9});
}

TEST_CASE("a search is restored from its checkpoint; one with another number of slots is refused") {
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

TEST_CASE("an engine without token search is refused") {
  Options options;
  for (const char* name :
       {"iterations", "candidates", "accumulation", "restarts", "label-words", "label-epochs"})
    options.set(name, int64_t{1});
  options.set("filter", true);
  options.set("accept", std::string("loss"));
  options.set("init", std::string());
  AutoPrompt tuner(options);
  const testing::NoBackbone backbone;
  const ListVocabulary vocabulary;
  Problem problem{backbone, vocabulary, {}};
  testing::NoEngine engine(problem);
  CHECK_THROWS_WITH_AS(tuner.fit(engine), doctest::Contains("cuecard.token-search/1"), Error);
}
