// Which rows are shown, in which order, and that calibration divides out what they make likely.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Rows of one word and a number, so that each is known by its text.
std::vector<Example> numbered(int64_t count) {
  std::vector<Example> rows(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].fields["text"] = "film " + std::to_string(i + 1);
    rows[i].label = i % 3 == 0;
    rows[i].line = static_cast<int64_t>(i) + 1;
  }
  return rows;
}

Method shown(const Model& model, const std::vector<Example>& rows, Set options, uint64_t seed = 5,
             Set verbalizer = {}) {
  MethodChoice choice;
  choice.prompt_template.set = {
      {"text", model.backbone().shape().causal ? "{text} is{\"mask\"}" : "{text} It was {\"mask\"}."}};
  choice.tuner = {"in-context", std::move(options)};
  choice.verbalizer.set = std::move(verbalizer);
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  choice.seed = seed;
  return make_method(model, plugins(), choice, &rows);
}

/// Line numbers of the rows that stand in front of `asked`, in their order.
std::vector<int64_t> lines_of(const Method& method, const Example& asked) {
  std::vector<Prompt> prompts = method.prompt_template->render(asked);
  const std::size_t own = prompts[0].input.size();
  method.tuner->edit(prompts, {asked, 0, false, {}});
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

TEST_CASE("k rows of each label are drawn by the seed, or are the file's first") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example asked = numbered(1)[0];
  const std::vector<int64_t> drawn = lines_of(shown(model, rows, {{"k", "3"}}), asked);
  CHECK(by_label(drawn, rows) == std::map<int64_t, int64_t>{{0, 3}, {1, 3}});
  CHECK(drawn == lines_of(shown(model, rows, {{"k", "3"}}), asked));
  CHECK(sorted(drawn) != sorted(lines_of(shown(model, rows, {{"k", "3"}}, 6), asked)));
  CHECK(lines_of(shown(model, rows, {{"k", "2"}, {"choose", "first"}}), asked) ==
        std::vector<int64_t>{1, 2, 3, 4});
}

TEST_CASE("lines chosen by hand stand in the order in which they are named, in a card, too") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example asked = numbered(1)[0];
  const Set options{{"choose", "lines"}, {"lines", "12,3,8,7,10"}, {"k", "1"}};
  const Method method = shown(model, rows, options);
  const std::vector<int64_t> named{12, 3, 8, 7, 10};
  CHECK(lines_of(method, asked) == named);
  CHECK(lines_of(method_from_card(model, plugins(), to_card(method, model)), asked) == named);
  for (const char* wrong : {"", "3,x", "3,,4", "31"})
    CHECK_THROWS_AS(shown(model, rows, {{"choose", "lines"}, {"lines", wrong}}), UsageError);
}

TEST_CASE("an order's seed puts the same rows in another order") {
  const Model model = tiny_model("llama-tied");
  const std::vector<Example> rows = numbered(30);
  const Example asked = numbered(1)[0];
  for (const char* choose : {"seed", "first", "lines"}) {
    CAPTURE(choose);
    const auto ordered = [&](const char* order) {
      return lines_of(
          shown(model, rows, {{"k", "3"}, {"choose", choose}, {"lines", "1,2,3,4,5,6"}, {"order", order}}),
          asked);
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

TEST_CASE("calibration divides by what the demonstrations alone make likely") {
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = numbered(12), asked = word_examples(5, 121);
    const Method plain = shown(model, rows, {{"k", "2"}});
    Method calibrated = shown(model, rows, {{"k", "2"}}, 5, {{"calibrate", "blank"}});
    fit_verbalizer(model, calibrated, {});
    // The prior, directly: the demonstrations and the template without content.
    const auto prior_of = [&](std::vector<Prompt> prompts) {
      const at::NoGradGuard no_grad;
      const TokenizedPrompt prompt = tokenized(plain, model, prompts[0], plain.target.reading);
      const Example nothing;
      const Batch batch = pack({{&prompt, &nothing}}, {});
      const at::Tensor hidden = model.backbone().forward({batch, {}});
      const at::Tensor scores = model.backbone().read(
          {hidden,
           {Readout::Kind::scores,
            at::tensor({model.vocabulary().encode(" bad")[0].id, model.vocabulary().encode(" good")[0].id},
                       at::kLong)},
           {}});
      return scores.to(at::kDouble).softmax(1)[0][1].item<double>();
    };
    std::vector<Prompt> blank{plain.prompt_template->blank()};
    const double bare = prior_of(blank);
    plain.tuner->edit(blank, {Example{}, 0, false, {}});
    const double prior = prior_of(blank);
    CHECK(std::abs(prior - bare) > 1e-4);
    const auto before = Predictor(model, {&plain}).predict(pointers(asked)),
               after = Predictor(model, {&calibrated}).predict(pointers(asked));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const double p = before[i].decision.probabilities[1], odds = p / prior, other = (1 - p) / (1 - prior);
      CHECK(std::abs(after[i].decision.probabilities[1] - odds / (odds + other)) < 1e-5);
    }
  }
}
