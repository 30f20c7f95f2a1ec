// Initialisation and positions of the virtual tokens, and the state in a card. Training steps are compared with
// PEFT's in tests/parity.
#include "prompt_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/slotted_template.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

constexpr int64_t words = 30, width = 4;

/// The embedding of token i is (i, i, i, i) / 10.
class CountingBackbone final : public testing::NoBackbone {
public:
  explicit CountingBackbone(int64_t embedding_width = width) {
    shape_.embedding_width = shape_.hidden = embedding_width;
  }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return (ids.to(at::kFloat) / 10).unsqueeze(1).repeat({1, shape_.embedding_width});
  }
};

/// One token per letter: a is 1, b is 2. Token 0 is special.
class LetterVocabulary final : public Vocabulary {
public:
  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    for (uint32_t i = 0; i < text.size(); ++i)
      if (text[i] >= 'a')
        tokens.push_back({text[i] - 'a' + 1, i, i + 1});
    return tokens;
  }
  std::vector<Token> encode_with_specials(std::string_view text) const override { return encode(text); }
  std::string decode(std::span<const int64_t>, bool) const override { return {}; }
  std::string piece(int64_t id) const override { return std::string(1, static_cast<char>('a' + id - 1)); }
  std::optional<int64_t> id(std::string_view) const override { return {}; }
  int64_t size() const override { return words; }
  const SpecialTokens& special() const override { return special_; }
  bool is_special(int64_t id) const override { return id == 0; }
  std::span<const int64_t> sequence_prefix() const override { return {}; }
  std::span<const int64_t> sequence_suffix() const override { return {}; }
  std::string kind() const override { return "letters"; }

private:
  SpecialTokens special_;
};

/// A tuner prepared with the given options on a template with the given slots.
struct Prepared {
  CountingBackbone backbone;
  LetterVocabulary vocabulary;
  testing::SlottedTemplate prompt_template;
  testing::NamedLabels verbalizer{{" bd", " h"}};
  PromptTuning tuner;

  Prepared(int64_t length, const std::string& init, const std::string& text, std::vector<SoftSlot> slots = {},
           uint64_t seed = 1, int64_t embedding_width = width, int64_t prompts = 1)
      : backbone(embedding_width), prompt_template(std::move(slots)),
        tuner(options(length, init, text, prompts)) {
    tuner.prepare(problem(nullptr, seed));
  }

  Problem problem(const std::vector<Example>* train, uint64_t seed = 1) {
    Problem problem{backbone, vocabulary, {}, seed, {}, {}};
    problem.tasks.push_back({"t", prompt_template, verbalizer, {"bad", "good"}, train, nullptr});
    return problem;
  }

  static Options options(int64_t length, const std::string& init, const std::string& text, int64_t prompts) {
    Options options;
    options.set("length", length);
    options.set("prompts", prompts);
    options.set("init", init);
    options.set("init-text", text);
    options.set("weight-decay", 0.0);
    return options;
  }

  at::Tensor prompt() const { return tuner.condition({}).embeddings.detach(); }
  /// The token whose embedding each virtual token has.
  std::vector<int64_t> tokens() const {
    const at::Tensor ids = (prompt().select(1, 0) * 10).round().to(at::kLong).contiguous();
    return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
  }
};

using Ids = std::vector<int64_t>;

} // namespace

TEST_CASE("text: one virtual token per token, repeated or truncated") {
  CHECK(Prepared(5, "text", "c a").tokens() == Ids{3, 1, 3, 1, 3});
  CHECK(Prepared(2, "text", "cabd").tokens() == Ids{3, 1});
  CHECK_THROWS_WITH_AS(Prepared(2, "text", ""), doctest::Contains("init-text"), UsageError);
}

TEST_CASE("labels: the mean embedding of each label's words") {
  const Prepared prepared(4, "labels", "");
  CHECK(prepared.prompt()[0][0].item<double>() == doctest::Approx((2 + 4) / 2.0 / 10));
  CHECK(prepared.prompt()[1][0].item<double>() == doctest::Approx(8 / 10.0));
}

