// Scores, loss and calibration against the definition in rules.hpp, per slot.
#include "rules.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::rules;

namespace {

const testing::WordVocabulary vocabulary(
    {{"person", {0}}, {"place", {1}}, {"was", {2}}, {"won", {3}}, {"born-in", {4, 5}}, {"city", {6}}}, 8);
const testing::NoBackbone backbone;
const std::vector<std::string> labels{"winner", "site", "birthplace"};
const std::vector<std::vector<std::string>> words{{"person", "won"}, {"place", "was"}, {"person", "born-in"}};
using SlotWords = std::vector<std::vector<std::vector<std::string>>>;

/// Logit of token `id` at slot `slot` of example `index`; -1 is the content-free prompt.
double logit(int64_t id, int64_t slot, int64_t index) {
  return 2 * std::sin(1.3 * static_cast<double>(id) + 0.7 * static_cast<double>(slot) +
                      2.1 * static_cast<double>(index));
}

at::Tensor logits_of(const Rules& verbalizer, const std::vector<int64_t>& examples) {
  const at::Tensor ids = verbalizer.output_request().token_ids;
  std::vector<double> values;
  for (const int64_t index : examples)
    for (int64_t slot = 0; slot < verbalizer.num_answer_slots(); ++slot)
      for (int64_t i = 0; i < ids.size(0); ++i)
        values.push_back(logit(ids[i].item<int64_t>(), slot, index));
  return at::tensor(values, at::kDouble).view({-1, ids.size(0)});
}

class FakeScorer final : public testing::NoScorer {
public:
  explicit FakeScorer(const Rules& verbalizer) : verbalizer_(verbalizer) {}
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<int64_t> examples(request.prompts ? request.prompts->size() : 0, -1);
    for (const Example* example : request.examples)
      examples.push_back(example->line);
    use(logits_of(verbalizer_, examples), Batch{});
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }

private:
  const Rules& verbalizer_;
};

Rules made(const std::string& calibrate = "none", const SlotWords& slot_words = {}) {
  Options options;
  options.set("multi-token-handler", std::string("mean"));
  options.set("prefix", std::string(" "));
  options.set("calibrate", calibrate);
  options.set("calibrate-rows", int64_t{200});
  Rules verbalizer(options);
  verbalizer.prepare(
      {vocabulary, backbone, labels, slot_words.empty() ? words : decltype(words){}, slot_words});
  return verbalizer;
}

using Score = std::function<double(int64_t id, int64_t slot)>;

double word_score(const std::vector<int64_t>& tokens, int64_t slot, const Score& score) {
  double sum = 0;
  for (const int64_t token : tokens)
    sum += score(token, slot) / static_cast<double>(tokens.size());
  return sum;
}

/// log p of each candidate of the two slots: person, place; won, was, born-in.
std::vector<std::vector<double>> slot_log_probs(const Score& score, const Score* prior) {
  const std::vector<std::vector<std::vector<int64_t>>> candidates{{{0}, {1}}, {{3}, {2}, {4, 5}}};
  std::vector<std::vector<double>> result;
  for (std::size_t slot = 0; slot < 2; ++slot) {
    std::vector<double> p, q;
    double p_sum = 0, q_sum = 0;
    for (const auto& word : candidates[slot]) {
      p.push_back(std::exp(word_score(word, static_cast<int64_t>(slot), score)));
      q.push_back(prior ? std::exp(word_score(word, static_cast<int64_t>(slot), *prior)) : 1);
      q_sum += q.back();
    }
    for (std::size_t w = 0; w < p.size(); ++w)
      p_sum += p[w] /= q[w] / q_sum;
    result.emplace_back();
    for (const double value : p)
      result.back().push_back(std::log(value / p_sum));
  }
  return result;
}

/// Sum over the slots for each label.
std::vector<double> sums(const std::vector<std::vector<double>>& p) {
  return {p[0][0] + p[1][0], p[0][1] + p[1][1], p[0][0] + p[1][2]};
}

double log_sum(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values)
    sum += std::exp(value);
  return std::log(sum);
}

} // namespace

TEST_CASE("labels are conjunctions of the candidates of each slot") {
  const Rules verbalizer = made();
  CHECK(verbalizer.num_answer_slots() == 2);
  CHECK(verbalizer.output_request().token_ids.equal(at::tensor({0, 1, 2, 3, 4, 5}, at::kLong)));
  const Scores scores = verbalizer.score({logits_of(verbalizer, {0, 1}), {}});
  CHECK(scores.offsets == std::vector<int64_t>{0, 3, 6});
  for (int64_t i = 0; i < 2; ++i) {
    const std::vector<double> sum =
        sums(slot_log_probs([&](int64_t id, int64_t slot) { return logit(id, slot, i); }, nullptr));
    for (int64_t label = 0; label < 3; ++label)
      CHECK(scores.values[i * 3 + label].item<double>() ==
            doctest::Approx(sum[static_cast<std::size_t>(label)] - log_sum(sum)));
  }
  CHECK(verbalizer.answer_text(2) == std::vector<std::string>{" person", " born-in"});
  CHECK_THROWS_AS(verbalizer.answer_text(3), DataError);
}

