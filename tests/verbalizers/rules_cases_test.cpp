// OpenPrompt's recorded scores for PTR. Its scores with a label in the batch are ours in a training pass.
#include "openprompt_cases.hpp"
#include "rules.hpp"

#include <ATen/ops/stack.h>

#include <cuecard/testing/no_backbone.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

TEST_CASE("rules score as OpenPrompt's PTR does") {
  const json recorded = openprompt_cases();
  const testing::WordVocabulary vocabulary = vocabulary_of(recorded);
  const testing::NoBackbone backbone;
  Options options;
  options.set("multi-token-handler", std::string("first"));
  options.set("prefix", std::string(" "));
  options.set("calibrate", std::string("none"));
  options.set("calibrate-rows", int64_t{200});
  int seen = 0;
  for (const json& one : recorded["cases"]) {
    const std::string note = one["id"];
    CAPTURE(note);
    if (one["verbalizer"] != "ptr")
      continue;
    ++seen;
    const ClassWords given = class_words(one["args"]);
    rules::Rules verbalizer(options);
    verbalizer.prepare({vocabulary, backbone, given.labels, given.words});
    REQUIRE(verbalizer.num_answer_slots() == 2);
    const at::Tensor ids = verbalizer.output_request().token_ids;
    // At the second mask the logits of the whole vocabulary are in reverse order.
    const at::Tensor first = two_rows(ids), second = two_rows(ids.neg().add(vocabulary.size() - 1));
    const at::Tensor values = at::stack({first, second}, 1).view({4, -1});
    const Pass pass{one["args"].value("label_in_batch", false), 0};
    CHECK(as_recorded(verbalizer.score({values, {}, pass}), one["expect"], 2e-4));
  }
  CHECK(seen == 2);
}
