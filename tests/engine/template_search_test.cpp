// Template search: the chosen template is the best by a direct computation, generated templates are the most
// probable ones for all examples together, and the card is a plain prompt.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "conformance/spied_tuner.hpp"
#include "trigger_task.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// A file that is removed afterwards.
struct File {
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cuecard-templates-" + std::to_string(getpid()) + ".txt");
};

std::string gap_template(const Model& model) {
  const BackboneShape& shape = model.shape();
  return shape.causal            ? "{text} {\"trigger\"}{\"mask\"}"
         : shape.encoder_decoder ? "{text} {\"trigger\"} {\"mask\"} {\"trigger\"}"
                                 : "{text} {\"trigger\"} {\"mask\"} .";
}

TaskPipeline searching(const Model& model, Set options, Set verbalizer = {}) {
  return two_label_pipeline(model, "m", gap_template(model), "template-search", std::move(options), 1,
                            std::move(verbalizer));
}

std::vector<std::string> candidates_for(const Model& model) {
  std::vector<std::string> sources;
  for (const char* words : {"It was", "a film of", "so long", "and", "x7 was the plot"})
    sources.push_back(model.shape().causal ? "{text} " + std::string(words) + "{\"mask\"}"
                                           : "{text} " + std::string(words) + " {\"mask\"} .");
  return sources;
}

double loss_of(const Model& model, const std::string& source, const std::vector<Example>& rows) {
  const TaskPipeline pipeline = two_label_pipeline(model, "p", source, "manual");
  return exact_loss(model, pipeline, {}, pointers(rows)).sum / static_cast<double>(rows.size());
}

double accuracy_of(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows) {
  const auto predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
  int64_t right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    right += predictions[i].label() == rows[i].label;
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

FitRequest batches_of(int64_t size) {
  FitRequest request;
  request.batch_size = size;
  return request;
}

} // namespace

TEST_CASE(
    "of a file's templates the one with the lowest loss is chosen, or the best on the development set among "
    "the lowest") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = word_examples(20, 111), dev = word_examples(30, 112);
    std::vector<std::string> sources = candidates_for(model);
    std::string text = "{text} this is no {nonsense\n"; // not a valid template: skipped
    for (const std::string& source : sources)
      text += source + "\n";
    const File file(text);
    std::stable_sort(sources.begin(), sources.end(), [&](const std::string& a, const std::string& b) {
      return loss_of(model, a, rows) < loss_of(model, b, rows);
    });
    TaskPipeline by_loss = searching(model, {{"from", file.path.string()}});
    const TrainResult result = train(model, {{by_loss, rows, {}}}, batches_of(7), 1);
    CHECK(by_loss.prompt_template->source() == sources[0]);
    CHECK(result.report.steps == 6);
    CHECK(std::abs(result.report.losses[static_cast<std::size_t>(result.report.best_step) - 1] -
                   loss_of(model, sources[0], rows)) < 1e-4);

    std::size_t best = 0;
    std::vector<double> accuracy;
    for (std::size_t i = 0; i < 3; ++i) {
      accuracy.push_back(accuracy_of(model, two_label_pipeline(model, "p", sources[i], "manual"), dev));
      best = accuracy[i] > accuracy[best] ? i : best;
    }
    TaskPipeline by_dev = searching(model, {{"from", file.path.string()}, {"finalists", "3"}});
    const TrainResult measured = train(model, {{by_dev, rows, dev}}, batches_of(7), 1);
    CHECK(by_dev.prompt_template->source() == sources[best]);
    CHECK(measured.report.best_dev == accuracy[best]);

    TaskPipeline two = searching(model, {{"from", file.path.string()}, {"keep", "2"}});
    train(model, {{two, rows, {}}}, batches_of(7), 1);
    CHECK(two.prompt_template->source() == sources[0] + "{\"variant\"}" + sources[1]);
    keep_plain_prompt(two, model, plugins(), {});
    const Card card = to_card(two, model);
    CHECK(card.tuner.component == "manual");
    CHECK(card.tuner_state.empty());
    CHECK(card.training.settings.text("tuner") == "template-search");
    const TaskPipeline again = pipeline_from_card(model, plugins(), card);
    CHECK(accuracy_of(model, again, dev) == accuracy_of(model, two, dev));
  }
}

