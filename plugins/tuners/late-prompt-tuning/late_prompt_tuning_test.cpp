// The entry layer of late virtual tokens, their values and gradients, and the state in a card.
#include "late_prompt_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/testing/damaged_state.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/slotted_template.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

constexpr int64_t width = 5, hidden = 6;

/// Random embeddings; the hidden state of token i at position p after n layers is (i, p, n, 0, 0, 0).
class CountingBackbone final : public testing::NoBackbone {
public:
  explicit CountingBackbone(int64_t layers) {
    shape_.embedding_width = width;
    shape_.hidden = hidden;
    shape_.layers = layers;
  }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return table_.index_select(0, ids);
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    const Side& side = args.batch.input;
    at::Tensor states = at::zeros({side.num_tokens(), hidden});
    states.select(1, 0).copy_(side.ids);
    states.select(1, 1).copy_(side.positions);
    states.select(1, 2).fill_(args.layers);
    return states;
  }

private:
  at::Tensor table_ = Random(7).normal_tensor({50, width}, 1);
};

struct Chosen {
  int64_t length = 3, layer = -1;
  std::string generator = "none";
  std::string init = "hidden";
  double dropout = 0;
  int64_t layers = 8;
};

/// A tuner prepared with the given options on a template with the given slots.
struct Prepared {
  CountingBackbone backbone;
  testing::WordVocabulary vocabulary{{}, 50}; ///< its last token is special
  testing::SlottedTemplate prompt_template;
  testing::NamedLabels verbalizer;
  LatePromptTuning tuner;

  explicit Prepared(const Chosen& chosen, std::vector<SoftSlot> slots = {}, uint64_t seed = 1,
                    bool encoder_decoder = false)
      : backbone(chosen.layers), prompt_template(std::move(slots)), tuner(options(chosen)) {
    if (encoder_decoder) {
      backbone.shape_.encoder_decoder = true;
      backbone.shape_.sites = {{PrefixSite::self, chosen.layers, 1, 1}, {PrefixSite::encoder, 4, 1, 1}};
    }
    Problem problem{backbone, vocabulary, {}, seed, {}, {}};
    problem.tasks.push_back({"t", prompt_template, verbalizer, {}, nullptr, nullptr});
    tuner.prepare(problem);
  }

  static Options options(const Chosen& chosen) {
    Options options;
    options.set("length", chosen.length);
    options.set("layer", chosen.layer);
    options.set("generator", chosen.generator);
    options.set("bottleneck", int64_t{4});
    options.set("dropout", chosen.dropout);
    options.set("init", chosen.init);
    options.set("weight-decay", 0.1);
    return options;
  }

  int64_t first_layer() const {
    std::vector<Prompt> prompts(1);
    tuner.edit(prompts, {Example{}});
    return prompts[0].prepended.at(0).first_layer;
  }
  at::Tensor tensor(const std::string& name) const { return tuner.state(0).tensors.at(name); }
};

at::Tensor some_inputs(int64_t count) {
  return Random(3).normal_tensor({count, hidden}, 1);
}

} // namespace

TEST_CASE("virtual tokens enter at the middle layer, or at the one that is set") {
  CHECK(Prepared({}).first_layer() == 4);
  CHECK(Prepared({3, -1, "none", "hidden", 0, 3}).first_layer() == 1);
  CHECK(Prepared({3, 7}).first_layer() == 7);
  CHECK(Prepared({}, {}, 1, true).first_layer() == 2); // of the encoder
  CHECK_THROWS_WITH_AS(Prepared({3, 0}), doctest::Contains("layer is 0, the model's input; expected 1 to 7"),
                       UsageError);
  CHECK_THROWS_WITH_AS(Prepared({3, 8}), doctest::Contains("the model has layers 0 to 7"), UsageError);
  CHECK_THROWS_WITH_AS(Prepared({3, 4}, {}, 1, true),
                       doctest::Contains("the model's encoder has layers 0 to 3"), UsageError);
  CHECK_THROWS_WITH_AS(Prepared({3, -1, "none", "hidden", 0, 1}), doctest::Contains("at least two layers"),
                       UsageError);
}

