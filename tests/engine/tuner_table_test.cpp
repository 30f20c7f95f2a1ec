// Every tuner on every family: each is trained for a few steps and predicts, alone and in a batch with all
// others, or gives the reason why it can't. docs/tuners.md contains the resulting table.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::vector<std::pair<std::string, std::string>> families{{"llama", "llama-tied"},
                                                                {"gpt2", "gpt2-tied"},
                                                                {"gemma", "gemma3"},
                                                                {"phi3", "phi3"},
                                                                {"olmo2", "olmo2"},
                                                                {"gpt-neox", "gpt-neox"},
                                                                {"opt", "opt-projected"},
                                                                {"bert", "bert-mlm"},
                                                                {"roberta", "roberta-mlm"},
                                                                {"distilbert", "distilbert-mlm"},
                                                                {"electra", "electra-generator"},
                                                                {"albert", "albert"},
                                                                {"mpnet", "mpnet"},
                                                                {"deberta-v2", "deberta-v3"},
                                                                {"modernbert", "modernbert"},
                                                                {"t5", "t5-gated"},
                                                                {"bart", "bart"}};

const std::vector<std::string> tuners{"manual",        "in-context",    "autoprompt", "template-search",
                                      "prompt-tuning", "prefix-tuning", "p-tuning",   "p-tuning-v2",
                                      "lora",          "ia3",           "smop",       "late-prompt-tuning",
                                      "fine-tuning"};

/// A text that templates are mined from.
struct Templates {
  Templates() { std::ofstream(path) << "{text} so{\"mask\"}\n{text} w3{\"mask\"}\n"; }
  ~Templates() { std::filesystem::remove(path); }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cuecard-table-" + std::to_string(getpid()) + ".txt");
};

/// Examples of one or two words. Most tiny decoders of the golden files only have the words w1, w2, ...
struct Words {
  explicit Words(const Model& model) : numbered(model.shape().causal && model.shape().family != "llama") {}

  std::string word(int64_t number) const {
    static const std::vector<std::string> words{"good", "bad", "the", "film", "so"};
    return numbered ? "w" + std::to_string(number + 1) : words[static_cast<std::size_t>(number)];
  }
  std::vector<Example> examples() const {
    std::vector<Example> rows(12);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].label = static_cast<int64_t>(i % 2);
      rows[i].fields["text"] =
          word(1 - rows[i].label) + (i % 3 ? " " + word(2 + static_cast<int64_t>(i % 3)) : "");
      rows[i].line = static_cast<int64_t>(i) + 1;
    }
    return rows;
  }

  bool numbered;
};

TaskPipeline pipeline_of(const Model& model, const std::string& tuner, const Templates& templates,
                         const std::vector<Example>& rows) {
  PipelineChoice choice;
  choice.name = tuner;
  choice.tuner = {tuner, {}};
  const Words words(model);
  const std::string end = model.shape().causal ? "{\"mask\"}" : " {\"mask\"}";
  std::string between = " " + words.word(4);
  if (tuner == "in-context")
    choice.tuner.set = {{"k", "1"}};
  if (tuner == "autoprompt")
    between = " {\"trigger\": None, \"duplicate\": 2}" + between;
  if (tuner == "template-search") {
    between = " {\"trigger\"}";
    choice.tuner.set = {{"from", templates.path.string()}};
  }
  choice.prompt_template.set = {{"text", "{text}" + between + end}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{words.word(1)}, {words.word(0)}};
  return make_pipeline(model, plugins(), choice, &rows);
}

/// A trained card as it is loaded, and its predictions alone.
struct Trained {
  TaskPipeline pipeline;
  std::vector<Prediction> predictions;
};

