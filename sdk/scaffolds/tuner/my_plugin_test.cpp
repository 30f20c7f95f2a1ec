#include "my_plugin.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/named_labels.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>
#include <cuecard/testing/slotted_template.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using my_plugin::MyPlugin;

namespace {

/// A tuner of three virtual tokens for a template with one soft slot of its own, on a model of width 6.
struct Prepared {
  explicit Prepared(uint64_t seed = 1) : tuner(options()) {
    backbone.shape_.embedding_width = 6;
    Problem problem{backbone, vocabulary, {Task{"task", prompt_template, verbalizer, {}}}};
    problem.seed = seed;
    tuner.prepare(problem);
  }
  /// The component's options, all of them: those that plugin.cpp declares.
  static Options options() {
    Options result;
    result.set("length", int64_t{3});
    return result;
  }

  testing::NoBackbone backbone;
  testing::NoVocabulary vocabulary;
  testing::SlottedTemplate prompt_template{{SoftSlot{}}};
  testing::NamedLabels verbalizer;
  MyPlugin tuner;
};

} // namespace

TEST_CASE("virtual tokens are numbered after the template's soft slots") {
  const Prepared prepared;
  std::vector<Prompt> prompts(2);
  const Example example;
  prepared.tuner.edit(prompts, {example});
  for (const Prompt& prompt : prompts) {
    REQUIRE(prompt.prepended.size() == 3);
    CHECK(prompt.prepended[0].slot == 1);
    CHECK(prompt.prepended[2].slot == 3);
  }
  CHECK(prepared.tuner.condition({}).embeddings.sizes() == at::IntArrayRef({4, 6}));
}

TEST_CASE("the seed decides the first values; the state restores them") {
  Prepared one(1), same(1), other(2);
  const auto embeddings = [](const Prepared& prepared) { return prepared.tuner.condition({}).embeddings; };
  CHECK(at::equal(embeddings(one), embeddings(same)));
  CHECK_FALSE(at::equal(embeddings(one), embeddings(other)));
  other.tuner.load_state(one.tuner.state(0));
  CHECK(at::equal(embeddings(one), embeddings(other)));
  CHECK_THROWS_AS(other.tuner.load_state({}), DataError);
}

TEST_CASE("the gradient reaches what is trained, and the user's settings stay") {
  Prepared prepared;
  prepared.tuner.condition({}).embeddings.sum().backward();
  const std::vector<ParameterGroup> groups = prepared.tuner.parameters();
  REQUIRE(groups.size() == 1);
  CHECK(at::equal(groups[0].tensors[0].grad(), at::ones({4, 6})));

  FitRequest request;
  request.learning_rate = 5;
  CHECK(prepared.tuner.defaults(request).learning_rate == 5);
  CHECK(prepared.tuner.defaults(request).epochs == 6);
}
