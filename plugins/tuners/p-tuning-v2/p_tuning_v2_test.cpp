// Sizes, initial values and defaults. Training steps are compared with PEFT's in tests/parity; several tasks
// are tested in tests/engine.
#include "p_tuning_v2.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

struct Prepared {
  NoBackbone backbone;
  NoVocabulary vocabulary;
  PTuningV2 tuner;

  Prepared(const BackboneShape::Site& site, int64_t hidden, bool projection, double dropout = 0.1)
      : tuner(options(projection, dropout)) {
    backbone.shape_.hidden = hidden;
    backbone.shape_.sites = {site};
    tuner.prepare({backbone, vocabulary, {}, 1, {}, {}});
  }

  static Options options(bool projection, double dropout = 0.1) {
    Options options;
    options.set("length", int64_t{20});
    options.set("dropout", dropout);
    options.set("projection", projection);
    options.set("prefix-hidden", int64_t{512});
    options.set("weight-decay", 0.0);
    options.set("count-positions", true);
    return options;
  }

  int64_t num_trainable() {
    int64_t count = 0;
    const std::vector<ParameterGroup> groups = tuner.parameters();
    for (const at::Tensor& tensor : groups.at(0).tensors)
      count += tensor.numel();
    return count;
  }
};

const BackboneShape::Site bert_large{PrefixSite::self, 24, 16, 64};

} // namespace

TEST_CASE("20 virtual tokens of BERT-large have 983,040 parameters, and more with a projection") {
  Prepared direct(bert_large, 1024, false), projected(bert_large, 1024, true);
  CHECK(direct.num_trainable() == 983'040);
  CHECK(projected.num_trainable() == 20 * 1024 + (1024 * 512 + 512) + (512 * 49'152 + 49'152));
  for (const Prepared* each : {&direct, &projected}) {
    const Conditioning conditioning = each->tuner.condition({});
    REQUIRE(conditioning.prefixes.size() == 1);
    CHECK(conditioning.prefixes[0].key.sizes() == at::IntArrayRef({24, 20, 16, 64}));
    CHECK(conditioning.prefixes[0].positions == 20);
    CHECK(!conditioning.embeddings.defined());
  }
}

TEST_CASE("initial values are N(0, 0.02)") {
  const Prepared prepared(bert_large, 1024, false);
  const at::Tensor key = prepared.tuner.condition({}).prefixes[0].key;
  CHECK(key.std().item<double>() == doctest::Approx(0.02).epsilon(0.01));
  CHECK(std::abs(key.mean().item<double>()) < 1e-3);
}

TEST_CASE("training passes drop a tenth, by the seed of the pass, and the same for all tasks") {
  const Prepared prepared(bert_large, 1024, false);
  const at::Tensor key = prepared.tuner.condition({0, {true, 5}}).prefixes[0].key;
  CHECK((key == 0).to(at::kFloat).mean().item<double>() == doctest::Approx(0.1).epsilon(0.05));
  CHECK(at::equal(key, prepared.tuner.condition({1, {true, 5}}).prefixes[0].key));
  CHECK(!at::equal(key, prepared.tuner.condition({0, {true, 6}}).prefixes[0].key));
}

TEST_CASE("a model that supports no prefixes is refused") {
  NoBackbone backbone;
  NoVocabulary vocabulary;
  PTuningV2 tuner(Prepared::options(false));
  CHECK_THROWS_WITH_AS(tuner.prepare({backbone, vocabulary, {}, 1, {}, {}}),
                       doctest::Contains("use prompt-tuning"), UsageError);
}

TEST_CASE("defaults are those of the authors' scripts") {
  const Prepared direct({PrefixSite::self, 2, 2, 4}, 8, false), projected({PrefixSite::self, 2, 2, 4}, 8, true);
  CHECK(direct.tuner.defaults({}).learning_rate == 1e-2);
  CHECK(projected.tuner.defaults({}).learning_rate == 1e-4);
  const Prepared large({PrefixSite::self, 2, 2, 4}, 4096, false);
  CHECK(large.tuner.defaults({}).learning_rate == doctest::Approx(5e-3));
  FitRequest request;
  request.batch_size = 4;
  CHECK(direct.tuner.defaults(request).batch_size == 4);
  CHECK(direct.tuner.defaults(request).epochs == 60);
}