/// "" when `tuner` was trained and predicts every example (it is then added to `trained`), else why not.
std::string reason(const Model& model, const std::string& tuner, const Templates& templates,
                   std::vector<Trained>& trained) {
  const std::vector<Example> rows = Words(model).examples();
  try {
    TaskPipeline pipeline = pipeline_of(model, tuner, templates, rows);
    FitRequest request;
    request.steps = 2;
    request.batch_size = 6;
    const TrainResult result = train(model, {{pipeline, rows, rows, &plugins()}}, request, 1);
    for (const float loss : result.report.losses)
      CHECK(std::isfinite(loss));
    if (result.report.plain_prompt)
      keep_plain_prompt(pipeline, model, plugins(), result.report.label_words);
    const TaskPipeline saved = pipeline_from_card(model, plugins(), to_card(pipeline, model));
    std::vector<Prediction> predictions = Predictor(model, {&saved}).predict(pointers(rows));
    for (const Prediction& prediction : predictions) {
      if (!prediction.problem.empty())
        return prediction.problem;
      CHECK(prediction.label() >= 0);
    }
    trained.push_back({saved, std::move(predictions)});
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

/// In one batch with all cards, each card predicts what it predicts alone.
void check_mixed(const Model& model, const std::vector<Trained>& trained) {
  const std::vector<Example> rows = Words(model).examples();
  std::vector<const TaskPipeline*> pipelines;
  std::vector<Example> mixed;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const Trained& each : trained) {
      mixed.push_back(rows[i]);
      mixed.back().card = each.pipeline.name;
    }
  for (const Trained& each : trained)
    pipelines.push_back(&each.pipeline);
  Predictor predictor(model, pipelines, {1000, 100000});
  const int64_t before = predictor.counters().forwards;
  const std::vector<Prediction> found = predictor.predict(pointers(mixed));
  const int64_t own_weights = std::ranges::count_if(
      trained, [](const Trained& each) { return !each.pipeline.tuner->replaced_weights().empty(); });
  CHECK(predictor.counters().forwards - before == 1 + own_weights);
  std::set<double> different; // probabilities that the cards give the first example
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Trained& alone = trained[i % trained.size()];
    CAPTURE(alone.pipeline.name);
    const Prediction& wanted = alone.predictions[i / trained.size()];
    REQUIRE(found[i].problem.empty());
    if (i < trained.size())
      different.insert(std::round(1e6 * found[i].decision.probabilities.at(0)));
    CHECK(found[i].label() == wanted.label());
    for (std::size_t label = 0; label < wanted.decision.probabilities.size(); ++label)
      CHECK(std::abs(found[i].decision.probabilities[label] - wanted.decision.probabilities[label]) < 1e-4);
  }
  CHECK(different.size() > 5);
}

/// The table as on the page, and the reasons below it.
std::string table() {
  const Templates templates;
  std::ostringstream page;
  std::vector<std::string> reasons;
  std::vector<std::vector<std::string>> cells(tuners.size());
  page << "| |";
  for (const auto& [family, folder] : families) {
    page << " " << family << " |";
    const Model model = tiny_model(folder);
    std::vector<Trained> trained;
    for (std::size_t tuner = 0; tuner < tuners.size(); ++tuner) {
      CAPTURE(family);
      CAPTURE(tuners[tuner]);
      const std::string why = reason(model, tuners[tuner], templates, trained);
      auto found = std::ranges::find(reasons, why);
      if (!why.empty() && found == reasons.end())
        found = reasons.insert(reasons.end(), why);
      cells[tuner].push_back(why.empty() ? "yes" : "no (" + std::to_string(found - reasons.begin() + 1) + ")");
    }
    check_mixed(model, trained);
  }
  page << "\n|---|";
  for (std::size_t i = 0; i < families.size(); ++i)
    page << "---|";
  for (std::size_t tuner = 0; tuner < tuners.size(); ++tuner) {
    page << "\n| `" << tuners[tuner] << "` |";
    for (const std::string& cell : cells[tuner])
      page << " " << cell << " |";
  }
  page << "\n";
  for (std::size_t i = 0; i < reasons.size(); ++i)
    page << "\n" << i + 1 << ". " << reasons[i];
  return page.str();
}

} // namespace

TEST_CASE("the documented table of tuners and families is correct") {
  std::ifstream file(CUECARD_SOURCE_DIR "/docs/tuners.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string found = table();
  CHECK_MESSAGE(page.str().find(found) != std::string::npos, "docs/tuners.md should hold this table:\n", found);
}
