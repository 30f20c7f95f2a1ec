// Sites, trainable parameters, and initialisation. Training steps are compared with PEFT's in tests/parity;
// prefixes of real models are tested in tests/engine.
#include "prefix_tuning.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

constexpr int64_t layers = 3, default_hidden = 8;

struct Prepared {
  NoBackbone backbone;
  NoVocabulary vocabulary;
  PrefixTuning tuner;

  explicit Prepared(const std::map<std::string, Options::Value>& changed = {}, bool encoder_decoder = false,
                    int64_t hidden = default_hidden)
      : tuner(options(changed)) {
    backbone.shape_.family = "tiny";
    backbone.shape_.hidden = hidden;
    backbone.shape_.encoder_decoder = encoder_decoder;
    backbone.shape_.sites = {{PrefixSite::self, layers, 2, 3}};
    if (encoder_decoder)
      backbone.shape_.sites.insert(backbone.shape_.sites.end(),
                                   {{PrefixSite::encoder, 2, 2, 3}, {PrefixSite::cross, layers, 2, 3}});
    tuner.prepare({backbone, vocabulary, {}, 1, {}, {}});
  }

  static Options options(const std::map<std::string, Options::Value>& changed) {
    Options options;
    options.set("length", int64_t{5});
    options.set("mid-dim", int64_t{16});
    options.set("projection", true);
    options.set("init", std::string("random"));
    options.set("init-text", std::string("summarize"));
    options.set("dropout", 0.0);
    options.set("weight-decay", 0.0);
    for (const char* flag : {"self", "encoder", "cross", "count-positions"})
      options.set(flag, true);
    for (const auto& [name, value] : changed)
      options.set(name, value);
    return options;
  }

  std::vector<Prefix> prefixes() const { return tuner.condition({}).prefixes; }
  int64_t num_trainable() {
    int64_t count = 0;
    const std::vector<ParameterGroup> groups = tuner.parameters();
    for (const at::Tensor& tensor : groups.at(0).tensors)
      count += tensor.numel();
    return count;
  }
};

} // namespace

TEST_CASE("the network is trainable, with the paper's number of parameters") {
  Prepared prepared;
  const int64_t out = layers * 2 * 2 * 3;
  CHECK(prepared.num_trainable() == 5 * default_hidden + (default_hidden * 16 + 16) + (16 * out + out));
  REQUIRE(prepared.prefixes().size() == 1);
  CHECK(prepared.prefixes()[0].key.sizes() == at::IntArrayRef({layers, 5, 2, 3}));
  CHECK(prepared.prefixes()[0].positions == 5);
  CHECK(Prepared({{"projection", false}}).num_trainable() == 5 * out);
}

TEST_CASE("GPT-2 medium: 25,750,016 trainable parameters, 491,520 in the card") {
  NoBackbone backbone;
  NoVocabulary vocabulary;
  backbone.shape_.hidden = 1024;
  backbone.shape_.sites = {{PrefixSite::self, 24, 16, 64}};
  PrefixTuning tuner(Prepared::options({{"length", int64_t{10}}, {"mid-dim", int64_t{512}}}));
  tuner.prepare({backbone, vocabulary, {}, 1, {}, {}});
  int64_t trainable = 0, stored = 0;
  const std::vector<ParameterGroup> groups = tuner.parameters();
  for (const at::Tensor& tensor : groups.at(0).tensors)
    trainable += tensor.numel();
  for (const auto& [name, tensor] : tuner.state(0).tensors)
    stored += tensor.numel();
  CHECK(trainable == 25'750'016);
  CHECK(stored == 491'520);
}

TEST_CASE("every enabled site of the model gets a separate prefix") {
  const auto sites = [](const std::map<std::string, Options::Value>& changed) {
    std::vector<PrefixSite> result;
    for (const Prefix& prefix : Prepared(changed, true).prefixes())
      result.push_back(prefix.site);
    return result;
  };
  CHECK((sites({}) == std::vector{PrefixSite::self, PrefixSite::encoder, PrefixSite::cross}));
  CHECK((sites({{"encoder", false}}) == std::vector{PrefixSite::self, PrefixSite::cross}));
  CHECK((sites({{"self", false}, {"cross", false}}) == std::vector{PrefixSite::encoder}));
  CHECK_THROWS_WITH_AS(Prepared({{"self", false}}), doctest::Contains("nothing to train"), UsageError);
  const std::vector<Prefix> prefixes = Prepared({}, true).prefixes();
  CHECK(prefixes[1].key.size(0) == 2);
  CHECK(prefixes[1].positions == 5);
  CHECK(prefixes[2].positions == 0);
  CHECK(!at::equal(prefixes[0].key, prefixes[2].key));
}

TEST_CASE("the same seed gives the same initial values; dropout applies to training passes only") {
  const Prepared a, b, c({{"dropout", 0.5}});
  CHECK(at::equal(a.prefixes()[0].key, b.prefixes()[0].key));
  CHECK(at::equal(a.prefixes()[0].key, c.prefixes()[0].key));
  const at::Tensor dropped = c.tuner.condition({0, {true, 3}}).prefixes[0].key;
  CHECK((dropped == 0).sum().item<int64_t>() > 10);
  CHECK((a.prefixes()[0].key == 0).sum().item<int64_t>() == 0);
}

TEST_CASE("initialisation from text needs words") {
  CHECK_THROWS_WITH_AS(Prepared({{"init", std::string("text")}, {"init-text", std::string()}}),
                       doctest::Contains("init-text"), UsageError);
}

TEST_CASE("defaults are the measured ones and don't override the request") {
  const Prepared prepared;
  FitRequest request;
  CHECK(prepared.tuner.defaults(request).learning_rate == 1e-4);
  CHECK(prepared.tuner.defaults(request).epochs == 5);
  CHECK(Prepared({{"projection", false}}).tuner.defaults(request).learning_rate == 1e-2);
  const std::map<std::string, Options::Value> default_length{{"projection", false}, {"length", int64_t{0}}};
  CHECK(Prepared(default_length).prefixes()[0].key.size(1) == 10);
  CHECK(Prepared(default_length, false, 3072).prefixes()[0].key.size(1) == 50);
  CHECK(Prepared({{"projection", false}}, false, 4096).tuner.defaults(request).learning_rate ==
        doctest::Approx(5e-3));
  request.learning_rate = 0.01;
  request.steps = 7;
  CHECK(prepared.tuner.defaults(request).learning_rate == 0.01);
  CHECK(!prepared.tuner.defaults(request).epochs);
}
