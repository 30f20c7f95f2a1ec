// OpenPrompt's recorded scores for the verbalizers that are the manual one: `manual` itself, `one2one` (one
// word per class) and `knowledgeable` without trained weights or filter.
#include "manual_verbalizer.hpp"
#include "reference_cases.hpp"

#include <cmath>

#include <ATen/ops/tensor.h>

#include "tokenizer/tokenizer.hpp"
#include <cuecard/testing/no_backbone.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using nlohmann::json;

namespace {

/// The formulas of `verbalizer_setup`.
float logit(int64_t row, int64_t id) {
  return static_cast<float>(4 *
                            std::sin(0.7 * static_cast<double>(id + 1) + 1.3 * static_cast<double>(row + 1)));
}
float calibration_logit(int64_t id) {
  return static_cast<float>(3 * std::cos(0.31 * static_cast<double>(id + 1)));
}

struct ClassWords {
  std::vector<std::string> labels;
  std::vector<std::vector<std::string>> words;
};

ClassWords class_words(const json& args) {
  ClassWords result;
  if (args.contains("classes"))
    result.labels = args["classes"].get<std::vector<std::string>>();
  for (const std::string& label : result.labels)
    result.words.push_back(args["label_words"][label].get<std::vector<std::string>>());
  if (result.labels.empty())
    for (const json& word : args["label_words"]) {
      result.labels.push_back("class of " + word.get<std::string>());
      result.words.push_back({word.get<std::string>()});
    }
  return result;
}

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

TEST_CASE("verbalizer cases of OpenPrompt") {
  const json reference = read_reference_cases();
  const std::shared_ptr<const Vocabulary> vocabulary =
      read_tokenizer_json(reference_folder() / "template_tokenizers/tiny-wordpiece/tokenizer.json");
  const testing::NoBackbone backbone;
  int seen = 0, others = 0;
  for (const json& recorded : reference["verbalizer_cases"]) {
    const std::string note = recorded["id"], kind = recorded["verbalizer"];
    CAPTURE(note);
    const json& args = recorded["args"];
    if (kind == "ptr" || args.contains("weights") || recorded.contains("kept_label_words")) {
      ++others; // rules over several masks, learned weights, a filtered word list: verbalizers of their own
      continue;
    }
    ++seen;
    const ClassWords given = class_words(args);
    manual::ManualVerbalizer verbalizer(options_of(args));
    verbalizer.prepare({*vocabulary, backbone, given.labels, given.words});

    const at::Tensor ids = verbalizer.readout().ids;
    std::vector<float> scores, calibration;
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t i = 0; i < ids.size(0); ++i)
        scores.push_back(logit(row, ids[i].item<int64_t>()));
    for (int64_t i = 0; i < ids.size(0); ++i)
      calibration.push_back(calibration_logit(ids[i].item<int64_t>()));
    if (args.value("calibrate", false))
      verbalizer.import_learned({{{"calibration", at::tensor(calibration)}}, {}});

    const Scores result = verbalizer.score(at::tensor(scores).view({2, -1}), {}, {});
    const int64_t classes = static_cast<int64_t>(given.labels.size());
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t c = 0; c < classes; ++c)
        CHECK(std::abs(result.values[row * classes + c].item<double>() -
                       recorded["expect"][row][c].get<double>()) < 2e-4);
    for (std::size_t c = 0; recorded.contains("label_word_ids") && c < given.words.size(); ++c)
      for (std::size_t w = 0; w < given.words[c].size(); ++w) {
        std::vector<int64_t> word;
        for (const Token& token : vocabulary->encode(" " + given.words[c][w]))
          word.push_back(token.id);
        CHECK(word == recorded["label_word_ids"][c][w].get<std::vector<int64_t>>());
      }
  }
  CHECK(seen == 8);
  CHECK(others == 4);
}