TEST_CASE("mined words are in the card's template, and label words are found together with it") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = word_examples(20, 113), dev = word_examples(10, 114);
  const File file("The plot was so good. It is bad. They say it is good, and that it was so bad.");
  TaskPipeline pipeline = searching(
      model, {{"from", file.path.string()}, {"max-words", "2"}, {"label-words", "true"}, {"word-pool", "4"}});
  const TrainResult result = train(model, {{pipeline, rows, dev}}, batches_of(8), 1);
  const std::string source = pipeline.prompt_template->source();
  const std::vector<std::string> possible{"{text} so {\"mask\"} .", "{text} is {\"mask\"} .",
                                          "{text} was so {\"mask\"} .", "{text} it is {\"mask\"} .",
                                          "{text} It is {\"mask\"} ."};
  CHECK(result.report.steps == std::ssize(possible));
  CHECK(std::ranges::find(possible, source) != possible.end());
  REQUIRE(result.report.label_words.size() == 2);
  CHECK(result.report.label_words[0] != result.report.label_words[1]);
  // With the words that were found a direct computation gives the loss that the search reported.
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", source}};
  choice.labels = {"negative", "positive"};
  choice.label_words = result.report.label_words;
  const TaskPipeline plain = make_pipeline(model, plugins(), choice);
  const double loss = exact_loss(model, plain, {}, pointers(rows)).sum / 20;
  CHECK(std::abs(result.report.losses[static_cast<std::size_t>(result.report.best_step) - 1] - loss) < 1e-4);
  CHECK(accuracy_of(model, plain, dev) == result.report.best_dev);
  keep_plain_prompt(pipeline, model, plugins(), result.report.label_words);
  CHECK(to_card(pipeline, model).label_words == result.report.label_words);
}

TEST_CASE("an interrupted search resumes after the last candidate, and ends with the same card") {
  const std::vector<Example> rows = word_examples(20, 115), dev = word_examples(10, 116);
  for (const char* name :
       {"llama-tied", "bert-mlm"}) // the first generates its candidates, for the second they are mined
    for (const char* label_words : {"false", "true"}) {
      CAPTURE(name);
      CAPTURE(label_words);
      const Model model = tiny_model(name);
      const File file("The plot was so good. It is bad. They say it is good, and that it was so bad.");
      Set options{{"max-words", "2"}, {"candidates", "5"}, {"beams", "3"}, {"label-words", label_words}};
      if (!model.shape().causal)
        options.emplace_back("from", file.path.string());
      const std::filesystem::path checkpoint = file.path.string() + ".checkpoint";
      int64_t first = 0;
      const auto run = [&](int64_t stop, const std::filesystem::path& place) {
        TaskPipeline pipeline = searching(model, options);
        first = 0;
        const auto progress = [&](int64_t step, int64_t, double, double) {
          first = first == 0 ? step : first;
          if (step == stop)
            throw std::runtime_error("interrupted");
          return true;
        };
        FitReport report =
            train(model, {{pipeline, rows, dev}}, batches_of(7), 1, progress, {}, {place, 1}).report;
        return std::pair(pipeline.prompt_template->source(), report);
      };
      const auto [source, whole] = run(-1, {});
      CHECK_THROWS_WITH(run(3, checkpoint), doctest::Contains("interrupted"));
      const auto [again, rest] = run(-1, checkpoint);
      std::filesystem::remove_all(checkpoint);
      CHECK(first == 4);
      CHECK(again == source);
      CHECK(rest.losses == whole.losses);
      CHECK(rest.label_words == whole.label_words);
      CHECK(rest.best_step == whole.best_step);
      CHECK(rest.best_dev == whole.best_dev);
    }
}