TEST_CASE("vocabulary: distinct tokens that are not special, by seed") {
  Ids first = Prepared(20, "vocabulary", "").tokens();
  CHECK(first == Prepared(20, "vocabulary", "").tokens());
  CHECK(first != Prepared(20, "vocabulary", "", {}, 2).tokens());
  std::sort(first.begin(), first.end());
  CHECK(std::adjacent_find(first.begin(), first.end()) == first.end());
  CHECK(first.front() > 0); // 0 is a special token
}

TEST_CASE("random: the standard deviation of embeddings") {
  const at::Tensor prompt = Prepared(1000, "random", "").prompt();
  CHECK(std::abs(prompt.mean().item<double>()) < 0.1);
  CHECK(prompt.std().item<double>() > 0.3);
}

TEST_CASE("the template's slots keep their numbers and words; slots of prepended virtual tokens follow") {
  const Prepared prepared(2, "text", "a", {{7}, {}});
  CHECK(prepared.tokens() == Ids{7, 1, 1, 1});
  std::vector<Prompt> prompts(1);
  prepared.tuner.edit(prompts, {Example{}});
  const Prompt& prompt = prompts[0];
  REQUIRE(prompt.prepended.size() == 2);
  CHECK(prompt.prepended[0].slot == 2);
  CHECK(prompt.prepended[1].slot == 3);
  CHECK((prompt.prepended[0].kind == Piece::Kind::soft));
}

TEST_CASE("by default 20 virtual tokens are prepended, or none if the template has slots; an empty prompt is "
          "refused") {
  CHECK(Prepared(-1, "vocabulary", "").prompt().size(0) == 20);
  CHECK(Prepared(-1, "vocabulary", "", {{}, {}, {}}).prompt().size(0) == 3);
  CHECK_THROWS_WITH_AS(Prepared(0, "vocabulary", ""), doctest::Contains("nothing to train"), UsageError);
}

TEST_CASE("the prompts of an ensemble are concatenated, and each variant has its own") {
  const Prepared one(2, "vocabulary", "", {{7}}), three(2, "vocabulary", "", {{7}}, 1, width, 3);
  const Ids tokens = three.tokens();
  REQUIRE(tokens.size() == 9);
  CHECK(Ids(tokens.begin(), tokens.begin() + 3) == one.tokens()); // the first equals a single prompt
  CHECK(tokens[3] == 7);
  CHECK(Ids(tokens.begin() + 4, tokens.begin() + 6) != Ids(tokens.begin() + 1, tokens.begin() + 3));
  CHECK(Ids(tokens.begin() + 4, tokens.begin() + 6) != Ids(tokens.begin() + 7, tokens.end()));

  std::vector<Prompt> prompts(2);
  prompts[1].choice = 1;
  prompts[0].input = prompts[1].input = {Piece::soft_slot(0)};
  three.tuner.edit(prompts, {Example{}});
  REQUIRE(prompts.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto member = static_cast<int64_t>(i % 3);
    CHECK(prompts[i].choice == static_cast<int64_t>(i / 3));
    CHECK(prompts[i].variant == member);
    CHECK(prompts[i].input[0].slot == 3 * member);
    REQUIRE(prompts[i].prepended.size() == 2);
    CHECK(prompts[i].prepended[0].slot == 3 * member + 1);
    CHECK(prompts[i].prepended[1].slot == 3 * member + 2);
  }
  CHECK_THROWS_WITH_AS(Prepared(2, "text", "a", {}, 1, width, 2), doctest::Contains("same initial values"),
                       UsageError);
}