TEST_CASE("late slots come first, after the numbers of the template's") {
  const Prepared prepared({}, {{7}, {}});
  std::vector<Prompt> prompts(2);
  prompts[1].prepended = {Piece::soft_slot(0)};
  prepared.tuner.edit(prompts, {Example{}});
  REQUIRE(prompts[0].prepended.size() == 3);
  REQUIRE(prompts[1].prepended.size() == 4);
  CHECK(prompts[1].prepended[3].slot == 0);
  CHECK(prompts[1].prepended[3].first_layer == 0);
  for (const Prompt& prompt : prompts)
    for (int64_t i = 0; i < 3; ++i) {
      const Piece& piece = prompt.prepended[static_cast<std::size_t>(i)];
      CHECK((piece.kind == Piece::Kind::soft));
      CHECK(piece.slot == 2 + i);
      CHECK(piece.first_layer == 4);
    }
}

TEST_CASE("without a generator: one late prompt for all inputs, and the template's slots stay ordinary") {
  Prepared prepared({}, {{7}, {}});
  CHECK(!prepared.tuner.input_features());
  const Conditioning found = prepared.tuner.condition({});
  REQUIRE((found.embeddings.sizes() == at::IntArrayRef({2, width})));
  REQUIRE((found.late_embeddings.sizes() == at::IntArrayRef({2 + 3, hidden})));
  CHECK(at::equal(found.late_embeddings.narrow(0, 2, 3), prepared.tensor("prompt")));
  CHECK(at::equal(found.embeddings, prepared.tensor("slots")));
  CHECK(at::equal(found.embeddings[0], prepared.backbone.token_vectors(TokenTable::input, at::tensor({7}))[0]));
  CHECK(!Prepared({}).tuner.condition({}).embeddings.defined());

  (found.embeddings.sum() + found.late_embeddings.sum()).backward();
  const std::vector<at::Tensor> tensors = prepared.tuner.parameters().at(0).tensors;
  REQUIRE(tensors.size() == 2);
  for (const at::Tensor& tensor : tensors)
    CHECK(at::equal(tensor.grad(), at::ones(tensor.sizes())));
}

TEST_CASE("with a generator: a late prompt per input, from two linear layers with a ReLU") {
  Prepared prepared({3, 5, "instance"}, {{7}});
  const InputFeatures features = prepared.tuner.input_features();
  CHECK((features.kind == InputFeatures::Kind::hidden_state));
  CHECK(features.layers == 5);
  CHECK(features.soft_slots == 4);
  const at::Tensor inputs = some_inputs(6);
  const Conditioning found = prepared.tuner.condition({0, {}, inputs});
  REQUIRE((found.embeddings.sizes() == at::IntArrayRef({6, 4, width})));
  REQUIRE((found.late_embeddings.sizes() == at::IntArrayRef({6, 4, hidden})));
  const at::Tensor inner =
      (inputs.matmul(prepared.tensor("generator.down.weight").t()) + prepared.tensor("generator.down.bias"))
          .clamp_min(0);
  const at::Tensor outer =
      (inner.matmul(prepared.tensor("generator.up.weight").t()) + prepared.tensor("generator.up.bias"))
          .view({6, 3, hidden});
  CHECK(at::allclose(found.late_embeddings.narrow(1, 1, 3), outer, 1e-5, 1e-6));
  for (int64_t i = 0; i < 6; ++i)
    CHECK(at::equal(found.embeddings[i][0], prepared.tensor("slots")[0]));
  CHECK(!Prepared({3, 5, "instance"}).tuner.condition({0, {}, inputs}).embeddings.defined());

  (found.embeddings.sum() + (found.late_embeddings * found.late_embeddings).sum()).backward();
  const std::vector<ParameterGroup> groups = prepared.tuner.parameters();
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].tensors.size() == 3);
  CHECK(groups[0].weight_decay == 0.1);
  CHECK(groups[1].tensors.size() == 2);
  CHECK(groups[1].weight_decay == 0);
  for (const ParameterGroup& group : groups)
    for (const at::Tensor& tensor : group.tensors) {
      REQUIRE(tensor.grad().defined());
      CHECK(tensor.grad().abs().sum().item<double>() > 0);
    }
}

