#include "autoprompt.hpp"

#include <algorithm>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/found_words.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>

#include "candidate_filter.hpp"
#include "label_search.hpp"

namespace cuecard {

namespace {

constexpr uint64_t slot_stream = 0x736c6f74, start_stream = 0x73746172; // "slot", "star"

std::vector<int64_t> on_host(const at::Tensor& ids) {
  const at::Tensor host = ids.to(at::kCPU, at::kLong).contiguous();
  return {host.const_data_ptr<int64_t>(), host.const_data_ptr<int64_t>() + host.numel()};
}

/// The tokens that are answers: what the verbalizer scores, and the labels' own texts.
std::vector<int64_t> answer_tokens(const Task& task, const Vocabulary& vocabulary) {
  std::vector<int64_t> ids;
  if (const at::Tensor& scored = task.verbalizer.readout().ids; scored.defined())
    ids = on_host(scored);
  for (std::size_t label = 0; label < task.labels.size(); ++label)
    for (const std::string& text : task.verbalizer.answer_text(static_cast<int64_t>(label)))
      for (const Token& token : vocabulary.encode(text))
        ids.push_back(token.id);
  return ids;
}

} // namespace

AutoPrompt::AutoPrompt(const Options& options)
    : iterations_(options.integer("iterations")), candidates_(options.integer("candidates")),
      accumulation_(options.integer("accumulation")), restarts_(options.integer("restarts")),
      label_words_(options.integer("label-words")), label_epochs_(options.integer("label-epochs")),
      filter_(options.flag("filter")), by_accuracy_(options.text("accept") == "accuracy"),
      init_(options.text("init")) {}

void AutoPrompt::prepare(const Problem& problem) {
  const Task& task = word_search_task(problem, "autoprompt");
  template_ = &task.prompt_template;
  verbalizer_ = &task.verbalizer;
  backbone_ = &problem.backbone;
  seed_ = problem.seed;
  if (template_->triggers().empty())
    throw UsageError("the template of task \"" + task.name +
                     "\" has no trigger slot for autoprompt to fill: put "
                     "{\"trigger\": None, \"duplicate\": 3} into it.");
  if (label_words_ > 0)
    require_label_search(task, "label-words=0");
  allow(problem);

  // What the template spells stands; the other slots take the words of `init`, or the mask.
  start_ = template_->triggers();
  std::vector<int64_t> words;
  if (!init_.empty())
    for (const Token& token : problem.vocabulary.encode_with_specials(" " + init_))
      words.push_back(token.id);
  const std::optional<int64_t> mask = problem.vocabulary.special().mask;
  Random random(seed_, start_stream);
  for (std::size_t slot = 0; slot < start_.size(); ++slot)
    if (start_[slot] < 0)
      start_[slot] = !words.empty() ? words[slot % words.size()]
                     : mask         ? *mask
                                    : allowed_[random.below(allowed_.size())];
  search_ = {};
  search_.tokens = search_.best = start(0);
}

void AutoPrompt::allow(const Problem& problem) {
  const int64_t rows = backbone_->shape().vocabulary;
  allowed_ =
      allowed_tokens(problem.vocabulary, rows, filter_, answer_tokens(problem.tasks[0], problem.vocabulary));
  if (allowed_.size() < 2)
    throw UsageError("the filter leaves " + std::to_string(allowed_.size()) +
                     " tokens for the trigger slots: set filter=false.");
  penalty_ = at::full({rows}, -INFINITY, at::kFloat)
                 .index_fill(0, index_tensor(allowed_, at::kCPU), 0)
                 .to(backbone_->device());
}

void AutoPrompt::search_label_words(Engine& engine, FitReport& report) {
  const Problem& problem = engine.problem();
  ScoreRequest request;
  for (const Example& example : *problem.tasks[0].train)
    if (example.label >= 0)
      request.examples.push_back(&example);
  request.readout.kind = Readout::Kind::transformed;
  std::vector<at::Tensor> states, labels;
  engine.scorer(0).score(request, [&](const at::Tensor& values, const Batch& batch) {
    states.push_back(values.to(at::kFloat));
    labels.push_back(batch.labels);
  });
  const at::Tensor weights = label_classifier(at::cat(states), at::cat(labels),
                                              std::ssize(problem.tasks[0].labels), label_epochs_, seed_);
  const std::vector<std::vector<int64_t>> found =
      most_telling(backbone_->token_products(TokenTable::output, weights),
                   one_token_words(problem.vocabulary, backbone_->shape().vocabulary), label_words_);
  report.label_words = give_label_words(engine, 0, found);
  allow(problem);
}

at::Tensor AutoPrompt::start(int64_t restart) const {
  std::vector<int64_t> tokens = start_;
  Random random(seed_, start_stream + static_cast<uint64_t>(restart));
  if (restart > 0)
    for (int64_t& token : tokens)
      token = allowed_[random.below(allowed_.size())];
  return index_tensor(tokens, backbone_->device());
}

Conditioning AutoPrompt::condition(int64_t, const Pass&) const {
  Conditioning conditioning;
  conditioning.triggers = search_.tokens;
  return conditioning;
}

FitSettings AutoPrompt::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;
  if (settings.steps <= 0)
    settings.steps = iterations_;
  if (settings.batch_size <= 0)
    settings.batch_size = 32;
  return settings;
}