TEST_CASE("the loss has both terms, and gradients reach the logits") {
  const Rules verbalizer = made();
  const at::Tensor values = logits_of(verbalizer, {0, 1, 2}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({2, -1, 0}, at::kLong);
  const at::Tensor loss = verbalizer.loss({verbalizer.score({values, batch, {true, 0}}), batch});
  double expected = 0;
  for (const auto& [index, label] : {std::pair<int64_t, std::size_t>{0, 2}, {2, 0}}) {
    const std::vector<double> sum = sums(
        slot_log_probs([index = index](int64_t id, int64_t slot) { return logit(id, slot, index); }, nullptr));
    expected -= (sum[label] - log_sum(sum) + sum[label] / 2) / 2;
  }
  CHECK(loss.item<double>() == doctest::Approx(expected));
  loss.backward();
  CHECK(values.grad().narrow(0, 0, 2).abs().sum(1).gt(0).all().item<bool>());
  CHECK(values.grad().narrow(0, 2, 2).abs().sum().item<double>() == 0);
  CHECK_THROWS_AS(verbalizer.loss({verbalizer.score({values, batch}), {}}), DataError);
}

TEST_CASE("each slot is calibrated separately, and a card stores the calibration") {
  for (const std::string how : {"blank", "train"}) {
    CAPTURE(how);
    Rules verbalizer = made(how);
    FakeScorer scorer(verbalizer);
    std::vector<Example> examples(2);
    examples[0].line = 3;
    examples[1].line = 4;
    verbalizer.calibrate(scorer);
    verbalizer.fit({scorer, {&examples[0], &examples[1]}, VerbalizerFitArgs::Moment::before_training});
    const Score prior = [&](int64_t id, int64_t slot) {
      return how == "blank" ? logit(id, slot, -1) : (logit(id, slot, 3) + logit(id, slot, 4)) / 2;
    };
    const std::vector<double> sum =
        sums(slot_log_probs([](int64_t id, int64_t slot) { return logit(id, slot, 1); }, &prior));
    const at::Tensor values = logits_of(verbalizer, {1});
    const at::Tensor scores = verbalizer.score({values, {}}).values;
    for (int64_t label = 0; label < 3; ++label)
      CHECK(scores[label].item<double>() ==
            doctest::Approx(sum[static_cast<std::size_t>(label)] - log_sum(sum)).epsilon(1e-5));
    Rules restored = made(how);
    CHECK_THROWS_WITH_AS(restored.load_state({}), doctest::Contains("no tensor \"calibration\""), DataError);
    restored.load_state(verbalizer.state());
    CHECK(restored.score({values, {}}).values.equal(scores));
  }
}

TEST_CASE("several words of a label in a slot are averaged") {
  const Rules verbalizer =
      made("none", {{{"person"}, {"won", "was"}}, {{"place", "city"}, {"was"}}, {{"city"}, {"won"}}});
  const auto score = [](int64_t id, int64_t slot) { return logit(id, slot, 1); };
  const double first = log_sum({score(0, 0), score(1, 0), score(6, 0)}),
               second = log_sum({score(3, 1), score(2, 1)});
  const std::vector<double> sum{score(0, 0) - first + (score(3, 1) + score(2, 1)) / 2 - second,
                                (score(1, 0) + score(6, 0)) / 2 - first + score(2, 1) - second,
                                score(6, 0) - first + score(3, 1) - second};
  const at::Tensor scores = verbalizer.score({logits_of(verbalizer, {1}), {}}).values;
  for (int64_t label = 0; label < 3; ++label)
    CHECK(scores[label].item<double>() == doctest::Approx(sum[static_cast<std::size_t>(label)] - log_sum(sum)));
}

TEST_CASE("impossible rules are refused when the verbalizer is prepared") {
  const auto refusal = [](const SlotWords& slot_words) -> std::string {
    try {
      made("none", slot_words);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal({{{"person"}}, {{"place"}, {"was"}}, {{"city"}}}).find("\"site\" has words for 2") !=
        std::string::npos);
  CHECK(refusal({{{"person"}}, {{"place"}}, {{"person"}}}).find("\"winner\" and \"birthplace\"") !=
        std::string::npos);
  CHECK(refusal({{{"person"}}, {{}}, {{"city"}}}).find("no word for one") != std::string::npos);
  CHECK(refusal({{{"person"}}, {}, {{"city"}}}).find("needs a word for each answer slot") != std::string::npos);
  CHECK(refusal({{{"person"}}, {{"unheard"}}, {{"city"}}}).find("can't be encoded") != std::string::npos);
}
