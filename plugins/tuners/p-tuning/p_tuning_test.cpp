// Where the rows stand, what is learned, and that a card holds what came out. Its steps are compared with
// PEFT's in tests/parity.
#include "p_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>
#include <cuecard/testing/slotted_template.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

constexpr int64_t width = 6;

/// The embedding of token i is i, `width` times.
class CountingBackbone final : public NoBackbone {
public:
  CountingBackbone() { shape_.embedding_width = width; }
  at::Tensor token_rows(TokenTable, const at::Tensor& ids) const override {
    return ids.to(at::kFloat).unsqueeze(1).repeat({1, width});
  }
};

struct Prepared {
  CountingBackbone backbone;
  NoVocabulary vocabulary;
  SlottedTemplate prompt_template;
  NamedLabels verbalizer;
  PTuning tuner;

  Prepared(int64_t length, const std::string& encoder, std::vector<SoftSlot> slots = {}, int64_t hidden = 0,
           int64_t maps = 2)
      : prompt_template(std::move(slots)), tuner(options(length, encoder, hidden, maps)) {
    prepare();
  }

  void prepare() {
    Problem problem{backbone, vocabulary, {}, 1, {}, {}};
    problem.tasks.push_back({"t", prompt_template, verbalizer, {}, nullptr, nullptr});
    tuner.prepare(problem);
  }

  static Options options(int64_t length, const std::string& encoder, int64_t hidden, int64_t maps) {
    Options options;
    options.set("length", length);
    options.set("encoder", encoder);
    options.set("hidden", hidden);
    options.set("maps", maps);
    options.set("weight-decay", 0.0);
    options.set("tune-model", false);
    options.set("model-lr-scale", 0.1);
    options.set("model-weight-decay", 0.1);
    return options;
  }

  at::Tensor rows() const { return tuner.condition(0, {}).embeddings.detach(); }
  int64_t learned() {
    int64_t count = 0;
    const std::vector<ParameterGroup> groups = tuner.parameters();
    for (const at::Tensor& tensor : groups.at(0).tensors)
      count += tensor.numel();
    return count;
  }
};

int64_t lstm_numbers(int64_t in, int64_t hidden) { // one layer, both directions
  return 2 * (4 * hidden * in + 4 * hidden * hidden + 8 * hidden);
}

} // namespace

TEST_CASE("rows and encoder are what is learned") {
  const int64_t mlp = 2 * (width * width + width);
  CHECK(Prepared(4, "mlp").learned() == 4 * width + mlp);
  CHECK(Prepared(4, "lstm").learned() == 4 * width + lstm_numbers(width, 3) + lstm_numbers(6, 3) + mlp);
  CHECK(Prepared(4, "mlp", {}, 0, 3).learned() == 4 * width + mlp + width * width + width); // PEFT's MLP
  CHECK(Prepared(4, "lstm", {}, 0, 3).learned() ==
        Prepared(4, "lstm").learned() + width * width + width); // one map more behind the LSTM
  // The few-shot code's whole width: 2 * 6 states go into the first linear map.
  CHECK(Prepared(4, "lstm", {}, width).learned() ==
        4 * width + lstm_numbers(width, 6) + lstm_numbers(12, 6) + (12 * 6 + 6) + (6 * 6 + 6));
}

TEST_CASE("pseudo tokens fill the template's slots, else stand in front") {
  CHECK(Prepared(-1, "mlp").rows().size(0) == 9);
  CHECK(Prepared(-1, "mlp", {{}, {}}).rows().size(0) == 2);
  CHECK_THROWS_WITH_AS(Prepared(0, "mlp"), doctest::Contains("nothing to learn"), UsageError);
  const Prepared both(3, "lstm", {{}, {}});
  CHECK(both.rows().sizes() == at::IntArrayRef({5, width}));
  std::vector<Prompt> prompts(2);
  both.tuner.edit(prompts, {Example{}});
  for (const Prompt& prompt : prompts) {
    REQUIRE(prompt.front.size() == 3);
    CHECK(prompt.front[0].slot == 2);
    CHECK(prompt.front[2].slot == 4);
    CHECK((prompt.front[0].kind == Piece::Kind::soft));
  }
}

TEST_CASE("a slot with a word gives the encoder that word's embedding") {
  Prepared worded(-1, "mlp", {{7}, {}}), other(-1, "mlp", {{8}, {}});
  const at::Tensor given = worded.tuner.parameters()[0].tensors[0].detach();
  CHECK(at::equal(given[0], at::full({width}, 7.0f)));
  CHECK(!at::equal(given[1], at::full({width}, 7.0f)));
  CHECK(!at::equal(worded.rows()[0], other.rows()[0]));
  CHECK(at::equal(worded.rows()[1], other.rows()[1])); // an MLP sees one row at a time
}

TEST_CASE("a row out of the LSTM depends on those on both sides") {
  const Prepared worded(-1, "lstm", {{}, {7}, {}}), other(-1, "lstm", {{}, {8}, {}});
  for (int64_t row = 0; row < 3; ++row)
    CHECK(!at::equal(worded.rows()[row], other.rows()[row]));
}

TEST_CASE("a card holds what came out, and is learned further directly") {
  for (const char* encoder : {"lstm", "mlp"}) {
    Prepared from(4, encoder), to(4, encoder, {}, 2);
    const Learned learned = from.tuner.export_learned(0);
    CHECK(at::equal(learned.tensors.at("prompt"), from.rows()));
    to.tuner.import_learned(learned);
    CHECK(at::equal(to.rows(), from.rows()));
    CHECK(to.learned() == 4 * width);
    CHECK(to.tuner.parameters()[0].tensors[0].requires_grad());
    Prepared longer(5, encoder);
    CHECK_THROWS_WITH_AS(longer.tuner.import_learned(learned), doctest::Contains("5 x 6"), DataError);
    CHECK_THROWS_AS(to.tuner.import_learned({}), DataError);
    std::string why;
    Conditioning adopted;
    CHECK(!longer.tuner.adopt(from.tuner.condition(0, {}), why));
    CHECK(why.find("5 x 6") != std::string::npos);
    adopted.embeddings = at::ones({5, width});
    CHECK(longer.tuner.adopt(adopted, why));
    CHECK(at::equal(longer.rows(), adopted.embeddings));
  }
}

TEST_CASE("defaults are what was measured and keep what was asked for") {
  Prepared prepared(3, "mlp");
  FitSettings asked;
  const FitSettings settings = prepared.tuner.defaults(asked);
  CHECK(settings.optimizer == "adamw");
  CHECK(settings.schedule == "linear");
  CHECK(settings.learning_rate == 1e-3);
  CHECK(settings.least_steps == 100);
  prepared.backbone.shape_.hidden = 4096;
  prepared.prepare();
  CHECK(prepared.tuner.defaults(asked).learning_rate == doctest::Approx(1e-4));
  asked.optimizer = "adam";
  asked.steps = 5;
  CHECK(prepared.tuner.defaults(asked).optimizer == "adam");
  CHECK(prepared.tuner.defaults(asked).epochs == 0);
  CHECK(prepared.tuner.defaults(asked).least_steps == 0);
}