namespace {

/// Records the templates that are tried.
class Listening final : public PassingEngine {
public:
  Listening(Engine& engine, std::vector<std::string>& tried) : PassingEngine(engine), tried_(tried) {}
  void progress(int64_t, int64_t, double, double) override {
    tried_.push_back(engine_.problem().tasks[0].prompt_template.source());
  }

private:
  std::vector<std::string>& tried_;
};

std::vector<std::string> tried_by(const Model& model, const std::vector<Example>& rows, TaskPipeline pipeline) {
  std::vector<std::string> tried;
  pipeline.tuner = std::make_shared<SpiedTuner>(
      pipeline.tuner, [&](Engine& engine, const Tuner&) { return std::make_unique<Listening>(engine, tried); });
  train(model, {{pipeline, rows, {}}}, batches_of(8), 1);
  return tried;
}

/// Mean log-probabilities of the next token over `rows`, one batch at a time.
at::Tensor next_after(const Model& model, const std::vector<Batch>& rows) {
  const at::NoGradGuard no_grad;
  at::Tensor sum;
  for (const Batch& batch : rows) {
    const at::Tensor hidden = model.backbone().forward({batch, {}});
    const at::Tensor own = model.backbone()
                               .project({hidden, {OutputRequest::Kind::logits, {}}})
                               .to(at::kDouble)
                               .log_softmax(1)
                               .view({-1});
    sum = sum.defined() ? sum + own : own;
  }
  return sum / static_cast<double>(rows.size());
}

bool is_plain(const Vocabulary& vocabulary, int64_t id) {
  const std::string text = vocabulary.decode(std::vector<int64_t>{id});
  return !vocabulary.is_special(id) && text.find_first_not_of(' ') != std::string::npos &&
         text.find_first_of("{}<>[]|\n\r\t") == std::string::npos &&
         text.find("\xef\xbf\xbd") == std::string::npos;
}

TokenizedPrompt open_after(std::vector<int64_t> ids) {
  TokenizedPrompt prompt;
  for (const int64_t id : ids) {
    prompt.input.emplace_back();
    prompt.input.back().id = id;
  }
  prompt.answers = {std::ssize(prompt.input) - 1};
  prompt.targets = {-1};
  return prompt;
}

} // namespace

TEST_CASE("a causal model's first words are the most probable ones after all examples together") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = word_examples(6, 115);
  const std::vector<std::string> tried =
      tried_by(model, rows, searching(model, {{"max-words", "1"}, {"beams", "5"}, {"candidates", "5"}}));
  std::vector<TokenizedPrompt> prompts;
  for (const Example& row : rows) {
    std::vector<int64_t> ids(model.vocabulary().sequence_prefix().begin(),
                             model.vocabulary().sequence_prefix().end());
    for (const Token& token : model.vocabulary().encode(row.fields.at("text")))
      ids.push_back(token.id);
    prompts.push_back(open_after(ids));
  }
  std::vector<Batch> batches;
  for (std::size_t i = 0; i < rows.size(); ++i)
    batches.push_back(pack({{&prompts[i], &rows[i]}}, {}));
  const at::Tensor next = next_after(model, batches);
  REQUIRE_FALSE(tried.empty());
  std::vector<std::string> likely; // the most probable plain tokens, in order
  const at::Tensor order = next.argsort(0, true);
  for (int64_t i = 0; i < 12; ++i)
    if (const int64_t id = order[i].item<int64_t>(); is_plain(model.vocabulary(), id)) {
      std::string text = model.vocabulary().decode(std::vector<int64_t>{id});
      text.erase(0, text.find_first_not_of(' '));
      likely.push_back("{text} " + text + "{\"mask\"}");
    }
  CHECK(tried[0] == likely.at(0));
  for (const std::string& source : tried)
    CHECK(std::ranges::find(likely, source) != likely.end());
}

TEST_CASE("an encoder-decoder fills both gaps of all examples at once") {
  const Model model = tiny_model("t5-plain");
  const std::vector<Example> rows = word_examples(4, 116);
  const std::vector<std::string> tried = tried_by(
      model, rows, searching(model, {{"max-words", "2"}, {"beams", "4"}, {"rows", "4"}, {"candidates", "6"}}));
  REQUIRE_FALSE(tried.empty());
  for (const std::string& source : tried) {
    CAPTURE(source);
    CHECK(source.starts_with("{text} "));
    CHECK(source.find("{\"mask\"}") != std::string::npos);
    CHECK(source.find("trigger") == std::string::npos);
    CHECK(source.find("extra_id") == std::string::npos);
  }
}