at::Tensor AutoPrompt::candidates(Engine& engine, int64_t first_step, int64_t slot) const {
  at::Tensor gradient;
  for (int64_t step = first_step; step < first_step + accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const at::Tensor own = engine.trigger_gradient(0, batch, condition(0, {}));
      gradient = gradient.defined() ? gradient + own : own;
    }
  const at::NoGradGuard no_grad;
  // The loss changes by (e_w - e_old) G; the second term is the same for all.
  const at::Tensor falls =
      -backbone_->token_products(TokenTable::input, gradient.narrow(0, slot, 1)).view({-1});
  const at::Tensor scores = (falls + penalty_).index_fill(0, search_.tokens.narrow(0, slot, 1), -INFINITY);
  const int64_t count = std::min(candidates_, std::ssize(allowed_) - 1);
  return std::get<1>(at::topk(scores, count, 0));
}

AutoPrompt::Step AutoPrompt::improve(Engine& engine) {
  // Other batches than those that the gradient is of: what only fits those is not taken (algorithms.md 1).
  const int64_t first_step = (search_.restart * iterations_ + search_.iteration) * 2 * accumulation_;
  const auto slots = static_cast<uint64_t>(search_.tokens.size(0));
  const auto slot =
      static_cast<int64_t>(Random(seed_, slot_stream + static_cast<uint64_t>(first_step)).below(slots));
  const at::Tensor found = candidates(engine, first_step, slot);

  const at::NoGradGuard no_grad;
  const at::Tensor tried = at::cat({search_.tokens.narrow(0, slot, 1), found});
  at::Tensor loss, correct;
  double weight = 0;
  for (int64_t step = first_step + accumulation_; step < first_step + 2 * accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const TriggerScores scores = engine.trigger_scores(0, batch, slot, tried, condition(0, {}));
      loss = loss.defined() ? loss + scores.loss : scores.loss;
      correct = correct.defined() ? correct + scores.correct : scores.correct;
      weight += verbalizer_->weight(batch);
    }
  const at::Tensor worth = by_accuracy_ ? correct : -loss;
  const auto [most, index] = worth.narrow(0, 1, found.size(0)).max(0);
  const at::Tensor chosen = (index + 1).view({1});
  // The one wait of the iteration.
  const at::Tensor told = at::stack({most - worth[0], loss[0], loss.index_select(0, chosen)[0]})
                              .to(at::kCPU, at::kDouble)
                              .contiguous();
  const double* numbers = told.const_data_ptr<double>();
  Step step;
  step.accepted = numbers[0] > 0;
  step.loss = (step.accepted ? numbers[2] : numbers[1]) / weight;
  if (step.accepted) {
    search_.tokens = search_.tokens.clone();
    search_.tokens.narrow(0, slot, 1).copy_(tried.index_select(0, chosen));
  }
  return step;
}

double AutoPrompt::look(Engine& engine) {
  const double dev = engine.evaluate_dev(0);
  if (!std::isnan(dev) && dev <= search_.best_dev)
    return dev;
  search_.idle = 0;
  if (std::isnan(dev))
    return dev; // settled at the end of the search
  search_.best_dev = dev;
  search_.best = search_.tokens;
  search_.best_step = search_.done;
  return dev;
}

void AutoPrompt::settle(Engine& engine) {
  if (std::isfinite(search_.best_dev))
    return;
  const at::NoGradGuard no_grad;
  double sum = 0, weight = 0;
  for (int64_t step = 0; step < accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const double own = verbalizer_->weight(batch);
      sum += own * engine.loss(0, batch, condition(0, {}), {}).to(at::kCPU).item<double>();
      weight += own;
    }
  if (!(sum / weight < search_.best_loss))
    return;
  search_.best_loss = sum / weight;
  search_.best = search_.tokens;
  search_.best_step = search_.done;
}

void AutoPrompt::keep_best(Engine& engine, FitReport& report) {
  search_.tokens = search_.best;
  template_->set_triggers(on_host(search_.best));
  settle_verbalizer(engine, 0);
  report.best_dev = engine.evaluate_dev(0);
  report.best_step = search_.best_step;
  report.steps = search_.done;
  report.losses = search_.losses;
  report.plain_prompt = true;
}

FitReport AutoPrompt::fit(Engine& engine) {
  const FitSettings settings = defaults(engine.settings());
  iterations_ = settings.steps;
  FitReport report;
  if (label_words_ > 0)
    search_label_words(engine, report);
  if (const TensorMap saved = engine.resume(); !saved.empty())
    search_.restore(saved);
  try {
    while (search_.restart < restarts_) {
      const bool patient = settings.patience <= 0 || search_.idle < settings.patience;
      if (search_.iteration == iterations_ || !patient) {
        report.stopped_early = report.stopped_early || !patient;
        settle(engine);
        if (++search_.restart == restarts_)
          break;
        search_.iteration = search_.idle = 0;
        search_.tokens = start(search_.restart);
      }
      const Step step = improve(engine);
      ++search_.iteration;
      ++search_.done;
      ++search_.idle;
      search_.losses.push_back(static_cast<float>(step.loss));
      const double dev = step.accepted ? look(engine) : NAN;
      engine.checkpoint(search_.done, [&]() { return search_.state(); });
      engine.progress(search_.done, restarts_ * iterations_, step.loss, dev);
    }
  } catch (const Cancelled&) {
    report.cancelled = true;
    settle(engine);
  }
  keep_best(engine, report);
  return report;
}

} // namespace cuecard
