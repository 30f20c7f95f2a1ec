// Where the rows start, where they stand, and that a card's rows come back. Its steps are compared with PEFT's
// in tests/parity.
#include "prompt_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/slotted_template.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
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
  at::Tensor token_rows(TokenTable, const at::Tensor& ids) const override {
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

  at::Tensor rows() const { return tuner.condition(0, {}).embeddings.detach(); }
  /// The token whose embedding each row is.
  std::vector<int64_t> tokens() const {
    const at::Tensor ids = (rows().select(1, 0) * 10).round().to(at::kLong).contiguous();
    return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
  }
};

using Ids = std::vector<int64_t>;

} // namespace

TEST_CASE("text: one row per token, repeated or cut") {
  CHECK(Prepared(5, "text", "c a").tokens() == Ids{3, 1, 3, 1, 3});
  CHECK(Prepared(2, "text", "cabd").tokens() == Ids{3, 1});
  CHECK_THROWS_WITH_AS(Prepared(2, "text", ""), doctest::Contains("init-text"), UsageError);
}

TEST_CASE("labels: each label's row is the mean of its words' tokens") {
  const Prepared prepared(4, "labels", "");
  CHECK(prepared.rows()[0][0].item<double>() == doctest::Approx((2 + 4) / 2.0 / 10));
  CHECK(prepared.rows()[1][0].item<double>() == doctest::Approx(8 / 10.0));
}

TEST_CASE("vocabulary: different ordinary tokens, by seed") {
  Ids first = Prepared(20, "vocabulary", "").tokens();
  CHECK(first == Prepared(20, "vocabulary", "").tokens());
  CHECK(first != Prepared(20, "vocabulary", "", {}, 2).tokens());
  std::sort(first.begin(), first.end());
  CHECK(std::adjacent_find(first.begin(), first.end()) == first.end());
  CHECK(first.front() > 0); // 0 is a special token
}

TEST_CASE("random: as wide as the embeddings") {
  const at::Tensor rows = Prepared(1000, "random", "").rows();
  CHECK(std::abs(rows.mean().item<double>()) < 0.1);
  CHECK(rows.std().item<double>() > 0.3);
}

TEST_CASE("a template's slots keep their numbers and their words, and the rows in front come after them") {
  const Prepared prepared(2, "text", "a", {{7}, {}});
  CHECK(prepared.tokens() == Ids{7, 1, 1, 1});
  std::vector<Prompt> prompts(1);
  prepared.tuner.edit(prompts, {Example{}});
  const Prompt& prompt = prompts[0];
  REQUIRE(prompt.front.size() == 2);
  CHECK(prompt.front[0].slot == 2);
  CHECK(prompt.front[1].slot == 3);
  CHECK((prompt.front[0].kind == Piece::Kind::soft));
}

TEST_CASE("by default 20 rows in front, or none where the template has slots; nothing at all is refused") {
  CHECK(Prepared(-1, "vocabulary", "").rows().size(0) == 20);
  CHECK(Prepared(-1, "vocabulary", "", {{}, {}, {}}).rows().size(0) == 3);
  CHECK_THROWS_WITH_AS(Prepared(0, "vocabulary", ""), doctest::Contains("nothing to learn"), UsageError);
}

TEST_CASE("an ensemble's prompts stand one behind the other, and each variant has its own") {
  const Prepared one(2, "vocabulary", "", {{7}}), three(2, "vocabulary", "", {{7}}, 1, width, 3);
  const Ids tokens = three.tokens();
  REQUIRE(tokens.size() == 9);
  CHECK(Ids(tokens.begin(), tokens.begin() + 3) == one.tokens()); // the first is the prompt alone
  CHECK(tokens[3] == 7);
  CHECK(Ids(tokens.begin() + 4, tokens.begin() + 6) != Ids(tokens.begin() + 1, tokens.begin() + 3));
  CHECK(Ids(tokens.begin() + 4, tokens.begin() + 6) != Ids(tokens.begin() + 7, tokens.end()));

  std::vector<Prompt> prompts(2);
  prompts[1].choice = 1;
  Piece slot;
  slot.kind = Piece::Kind::soft;
  prompts[0].input = prompts[1].input = {slot};
  three.tuner.edit(prompts, {Example{}});
  REQUIRE(prompts.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto member = static_cast<int64_t>(i % 3);
    CHECK(prompts[i].choice == static_cast<int64_t>(i / 3));
    CHECK(prompts[i].variant == member);
    CHECK(prompts[i].input[0].slot == 3 * member);
    REQUIRE(prompts[i].front.size() == 2);
    CHECK(prompts[i].front[0].slot == 3 * member + 1);
    CHECK(prompts[i].front[1].slot == 3 * member + 2);
  }
  CHECK_THROWS_WITH_AS(Prepared(2, "text", "a", {}, 1, width, 2), doctest::Contains("learn the same"),
                       UsageError);
}

