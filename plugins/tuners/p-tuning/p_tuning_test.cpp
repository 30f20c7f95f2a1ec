// Positions of the virtual tokens, trainable parameters, and the state in a card. Training steps are compared
// with PEFT's in tests/parity.
#include "p_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>
#include <cuecard/testing/slotted_template.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

constexpr int64_t width = 6;

/// The embedding of token i is i, `width` times.
class CountingBackbone final : public NoBackbone {
public:
  CountingBackbone() { shape_.embedding_width = width; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
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

  at::Tensor prompt() const { return tuner.condition({}).embeddings.detach(); }
  int64_t num_trainable() {
    int64_t count = 0;
    const std::vector<ParameterGroup> groups = tuner.parameters();
    for (const at::Tensor& tensor : groups.at(0).tensors)
      count += tensor.numel();
    return count;
  }
};

int64_t lstm_parameters(int64_t in, int64_t hidden) { // one layer, both directions
  return 2 * (4 * hidden * in + 4 * hidden * hidden + 8 * hidden);
}

} // namespace

TEST_CASE("soft prompt and encoder are trainable") {
  const int64_t mlp = 2 * (width * width + width);
  CHECK(Prepared(4, "mlp").num_trainable() == 4 * width + mlp);
  CHECK(Prepared(4, "lstm").num_trainable() ==
        4 * width + lstm_parameters(width, 3) + lstm_parameters(6, 3) + mlp);
  CHECK(Prepared(4, "mlp", {}, 0, 3).num_trainable() == 4 * width + mlp + width * width + width); // PEFT's MLP
  CHECK(Prepared(4, "lstm", {}, 0, 3).num_trainable() ==
        Prepared(4, "lstm").num_trainable() + width * width + width); // one more layer after the LSTM
  // With the whole width, as in the few-shot code, the first linear layer has 2 * 6 inputs.
  CHECK(Prepared(4, "lstm", {}, width).num_trainable() ==
        4 * width + lstm_parameters(width, 6) + lstm_parameters(12, 6) + (12 * 6 + 6) + (6 * 6 + 6));
}

TEST_CASE("virtual tokens fill the template's slots or are prepended") {
  CHECK(Prepared(-1, "mlp").prompt().size(0) == 9);
  CHECK(Prepared(-1, "mlp", {{}, {}}).prompt().size(0) == 2);
  CHECK_THROWS_WITH_AS(Prepared(0, "mlp"), doctest::Contains("nothing to train"), UsageError);
  const Prepared both(3, "lstm", {{}, {}});
  CHECK(both.prompt().sizes() == at::IntArrayRef({5, width}));
  std::vector<Prompt> prompts(2);
  both.tuner.edit(prompts, {Example{}});
  for (const Prompt& prompt : prompts) {
    REQUIRE(prompt.prepended.size() == 3);
    CHECK(prompt.prepended[0].slot == 2);
    CHECK(prompt.prepended[2].slot == 4);
    CHECK((prompt.prepended[0].kind == Piece::Kind::soft));
  }
}

TEST_CASE("a slot with a word passes that word's embedding to the encoder") {
  Prepared worded(-1, "mlp", {{7}, {}}), other(-1, "mlp", {{8}, {}});
  const at::Tensor given = worded.tuner.parameters()[0].tensors[0].detach();
  CHECK(at::equal(given[0], at::full({width}, 7.0f)));
  CHECK(!at::equal(given[1], at::full({width}, 7.0f)));
  CHECK(!at::equal(worded.prompt()[0], other.prompt()[0]));
  CHECK(at::equal(worded.prompt()[1], other.prompt()[1])); // an MLP sees one token at a time
}

TEST_CASE("each output of the LSTM depends on the tokens on both sides") {
  const Prepared worded(-1, "lstm", {{}, {7}, {}}), other(-1, "lstm", {{}, {8}, {}});
  for (int64_t i = 0; i < 3; ++i)
    CHECK(!at::equal(worded.prompt()[i], other.prompt()[i]));
}

TEST_CASE("a card stores the encoder's output, which is then trained directly") {
  for (const char* encoder : {"lstm", "mlp"}) {
    Prepared from(4, encoder), to(4, encoder, {}, 2);
    const ComponentState state = from.tuner.state(0);
    CHECK(at::equal(state.tensors.at("prompt"), from.prompt()));
    to.tuner.load_state(state);
    CHECK(at::equal(to.prompt(), from.prompt()));
    CHECK(to.num_trainable() == 4 * width);
    CHECK(to.tuner.parameters()[0].tensors[0].requires_grad());
    Prepared longer(5, encoder);
    CHECK_THROWS_WITH_AS(longer.tuner.load_state(state), doctest::Contains("5 x 6"), DataError);
    CHECK_THROWS_AS(to.tuner.load_state({}), DataError);
    std::string why;
    Conditioning adopted;
    CHECK(!longer.tuner.adopt(from.tuner.condition({}), why));
    CHECK(why.find("5 x 6") != std::string::npos);
    adopted.embeddings = at::ones({5, width});
    CHECK(longer.tuner.adopt(adopted, why));
    CHECK(at::equal(longer.prompt(), adopted.embeddings));
  }
}

TEST_CASE("defaults are the measured ones and don't override the request") {
  Prepared prepared(3, "mlp");
  FitRequest request;
  const FitRequest filled = prepared.tuner.defaults(request);
  CHECK(filled.optimizer == "adamw");
  CHECK(filled.schedule == "linear");
  CHECK(filled.learning_rate == 1e-3);
  CHECK(filled.min_steps == 100);
  prepared.backbone.shape_.hidden = 4096;
  prepared.prepare();
  CHECK(prepared.tuner.defaults(request).learning_rate == doctest::Approx(1e-4));
  request.optimizer = "adam";
  request.steps = 5;
  CHECK(prepared.tuner.defaults(request).optimizer == "adam");
  CHECK(!prepared.tuner.defaults(request).epochs);
  CHECK(!prepared.tuner.defaults(request).min_steps);
}
