// OpenPrompt's recorded scores for `manual` itself and `one2one`, which is manual with one word per class.
#include "manual_verbalizer.hpp"
#include "openprompt_cases.hpp"

#include <cuecard/testing/no_backbone.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

namespace {

Options options_of(const json& args) {
  Options options;
  options.set("multi-token-handler", args.value("multi_token_handler", std::string("first")));
  options.set("prefix", args.value("prefix", std::string(" ")));
  options.set("calibrate", args.value("calibrate", false) ? std::string("train") : std::string("none"));
  options.set("calibrate-rows", int64_t{200});
  options.set("post-log-softmax", args.value("post_log_softmax", true));
  return options;
}

} // namespace

TEST_CASE("manual scores as OpenPrompt does") {
  const json recorded = openprompt_cases();
  const testing::WordVocabulary vocabulary = vocabulary_of(recorded);
  const testing::NoBackbone backbone;
  int seen = 0;
  for (const json& one : recorded["cases"]) {
    const std::string note = one["id"], kind = one["verbalizer"];
    CAPTURE(note);
    if (kind != "manual" && kind != "one2one")
      continue;
    ++seen;
    const ClassWords given = class_words(one["args"]);
    manual::ManualVerbalizer verbalizer(options_of(one["args"]));
    verbalizer.prepare({vocabulary, backbone, given.labels, given.words});
    const at::Tensor ids = verbalizer.output_request().token_ids;
    if (one["args"].value("calibrate", false))
      verbalizer.load_state({{{"calibration", calibration_of(ids)}}, {}});
    CHECK(as_recorded(verbalizer.score({two_rows(ids), {}}), one["expect"], 2e-4));
  }
  CHECK(seen == 7);
}