TEST_CASE("an encoder-decoder's texts are the most probable ones in the gap of all examples together") {
  const Model model = tiny_model("t5-plain");
  const Vocabulary& vocabulary = model.vocabulary();
  const std::vector<Example> rows = word_examples(4, 118);
  const std::vector<std::string> tried =
      tried_by(model, rows,
               two_label_pipeline(model, "m", "{text} {\"trigger\"} {\"mask\"}", "template-search",
                                  {{"max-words", "1"}, {"beams", "100"}, {"rows", "4"}, {"candidates", "8"}}));
  const int64_t begin = *vocabulary.id("<extra_id_0>"), end = *vocabulary.id("<extra_id_1>");
  std::vector<TokenizedPrompt> inputs; // text, gap, the label's word: what T5 is trained to fill
  for (const Example& row : rows) {
    std::vector<int64_t> ids;
    for (const Token& token : vocabulary.encode(row.fields.at("text")))
      ids.push_back(token.id);
    ids.push_back(begin);
    for (const Token& token : vocabulary.encode(row.label ? "good" : "bad"))
      ids.push_back(token.id);
    ids.insert(ids.end(), vocabulary.sequence_suffix().begin(), vocabulary.sequence_suffix().end());
    inputs.push_back(open_after(ids));
  }
  const auto next_given = [&](const std::vector<int64_t>& written) {
    std::vector<Batch> batches;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      TokenizedPrompt prompt = inputs[i];
      for (const int64_t id : written) {
        prompt.output.emplace_back();
        prompt.output.back().id = id;
      }
      prompt.answers = {std::ssize(written) - 1};
      batches.push_back(pack({{&prompt, &rows[i]}}, {}));
    }
    return next_after(model, batches);
  };
  const int64_t start = model.shape().decoder_start;
  const at::Tensor first = next_given({start, begin});
  std::map<std::string, double> best; // a token inside a word may be spelled as one that begins a word
  for (int64_t id = 0; id < vocabulary.size(); ++id) {
    if (!is_plain(vocabulary, id))
      continue;
    const at::Tensor second = next_given({start, begin, id});
    const double stop = std::max(second[end].item<double>(), second[*vocabulary.special().eos].item<double>());
    const std::string text = vocabulary.decode(std::vector<int64_t>{id});
    const double log_prob = first[id].item<double>() + stop;
    const auto [place, added] = best.emplace(text, log_prob);
    if (!added)
      place->second = std::max(place->second, log_prob);
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [text, log_prob] : best)
    order.emplace_back(-log_prob, text);
  std::ranges::sort(order);
  REQUIRE(tried.size() == 8);
  for (std::size_t i = 0; i < tried.size(); ++i)
    CHECK(tried[i] == "{text} " + order[i].second + " {\"mask\"}");
}

TEST_CASE("tasks that can't be searched are refused with advice") {
  const Model bert = tiny_model("bert-mlm"), llama = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(searching(bert, {}), doctest::Contains("can't generate"), UsageError);
  CHECK_THROWS_WITH_AS(two_label_pipeline(llama, "m", "{text} is{\"mask\"}", "template-search"),
                       doctest::Contains("{\"trigger\"}"), UsageError);
  CHECK_THROWS_WITH_AS(two_label_pipeline(llama, "m", "{trigger} {text} {trigger}", "template-search"),
                       doctest::Contains("2 gaps"), UsageError);
  CHECK_THROWS_WITH_AS(searching(llama, {{"keep", "2"}, {"label-words", "true"}}), doctest::Contains("keep=1"),
                       UsageError);
  const File file("nothing here\n");
  TaskPipeline pipeline = searching(llama, {{"from", file.path.string()}});
  const std::vector<Example> rows = word_examples(6, 117);
  CHECK_THROWS_WITH_AS(train(llama, {{pipeline, rows, {}}}, batches_of(8), 1),
                       doctest::Contains("no candidate"), DataError);
}
