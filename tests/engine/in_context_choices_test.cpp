// Which demonstrations are chosen, in which order, and that calibration divides out the bias that they cause.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Examples of one word and a number, so that the text identifies each.
std::vector<Example> numbered(int64_t count) {
  std::vector<Example> rows(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].fields["text"] = "film " + std::to_string(i + 1);
    rows[i].label = i % 3 == 0;
    rows[i].line = static_cast<int64_t>(i) + 1;
  }
  return rows;
}

TaskPipeline shown(const Model& model, const std::vector<Example>& rows, Set options, uint64_t seed = 5,
                   Set verbalizer = {}) {
  PipelineChoice choice;
  choice.prompt_template.set = {
      {"text", model.shape().causal ? "{text} is{\"mask\"}" : "{text} It was {\"mask\"}."}};
  choice.tuner = {"in-context", std::move(options)};
  choice.verbalizer.set = std::move(verbalizer);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = seed;
  return make_pipeline(model, plugins(), choice, &rows);
}

/// Line numbers of the demonstrations before `input`, in their order.
std::vector<int64_t> lines_of(const TaskPipeline& pipeline, const Example& input) {
  std::vector<Prompt> prompts = pipeline.prompt_template->render({input});
  const std::size_t own = prompts[0].input.size();
  pipeline.tuner->edit(prompts, {input, 0, false, {}});
  std::vector<int64_t> lines;
  for (std::size_t i = 0; i + own < prompts[0].input.size(); ++i)
    if (const std::string& text = prompts[0].input[i].text; text.find("film ") != std::string::npos)
      lines.push_back(std::stoll(text.substr(text.find("film ") + 5)));
  return lines;
}

std::map<int64_t, int64_t> by_label(const std::vector<int64_t>& lines, const std::vector<Example>& rows) {
  std::map<int64_t, int64_t> count;
  for (const int64_t line : lines)
    ++count[rows[static_cast<std::size_t>(line) - 1].label];
  return count;
}

std::vector<int64_t> sorted(std::vector<int64_t> lines) {
  std::ranges::sort(lines);
  return lines;
}

} // namespace

TEST_CASE("k examples of each label are drawn by the seed, or are the first of the file") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example input = numbered(1)[0];
  const std::vector<int64_t> drawn = lines_of(shown(model, rows, {{"k", "3"}}), input);
  CHECK(by_label(drawn, rows) == std::map<int64_t, int64_t>{{0, 3}, {1, 3}});
  CHECK(drawn == lines_of(shown(model, rows, {{"k", "3"}}), input));
  CHECK(sorted(drawn) != sorted(lines_of(shown(model, rows, {{"k", "3"}}, 6), input)));
  CHECK(lines_of(shown(model, rows, {{"k", "2"}, {"choose", "first"}}), input) ==
        std::vector<int64_t>{1, 2, 3, 4});
}

TEST_CASE("lines chosen by hand keep the order in which they are given, in a card, too") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example input = numbered(1)[0];
  const Set options{{"choose", "lines"}, {"lines", "12,3,8,7,10"}, {"k", "1"}};
  const TaskPipeline pipeline = shown(model, rows, options);
  const std::vector<int64_t> named{12, 3, 8, 7, 10};
  CHECK(lines_of(pipeline, input) == named);
  CHECK(lines_of(pipeline_from_card(model, plugins(), to_card(pipeline, model)), input) == named);
  for (const char* wrong : {"", "3,x", "3,,4", "31"})
    CHECK_THROWS_AS(shown(model, rows, {{"choose", "lines"}, {"lines", wrong}}), UsageError);
}

TEST_CASE("the seed of the order permutes the same demonstrations") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example input = numbered(1)[0];
  for (const char* choose : {"seed", "first", "lines"}) {
    CAPTURE(choose);
    const auto ordered = [&](const char* order) {
      Set options{{"k", "3"}, {"choose", choose}, {"order", order}};
      if (std::string(choose) == "lines")
        options.emplace_back("lines", "1,2,3,4,5,6");
      return lines_of(shown(model, rows, options), input);
    };
    const std::vector<int64_t> chosen = ordered("0"), first = ordered("1"), second = ordered("2");
    CHECK(chosen.size() == 6);
    CHECK(first == ordered("1"));
    CHECK(sorted(first) == sorted(chosen));
    CHECK(sorted(second) == sorted(chosen));
    CHECK(first != chosen);
    CHECK(first != second);
  }
}

TEST_CASE("calibration divides by the label probabilities that the demonstrations alone cause") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = numbered(12), inputs = word_examples(5, 121);
    const TaskPipeline plain = shown(model, rows, {{"k", "2"}});
    TaskPipeline calibrated = shown(model, rows, {{"k", "2"}}, 5, {{"calibrate", "blank"}});
    fit_verbalizer(model, calibrated, {});
    // The prior, directly: the demonstrations and the template without content.
    const auto prior_of = [&](std::vector<Prompt> prompts) {
      const at::NoGradGuard no_grad;
      const TokenizedPrompt prompt = tokenized(plain, model, prompts[0], plain.layout.positions);
      const Example nothing;
      const Batch batch = pack({{&prompt, &nothing}}, {});
      const at::Tensor hidden = model.backbone().forward({batch, {}});
      const at::Tensor words = at::tensor(
          {model.vocabulary().encode(" bad")[0].id, model.vocabulary().encode(" good")[0].id}, at::kLong);
      const at::Tensor logits = model.backbone().project({hidden, {OutputRequest::Kind::logits, words}});
      return logits.to(at::kDouble).softmax(1)[0][1].item<double>();
    };
    std::vector<Prompt> blank{plain.prompt_template->blank()};
    const double bare = prior_of(blank);
    plain.tuner->edit(blank, {Example{}, 0, false, {}});
    const double prior = prior_of(blank);
    CHECK(std::abs(prior - bare) > 1e-4);
    const auto before = Predictor(model, {&plain}).predict(pointers(inputs)),
               after = Predictor(model, {&calibrated}).predict(pointers(inputs));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const double p = before[i].decision.probabilities[1], odds = p / prior, other = (1 - p) / (1 - prior);
      CHECK(std::abs(after[i].decision.probabilities[1] - odds / (odds + other)) < 1e-5);
    }
  }
}