TEST_CASE("dropout applies in training passes only, drawn by seed") {
  const Prepared prepared({3, -1, "instance", "hidden", 0.5});
  const at::Tensor inputs = some_inputs(6);
  const auto late = [&](const Pass& pass) {
    return prepared.tuner.condition({0, pass, inputs}).late_embeddings;
  };
  CHECK(at::equal(late({}), late({false, 3})));
  CHECK((late({}) == 0).sum().item<int64_t>() == 0);
  const int64_t dropped = (late({true, 3}) == 0).sum().item<int64_t>();
  CHECK(dropped > 20);
  CHECK(dropped < 88);
  CHECK(at::equal(late({true, 3}), late({true, 3})));
  CHECK(!at::equal(late({true, 3}), late({true, 4})));
}

TEST_CASE(
    "the initial prompt: hidden states at that layer of tokens that begin no sequence, or standard normal") {
  const at::Tensor states = Prepared({20}).tensor("prompt");
  REQUIRE((states.sizes() == at::IntArrayRef({20, hidden})));
  CHECK(at::equal(states.select(1, 2), at::full({20}, 4.0f)));
  CHECK((states.select(1, 1) > 0).all().item<bool>());
  CHECK((states.select(1, 0) < 49).all().item<bool>()); // the last token is special
  const at::Tensor random = Prepared({400, -1, "none", "random"}).tensor("prompt");
  CHECK(std::abs(random.mean().item<double>()) < 0.1);
  CHECK(random.std().item<double>() == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("the same seed gives identical values, another gives different ones") {
  for (const Chosen& chosen : {Chosen{}, Chosen{3, -1, "none", "random"}, Chosen{3, -1, "instance"}}) {
    const TensorMap one = Prepared(chosen, {{}}).tuner.state(0).tensors,
                    same = Prepared(chosen, {{}}).tuner.state(0).tensors,
                    other = Prepared(chosen, {{}}, 2).tuner.state(0).tensors;
    for (const auto& [name, tensor] : one) {
      CAPTURE(name);
      CHECK(at::equal(tensor, same.at(name)));
      CHECK(!at::equal(tensor, other.at(name)));
    }
  }
}

TEST_CASE("load_state restores a state that fits") {
  for (const std::string generator : {"none", "instance"}) {
    CAPTURE(generator);
    Prepared from({3, -1, generator}, {{}}, 9), to({3, -1, generator}, {{}}), longer({4, -1, generator}, {{}});
    const ComponentState state = from.tuner.state(0);
    to.tuner.load_state(state);
    const at::Tensor inputs = some_inputs(4);
    CHECK(at::equal(to.tuner.condition({0, {}, inputs}).late_embeddings,
                    from.tuner.condition({0, {}, inputs}).late_embeddings));
    CHECK(at::equal(to.tuner.condition({0, {}, inputs}).embeddings,
                    from.tuner.condition({0, {}, inputs}).embeddings));
    CHECK_THROWS_WITH_AS(
        longer.tuner.load_state(state),
        doctest::Contains(generator == "none" ? "\"prompt\" of 4 x 6" : "\"generator.up.weight\" of 24 x 4"),
        DataError);
    testing::refuses_damaged(to.tuner, state);
  }
}

TEST_CASE("defaults depend on the generator and don't override the request") {
  FitRequest request;
  CHECK(Prepared({}).tuner.defaults(request).learning_rate == 5e-3);
  CHECK(Prepared({3, -1, "instance"}).tuner.defaults(request).learning_rate == 1e-3);
  request.learning_rate = 5;
  request.steps = 7;
  CHECK(Prepared({}).tuner.defaults(request).learning_rate == 5);
  CHECK(!Prepared({}).tuner.defaults(request).epochs);
}
