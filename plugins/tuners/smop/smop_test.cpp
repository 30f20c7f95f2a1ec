// Shapes and positions of the soft prompts, the router's choice and its gradients, and the state in a card.
#include "smop.hpp"

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

constexpr int64_t width = 6;

/// Random embeddings, constant for each token.
class RandomBackbone final : public testing::NoBackbone {
public:
  RandomBackbone() { shape_.embedding_width = shape_.hidden = width; }
  at::Tensor token_vectors(TokenTable, const at::Tensor& ids) const override {
    return table_.index_select(0, ids);
  }

private:
  at::Tensor table_ = Random(7).normal_tensor({50, width}, 1);
};

struct Chosen {
  int64_t prompts = 3, length = 2;
  std::string noise = "none";
  double deviation = 1;
};

/// A tuner prepared with the given options on a template with the given slots.
struct Prepared {
  RandomBackbone backbone;
  testing::WordVocabulary vocabulary{{}, 50}; ///< its last token is special
  testing::SlottedTemplate prompt_template;
  testing::NamedLabels verbalizer;
  Smop tuner;

  explicit Prepared(const Chosen& chosen, std::vector<SoftSlot> slots = {}, uint64_t seed = 1)
      : prompt_template(std::move(slots)), tuner(options(chosen)) {
    Problem problem{backbone, vocabulary, {}, seed, {}, {}};
    problem.tasks.push_back({"t", prompt_template, verbalizer, {}, nullptr, nullptr});
    tuner.prepare(problem);
  }

  static Options options(const Chosen& chosen) {
    Options options;
    options.set("prompts", chosen.prompts);
    options.set("length", chosen.length);
    options.set("noise", chosen.noise);
    options.set("noise-deviation", chosen.deviation);
    options.set("weight-decay", 0.0);
    return options;
  }

  at::Tensor embeddings(const at::Tensor& inputs, const Pass& pass = {}) const {
    return tuner.condition({0, pass, inputs}).embeddings;
  }
  at::Tensor tensor(const std::string& name) const { return tuner.state(0).tensors.at(name); }
};

at::Tensor some_inputs(int64_t count, uint64_t seed = 3) {
  return Random(seed).normal_tensor({count, width}, 1);
}

} // namespace

TEST_CASE("an input gets the prompt that the router finds most probable, times its probability") {
  const Prepared prepared({}, {{7}, {}});
  const at::Tensor inputs = some_inputs(20), found = prepared.embeddings(inputs);
  REQUIRE((found.sizes() == at::IntArrayRef({20, 2 + 2, width})));
  const at::Tensor prompts = prepared.tensor("prompts"), router = prepared.tensor("router.weight");
  REQUIRE((prompts.sizes() == at::IntArrayRef({3, 2, width})));
  REQUIRE((router.sizes() == at::IntArrayRef({3, width})));
  std::vector<int64_t> uses(3, 0);
  for (int64_t i = 0; i < 20; ++i) {
    std::vector<double> logits;
    double sum = 0;
    for (int64_t prompt = 0; prompt < 3; ++prompt) {
      logits.push_back((inputs[i] * router[prompt]).sum().item<double>());
      sum += std::exp(logits.back());
    }
    const int64_t best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    ++uses[static_cast<std::size_t>(best)];
    CHECK(at::allclose(found[i].narrow(0, 2, 2),
                       prompts[best] * (std::exp(logits[static_cast<std::size_t>(best)]) / sum), 1e-5, 1e-6));
    CHECK(at::equal(found[i].narrow(0, 0, 2), prepared.tensor("slots")));
  }
  CHECK(std::ranges::count(uses, 0) == 0); // so each prompt is compared
  CHECK(at::equal(prepared.tensor("slots")[0],
                  prepared.backbone.token_vectors(TokenTable::input, at::tensor({7}))[0]));
}

TEST_CASE("the requested input features, and the prepended slots") {
  const Prepared prepared({4, 3}, {{7}, {}});
  const InputFeatures features = prepared.tuner.input_features();
  CHECK((features.kind == InputFeatures::Kind::mean_embedding));
  CHECK(features.soft_slots == 5);
  std::vector<Prompt> prompts(2);
  prepared.tuner.edit(prompts, {Example{}});
  for (const Prompt& prompt : prompts) {
    REQUIRE(prompt.prepended.size() == 3);
    for (int64_t i = 0; i < 3; ++i) {
      CHECK((prompt.prepended[static_cast<std::size_t>(i)].kind == Piece::Kind::soft));
      CHECK(prompt.prepended[static_cast<std::size_t>(i)].slot == 2 + i);
      CHECK(prompt.prepended[static_cast<std::size_t>(i)].first_layer == 0);
    }
  }
}

