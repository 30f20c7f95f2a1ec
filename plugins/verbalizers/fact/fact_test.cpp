// Expected values: the definition in fact.hpp. tests/engine runs it on models.
#include "fact.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::fact;

namespace {

/// A token per letter; words of the same letter in either case are one token. `?` is unknown.
class Letters final : public Vocabulary {
public:
  Letters() { special_.unk = 0; }
  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    for (uint32_t i = 0; i < text.size(); ++i)
      if (text[i] != ' ')
        tokens.push_back({text[i] == '?' ? 0 : (text[i] | 0x20) - 'a' + 1, i, i + 1});
    return tokens;
  }
  std::vector<Token> encode_with_specials(std::string_view text) const override { return encode(text); }
  std::string decode(std::span<const int64_t>, bool) const override { return {}; }
  std::string piece(int64_t) const override { return {}; }
  std::optional<int64_t> id(std::string_view) const override { return std::nullopt; }
  int64_t size() const override { return 27; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id == 0; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "letters"; }

private:
  SpecialTokens special_;
};

const testing::NoBackbone backbone;
const Letters vocabulary;

Fact made(std::vector<std::string> labels, std::vector<std::vector<std::string>> words = {}) {
  Options options;
  options.set("prefix", std::string(" "));
  Fact fact(options);
  fact.prepare({vocabulary, backbone, std::move(labels), std::move(words)});
  return fact;
}

} // namespace

TEST_CASE(
    "objects of one token are scored; others are never predicted, and examples that have one are skipped") {
  const Fact fact = made({"c", "two", "a", "?"});
  CHECK((fact.output_request().kind == OutputRequest::Kind::log_probs));
  CHECK(fact.output_request().token_ids.equal(at::tensor({3, 1}, at::kLong)));
  Example example;
  CHECK(fact.given_answers({example, true}).empty());
  for (const int64_t label : {0, 2}) {
    example.label = label;
    CHECK(fact.given_answers({example, true}).empty());
  }
  example.label = 1;
  CHECK_THROWS_WITH_AS(fact.given_answers({example, false}), doctest::Contains("\" two\" is 3 tokens"),
                       DataError);
  example.label = 3;
  CHECK_THROWS_WITH_AS(fact.given_answers({example, false}), doctest::Contains("can't be encoded"), DataError);

  Batch batch;
  batch.examples = {&example, &example};
  batch.choices = batch.variants = batch.candidates = batch.cards = {0, 0};
  batch.labels = at::tensor({2, 0}, at::kLong);
  const at::Tensor values = at::tensor({-1.0, -2.5, -3.0, -0.5}).view({2, 2}).set_requires_grad(true);
  const Scores scores = fact.score({values, batch});
  CHECK(scores.offsets == std::vector<int64_t>{0, 4, 8});
  CHECK(std::isinf(scores.values[1].item<double>()));
  CHECK(scores.values[0].item<double>() == -1.0);
  CHECK(scores.values[2].item<double>() == -2.5);
  // Negative log-likelihood of the gold objects, not normalised among the objects.
  const at::Tensor loss = fact.loss({scores, batch});
  CHECK(loss.item<double>() == doctest::Approx((2.5 + 3.0) / 2));
  loss.backward();
  CHECK(values.grad().equal(at::tensor({0.0, -0.5, -0.5, 0.0}).view({2, 2})));
  batch.examples = {&example};
  Example other;
  batch.examples.push_back(&other);
  const std::vector<Decision> decisions = fact.decide({{scores.values.detach(), scores.offsets, {}}, batch});
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[0].labels == std::vector<int64_t>{0});
  CHECK(decisions[1].labels == std::vector<int64_t>{2});
  CHECK(decisions[0].probabilities[1] == 0);
  CHECK(decisions[0].probabilities[2] == doctest::Approx(std::exp(-2.5) / (std::exp(-1.0) + std::exp(-2.5))));
}

TEST_CASE("an object's word is the task file's, if it has one") {
  const Fact fact = made({"Deutschland", "b"}, {{"g"}, {}});
  CHECK(fact.output_request().token_ids.equal(at::tensor({7, 2}, at::kLong)));
  CHECK(fact.answer_text(0) == std::vector<std::string>{" g"});
  CHECK(fact.answer_text(1) == std::vector<std::string>{" b"});
}

TEST_CASE("objects of one token are one candidate, represented by the first of them") {
  const Fact fact = made({"a", "two", "b", "A"});
  CHECK(fact.label_representatives() == std::vector<int64_t>{0, 1, 2, 0});
  CHECK(fact.output_request().token_ids.equal(at::tensor({1, 2}, at::kLong)));
  Batch batch;
  Example example, other, third;
  batch.examples = {&example, &other, &third};
  batch.choices = batch.variants = batch.candidates = batch.cards = {0, 0, 0};
  batch.labels = at::tensor({3, 2, -1}, at::kLong); // "A", "b", unknown
  const at::Tensor values = at::tensor({-1.0, -2.5, -3.0, -0.5, -1.0, -1.0}).view({3, 2});
  const Scores scores = fact.score({values, batch});
  const std::vector<Decision> decisions = fact.decide({{scores.values, scores.offsets, {}}, batch});
  CHECK(decisions[0].labels == std::vector<int64_t>{0});
  CHECK(decisions[0].probabilities[0] == doctest::Approx(std::exp(-1.0) / (std::exp(-1.0) + std::exp(-2.5))));
  CHECK(decisions[0].probabilities[3] == 0);
  CHECK(fact.loss({scores, batch}).item<double>() == doctest::Approx((1.0 + 0.5) / 2));
}

TEST_CASE("too few objects are refused") {
  CHECK_THROWS_WITH_AS(made({"a", "two"}), doctest::Contains("the task's 2 labels have only 1 such"),
                       UsageError);
  CHECK_THROWS_WITH_AS(made({}), doctest::Contains("\"labels\": \"data\""), UsageError);
  CHECK_THROWS_WITH_AS(made({"a", "A"}), doctest::Contains("have only 1 such"), UsageError);
}
