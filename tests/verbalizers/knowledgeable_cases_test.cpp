// OpenPrompt's recorded scores for `knowledgeable`, and what it reads from files of label words.
#include "knowledgeable.hpp"
#include "openprompt_cases.hpp"
#include "word_file.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;
using nlohmann::json;

namespace {

/// Gives the recorded calibration logits for every example, whatever is requested.
class CalibrationScorer final : public testing::NoScorer {
public:
  explicit CalibrationScorer(int64_t vocabulary) : vocabulary_(vocabulary) {}
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<float> scores;
    for (int64_t id = 0; id < vocabulary_; ++id)
      scores.push_back(calibration_logit(id));
    REQUIRE((request.output.kind == OutputRequest::Kind::log_probs && !request.output.token_ids.defined()));
    use(at::tensor(scores).view({1, -1}).log_softmax(1), Batch{});
  }

private:
  int64_t vocabulary_;
};

Options options_of(const json& args) {
  Options options;
  options.set("words", std::string());
  options.set("choice", int64_t{0});
  options.set("multi-token-handler", std::string("first"));
  options.set("prefix", std::string(" "));
  options.set("max-tokens", int64_t{0});
  const bool calibrates = args.value("calibrate", false);
  options.set("frequency", calibrates ? args["candidate_frac"].get<double>() : 0.0);
  options.set("relevance", 0.0);
  options.set("calibrate", calibrates ? std::string("train") : std::string("none"));
  options.set("calibrate-rows", int64_t{200});
  options.set("learn-weights", true);
  options.set("lr-scale", 1.0);
  options.set("pred-temp", args.value("pred_temp", 1.0));
  return options;
}

/// Recorded weights [class][most words] without the padding.
at::Tensor weights_of(const json& weights, const ClassWords& given) {
  std::vector<float> flat;
  for (std::size_t c = 0; c < given.words.size(); ++c)
    for (std::size_t w = 0; w < given.words[c].size(); ++w)
      flat.push_back(weights[c][w].get<float>());
  return at::tensor(flat);
}

std::string lines_of(const json& words) {
  std::string lines;
  for (const json& word : words)
    lines += (lines.empty() ? "" : "\n") + word.get<std::string>();
  return lines;
}

} // namespace

TEST_CASE("knowledgeable scores and filters as OpenPrompt does") {
  const json recorded = openprompt_cases();
  const testing::WordVocabulary vocabulary = vocabulary_of(recorded);
  const testing::NoBackbone backbone;
  int seen = 0;
  for (const json& one : recorded["cases"]) {
    const std::string note = one["id"];
    CAPTURE(note);
    if (one["verbalizer"] != "knowledgeable")
      continue;
    ++seen;
    const json& args = one["args"];
    const ClassWords given = class_words(args);
    knowledgeable::Knowledgeable verbalizer(options_of(args));
    verbalizer.prepare({vocabulary, backbone, given.labels, given.words});
    CalibrationScorer scorer(vocabulary.size());
    const Example row;
    verbalizer.fit({scorer, {&row}, VerbalizerFitArgs::Moment::before_training});
    ComponentState state = verbalizer.state();
    if (args.contains("weights")) {
      state.tensors["weights"] = weights_of(args["weights"], given);
      verbalizer.load_state(state);
    }
    for (std::size_t c = 0; one.contains("kept_label_words") && c < given.labels.size(); ++c)
      CHECK(state.texts.at("words of " + given.labels[c]) == lines_of(one["kept_label_words"][c]));
    const at::Tensor outputs = two_rows(verbalizer.output_request().token_ids);
    CHECK(as_recorded(verbalizer.score({outputs, {}}), one["expect"], 2e-4));
  }
  CHECK(seen == 3);
}

TEST_CASE("files of label words are read as by OpenPrompt, and refused where it fails") {
  const testing::CharacterVocabulary vocabulary;
  int read = 0, refused = 0;
  const json recorded = openprompt_cases();
  for (const json& one : recorded["file_cases"]) {
    const std::string content = one["content"], file = one["file"];
    CAPTURE(content);
    std::vector<std::string> labels;
    if (one["args"].contains("classes"))
      labels = one["args"]["classes"].get<std::vector<std::string>>();
    else if (file != "a.json") // OpenPrompt then needs no names
      for (int64_t c = 0; c < one["args"].value("num_classes", int64_t{2}); ++c)
        labels.push_back("class " + std::to_string(c));
    const auto words = [&]() { return knowledgeable::read_word_file(content, file, labels, one["choice"]); };
    if (one["expect"].contains("error")) {
      ++refused;
      CHECK_THROWS_AS(words(), DataError);
      continue;
    }
    ++read;
    std::vector<std::vector<std::string>> texts;
    for (const std::vector<std::string>& of_label : words()) {
      texts.emplace_back();
      for (const std::string& word : of_label)
        texts.back().push_back(encode_label_word({&vocabulary, " "}, word, "").text);
    }
    CHECK(texts == one["expect"]["label_words"].get<std::vector<std::vector<std::string>>>());
  }
  CHECK(read == 5);
  CHECK(refused == 6);
}