TEST_CASE("gradients reach the slots, the chosen prompts and the router, and are those of finite differences") {
  for (const char* noise : {"none", "multiplicative", "additive"}) {
    CAPTURE(noise);
    Prepared prepared({3, 2, noise}, {{}});
    const at::Tensor inputs = some_inputs(12), weights = Random(5).normal_tensor({12, 3, width}, 1);
    const Pass pass{true, 11};
    (prepared.embeddings(inputs, pass) * weights).sum().backward();
    const std::vector<at::Tensor> tensors = prepared.tuner.parameters().at(0).tensors;
    REQUIRE(tensors.size() == 3);
    for (const at::Tensor& tensor : tensors) {
      REQUIRE(tensor.grad().defined());
      CHECK((tensor.grad().flatten(1).abs().sum(1) > 0)
                .all()
                .item<bool>()); // every prompt is chosen by some input
    }
    if (std::string(noise) == "multiplicative")
      continue; // its scale is a constant for the gradient
    const at::NoGradGuard no_grad;
    for (const at::Tensor& tensor : tensors) {
      at::Tensor flat = tensor.detach().view(-1);
      for (const int64_t i : {int64_t{0}, flat.size(0) / 2}) {
        const double before = flat[i].item<double>(), by = 1e-3; // far from where another prompt is chosen
        flat[i] = before + by;
        const double more = (prepared.embeddings(inputs, pass) * weights).sum().item<double>();
        flat[i] = before - by;
        const double less = (prepared.embeddings(inputs, pass) * weights).sum().item<double>();
        flat[i] = before;
        CHECK((more - less) / (2 * by) ==
              doctest::Approx(tensor.grad().view(-1)[i].item<double>()).epsilon(0.05));
      }
    }
  }
}

TEST_CASE("noise perturbs the logits in training passes only, and is drawn by seed") {
  const at::Tensor inputs = some_inputs(30);
  for (const char* noise : {"multiplicative", "additive"}) {
    CAPTURE(noise);
    const Prepared prepared({3, 2, noise});
    const at::Tensor plain = prepared.embeddings(inputs);
    CHECK(at::equal(plain, prepared.embeddings(inputs, {false, 4})));
    const at::Tensor noisy = prepared.embeddings(inputs, {true, 4});
    CHECK(!at::equal(plain, noisy));
    CHECK(at::equal(noisy, prepared.embeddings(inputs, {true, 4})));
    CHECK(!at::equal(noisy, prepared.embeddings(inputs, {true, 5})));
    // With logits of zero, multiplicative noise changes nothing.
    const at::Tensor zeros = at::zeros({5, width});
    CHECK(at::equal(prepared.embeddings(zeros), prepared.embeddings(zeros, {true, 4})) ==
          (std::string(noise) == "multiplicative"));
    CHECK(at::equal(Prepared({3, 2, noise, 0.0}).embeddings(inputs, {true, 4}), plain));
  }
  CHECK(at::equal(Prepared({}).embeddings(inputs, {true, 4}), Prepared({}).embeddings(inputs)));
}

TEST_CASE(
    "the same seed gives identical values, another gives different ones; the router's rows are orthonormal") {
  const Prepared one({}), same({}), other({}, {}, 2);
  for (const char* name : {"prompts", "router.weight"}) {
    CHECK(at::equal(one.tensor(name), same.tensor(name)));
    CHECK(!at::equal(one.tensor(name), other.tensor(name)));
  }
  const at::Tensor router = one.tensor("router.weight");
  CHECK(at::allclose(router.matmul(router.t()), at::eye(3), 1e-5, 1e-6));
  const at::Tensor wide = Prepared({width + 2, 1}).tensor("router.weight"); // more prompts than dimensions
  CHECK(at::allclose(wide.norm(2, {1}), at::ones({width + 2}), 1e-5, 1e-6));
  CHECK(one.tensor("prompts").flatten(0, 1).size(0) ==
        std::get<0>(at::unique_dim(one.tensor("prompts").flatten(0, 1), 0)).size(0));
}

TEST_CASE("an input of zeros, and no input at all, have embeddings") {
  const Prepared prepared({});
  CHECK((prepared.embeddings(at::zeros({1, width})).sizes() == at::IntArrayRef({1, 2, width})));
  CHECK((prepared.embeddings(at::zeros({0, width})).sizes() == at::IntArrayRef({0, 2, width})));
}

TEST_CASE("load_state restores a state that fits") {
  Prepared from({}, {{}}, 9), to({}, {{}}), longer({3, 3}, {{}});
  const ComponentState state = from.tuner.state(0);
  to.tuner.load_state(state);
  const at::Tensor inputs = some_inputs(8);
  CHECK(at::equal(to.embeddings(inputs), from.embeddings(inputs)));
  CHECK_THROWS_WITH_AS(longer.tuner.load_state(state), doctest::Contains("\"prompts\" of 3 x 3 x 6"),
                       DataError);
  testing::refuses_damaged(to.tuner, state);
}

TEST_CASE("defaults depend on the optimizer and don't override the request") {
  const Prepared prepared({});
  FitRequest request;
  CHECK(prepared.tuner.defaults(request).learning_rate == 0.02);
  CHECK(!prepared.tuner.defaults(request).warmup);
  request.optimizer = "adafactor";
  CHECK(prepared.tuner.defaults(request).learning_rate == 0.5);
  CHECK(prepared.tuner.defaults(request).warmup == 0.06);
  request.learning_rate = 5;
  CHECK(prepared.tuner.defaults(request).learning_rate == 5);
}