TEST_CASE("T5's prompts have the paper's sizes") {
  // Rows, width, parameters: appendix A.1 counts 20,480 for five rows of XXL.
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
    CHECK(prepared.tuner.export_learned(0).tensors.at("prompt").numel() == expected);
  }
}

TEST_CASE("card: the rows are those of another card, and only rows that fit") {
  Prepared other(3, "random", "", {}, 9), mine(3, "card", "", {{7}});
  CHECK(!at::equal(mine.rows().slice(0, 0, 3), other.rows())); // only used: no card is asked for
  const std::vector<Example> train(1);
  const auto prepare = [&](Prepared& with, const TensorMap& tensors) {
    Problem problem = with.problem(&train);
    problem.cards["from"] = {tensors, {}};
    with.tuner.prepare(problem);
  };
  const TensorMap learned = other.tuner.export_learned(0).tensors;
  Prepared fitting(3, "card", "");
  prepare(fitting, learned);
  CHECK(at::equal(fitting.rows(), other.rows()));
  fitting.tuner.parameters()[0].tensors[0].detach().zero_(); // the other card stays as it is
  CHECK(other.rows().abs().sum().item<double>() > 0);
  Prepared slotted(2, "card", "", {{7}});
  prepare(slotted, learned); // the slot's word is of no account
  CHECK(at::equal(slotted.rows(), other.rows()));

  CHECK_THROWS_WITH_AS(prepare(mine, learned), doctest::Contains("3 x 4 numbers where 4 x 4"), UsageError);
  CHECK_THROWS_WITH_AS(prepare(mine, {{"self.key", at::ones({1})}}),
                       doctest::Contains("prompt-tuning or p-tuning"), UsageError);
  CHECK_THROWS_WITH_AS(mine.tuner.prepare(mine.problem(&train)), doctest::Contains("set from"), UsageError);
}

TEST_CASE("what another tool learned is taken when it fits") {
  Prepared prepared(3, "random", "");
  Conditioning learned;
  std::string why;
  CHECK(!prepared.tuner.adopt(learned, why));
  CHECK(why.find("3 x 4") != std::string::npos);
  learned.embeddings = at::ones({3, 4});
  CHECK(prepared.tuner.adopt(learned, why));
  CHECK(at::equal(prepared.rows(), at::ones({3, 4})));
}

TEST_CASE("what is exported comes back, and only what fits") {
  Prepared from(3, "random", ""), to(3, "vocabulary", ""), longer(4, "vocabulary", "");
  to.tuner.import_learned(from.tuner.export_learned(0));
  CHECK(at::equal(to.rows(), from.rows()));
  CHECK_THROWS_WITH_AS(longer.tuner.import_learned(from.tuner.export_learned(0)), doctest::Contains("4 x 4"),
                       DataError);
  CHECK_THROWS_AS(to.tuner.import_learned({{}, {}}), DataError);
  CHECK_THROWS_WITH_AS(to.tuner.import_learned({{{"prompt", at::zeros({3, 4}, at::kInt)}}, {}}),
                       doctest::Contains("no floating-point"), DataError);
}

TEST_CASE("defaults follow the optimizer and keep what was asked for") {
  const Prepared prepared(3, "random", "");
  FitSettings asked;
  CHECK(prepared.tuner.defaults(asked).learning_rate == 0.02);
  CHECK(Prepared(3, "random", "", {}, 1, 4096).tuner.defaults(asked).learning_rate == doctest::Approx(1e-3));
  asked.optimizer = "adafactor";
  CHECK(prepared.tuner.defaults(asked).learning_rate == 0.3);
  CHECK(prepared.tuner.defaults(asked).schedule == "constant");
  asked.learning_rate = 5;
  CHECK(prepared.tuner.defaults(asked).learning_rate == 5);
}