TEST_CASE("soft prompts of T5 have the paper's sizes") {
  // Length, width, parameters: appendix A.1 counts 20,480 for five virtual tokens of XXL.
  for (const auto& [length, size, expected] : {std::tuple<int64_t, int64_t, int64_t>{5, 512, 2'560},
                                               {5, 768, 3'840},
                                               {5, 1024, 5'120},
                                               {5, 2048, 10'240},
                                               {5, 4096, 20'480},
                                               {100, 4096, 409'600}}) {
    CAPTURE(size);
    Prepared prepared(length, "vocabulary", "", {}, 1, size);
    REQUIRE(prepared.tuner.parameters().size() == 1);
    REQUIRE(prepared.tuner.parameters()[0].tensors.size() == 1);
    CHECK(prepared.tuner.parameters()[0].tensors[0].numel() == expected);
    CHECK(prepared.tuner.state(0).tensors.at("prompt").numel() == expected);
  }
}

TEST_CASE("card: the soft prompt of another card, which must have the same size") {
  Prepared other(3, "random", "", {}, 9), mine(3, "card", "", {{7}});
  CHECK(!at::equal(mine.prompt().slice(0, 0, 3), other.prompt())); // only used: no card is needed
  const std::vector<Example> train(1);
  const auto prepare = [&](Prepared& with, const TensorMap& tensors) {
    Problem problem = with.problem(&train);
    problem.cards["from"] = {tensors, {}};
    with.tuner.prepare(problem);
  };
  const TensorMap trained = other.tuner.state(0).tensors;
  Prepared fitting(3, "card", "");
  prepare(fitting, trained);
  CHECK(at::equal(fitting.prompt(), other.prompt()));
  fitting.tuner.parameters()[0].tensors[0].detach().zero_(); // the other card does not change
  CHECK(other.prompt().abs().sum().item<double>() > 0);
  Prepared slotted(2, "card", "", {{7}});
  prepare(slotted, trained); // the slot's word is ignored
  CHECK(at::equal(slotted.prompt(), other.prompt()));

  CHECK_THROWS_WITH_AS(prepare(mine, trained), doctest::Contains("3 x 4 numbers, and 4 x 4"), UsageError);
  CHECK_THROWS_WITH_AS(prepare(mine, {{"self.key", at::ones({1})}}),
                       doctest::Contains("prompt-tuning or p-tuning"), UsageError);
  CHECK_THROWS_WITH_AS(mine.tuner.prepare(mine.problem(&train)), doctest::Contains("set from"), UsageError);
}

TEST_CASE("embeddings trained by another tool are adopted if they fit") {
  Prepared prepared(3, "random", "");
  Conditioning trained;
  std::string why;
  CHECK(!prepared.tuner.adopt(trained, why));
  CHECK(why.find("3 x 4") != std::string::npos);
  trained.embeddings = at::ones({3, 4});
  CHECK(prepared.tuner.adopt(trained, why));
  CHECK(at::equal(prepared.prompt(), at::ones({3, 4})));
  trained.low_rank.emplace_back();
  CHECK(!prepared.tuner.adopt(trained, why));
  CHECK(why.find("it has soft embeddings and low-rank updates of 3 x 4") != std::string::npos);
}

TEST_CASE("load_state restores a state that fits") {
  Prepared from(3, "random", ""), to(3, "vocabulary", ""), longer(4, "vocabulary", "");
  to.tuner.load_state(from.tuner.state(0));
  CHECK(at::equal(to.prompt(), from.prompt()));
  CHECK_THROWS_WITH_AS(longer.tuner.load_state(from.tuner.state(0)), doctest::Contains("4 x 4"), DataError);
  CHECK_THROWS_AS(to.tuner.load_state({{}, {}}), DataError);
  CHECK_THROWS_WITH_AS(to.tuner.load_state({{{"prompt", at::zeros({3, 4}, at::kInt)}}, {}}),
                       doctest::Contains("floating-point"), DataError);
}

TEST_CASE("defaults depend on the optimizer and don't override the request") {
  const Prepared prepared(3, "random", "");
  FitRequest request;
  CHECK(prepared.tuner.defaults(request).learning_rate == 0.02);
  CHECK(Prepared(3, "random", "", {}, 1, 4096).tuner.defaults(request).learning_rate == doctest::Approx(1e-3));
  request.optimizer = "adafactor";
  CHECK(prepared.tuner.defaults(request).learning_rate == 0.3);
  CHECK(prepared.tuner.defaults(request).schedule == "constant");
  request.learning_rate = 5;
  CHECK(prepared.tuner.defaults(request).learning_rate == 5);
}
