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
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/words/label_word_search.hpp>

#include "candidate_filter.hpp"
#include "label_search.hpp"

namespace cuecard {

namespace {

constexpr uint64_t slot_stream = stream_id("slot"), restart_stream = stream_id("star");

std::vector<int64_t> on_host(const at::Tensor& ids) {
  const at::Tensor host = ids.to(at::kCPU, at::kLong).contiguous();
  return {host.const_data_ptr<int64_t>(), host.const_data_ptr<int64_t>() + host.numel()};
}

/// Tokens of the answers: those that the verbalizer scores, and those of the labels' texts.
std::vector<int64_t> answer_tokens(const Task& task, const Vocabulary& vocabulary) {
  std::vector<int64_t> ids;
  if (const at::Tensor& scored = task.verbalizer.output_request().token_ids; scored.defined())
    ids = on_host(scored);
  for (std::size_t label = 0; label < task.labels.size(); ++label)
    for (const std::string& text : task.verbalizer.answer_text(static_cast<int64_t>(label)))
      for (const Token& token : vocabulary.encode_continuation(text))
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
  set_allowed_tokens(problem);

  // Slots without a token in the template start from the words of `init`, or the mask.
  initial_trigger_ = template_->triggers();
  std::vector<int64_t> words;
  if (!init_.empty())
    for (const Token& token : problem.vocabulary.encode_with_specials(" " + init_))
      words.push_back(token.id);
  const std::optional<int64_t> mask = problem.vocabulary.special().mask;
  Random random(seed_, restart_stream);
  for (std::size_t slot = 0; slot < initial_trigger_.size(); ++slot)
    if (initial_trigger_[slot] < 0)
      initial_trigger_[slot] = !words.empty() ? words[slot % words.size()]
                               : mask         ? *mask
                                              : allowed_[random.below(allowed_.size())];
  search_ = {};
  search_.tokens = search_.best = initial_trigger(0);
}

void AutoPrompt::set_allowed_tokens(const Problem& problem) {
  const int64_t num_rows = backbone_->shape().vocabulary;
  allowed_ = allowed_tokens(problem.vocabulary, num_rows, filter_,
                            answer_tokens(problem.tasks[0], problem.vocabulary));
  if (allowed_.size() < 2)
    throw UsageError("the filter leaves " + std::to_string(allowed_.size()) +
                     " tokens for the trigger slots: set filter=false.");
  penalty_ = at::full({num_rows}, -INFINITY, at::kFloat)
                 .index_fill(0, index_tensor(allowed_, at::kCPU), 0)
                 .to(backbone_->device());
}

void AutoPrompt::search_label_words(Engine& engine, FitReport& report) {
  const Problem& problem = engine.problem();
  ScoreRequest request;
  for (const Example& example : *problem.tasks[0].train)
    if (example.label >= 0)
      request.examples.push_back(&example);
  request.output.kind = OutputRequest::Kind::transformed_states;
  std::vector<at::Tensor> states, labels;
  engine.scorer(0).score(request, [&](const at::Tensor& outputs, const Batch& batch) {
    states.push_back(outputs.to(at::kFloat));
    labels.push_back(batch.labels);
  });
  const at::Tensor weights = label_classifier(at::cat(states), at::cat(labels),
                                              std::ssize(problem.tasks[0].labels), label_epochs_, seed_);
  const std::vector<std::vector<int64_t>> found =
      most_telling(backbone_->token_dot_products(TokenTable::output, weights),
                   single_token_words(problem.vocabulary, backbone_->shape().vocabulary), label_words_);
  report.label_words = set_label_words(engine, 0, found);
  set_allowed_tokens(problem);
}

at::Tensor AutoPrompt::initial_trigger(int64_t restart) const {
  std::vector<int64_t> tokens = initial_trigger_;
  Random random(seed_, restart_stream + static_cast<uint64_t>(restart));
  if (restart > 0)
    for (int64_t& token : tokens)
      token = allowed_[random.below(allowed_.size())];
  return index_tensor(tokens, backbone_->device());
}

Conditioning AutoPrompt::condition(const ConditionArgs&) const {
  Conditioning conditioning;
  conditioning.triggers = search_.tokens;
  return conditioning;
}

FitRequest AutoPrompt::defaults(const FitRequest& request) const {
  FitRequest usual;
  usual.steps = iterations_;
  usual.batch_size = 32;
  return filled_in(request, usual);
}

at::Tensor AutoPrompt::candidates(Engine& engine, TokenSearch& token_search, int64_t first_step,
                                  int64_t slot) const {
  at::Tensor gradient;
  for (int64_t step = first_step; step < first_step + accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const at::Tensor of_batch = token_search.gradient(0, batch, condition({}));
      gradient = gradient.defined() ? gradient + of_batch : of_batch;
    }
  const at::NoGradGuard no_grad;
  // The loss changes by (e_w - e_old) G, and the second term is the same for all candidates.
  const at::Tensor loss_decrease =
      -backbone_->token_dot_products(TokenTable::input, gradient.narrow(0, slot, 1)).view({-1});
  const at::Tensor scores =
      (loss_decrease + penalty_).index_fill(0, search_.tokens.narrow(0, slot, 1), -INFINITY);
  const int64_t count = std::min(candidates_, std::ssize(allowed_) - 1);
  return std::get<1>(at::topk(scores, count, 0));
}

AutoPrompt::Step AutoPrompt::improve(Engine& engine, TokenSearch& token_search) {
  // Candidates are evaluated on other batches than those of the gradient, so that overfitted ones are rejected.
  const int64_t first_step = (search_.restart * iterations_ + search_.iteration) * 2 * accumulation_;
  const auto slots = static_cast<uint64_t>(search_.tokens.size(0));
  const auto slot =
      static_cast<int64_t>(Random(seed_, slot_stream + static_cast<uint64_t>(first_step)).below(slots));
  const at::Tensor proposed = candidates(engine, token_search, first_step, slot);

  const at::NoGradGuard no_grad;
  const at::Tensor tokens = at::cat({search_.tokens.narrow(0, slot, 1), proposed}); // the current one first
  at::Tensor loss, correct;
  double weight = 0;
  for (int64_t step = first_step + accumulation_; step < first_step + 2 * accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const CandidateScores scores = token_search.scores(0, batch, slot, tokens, condition({}));
      loss = loss.defined() ? loss + scores.loss : scores.loss;
      correct = correct.defined() ? correct + scores.correct : scores.correct;
      weight += verbalizer_->weight(batch);
    }
  const at::Tensor objective = by_accuracy_ ? correct : -loss;
  const auto [best, index] = objective.narrow(0, 1, proposed.size(0)).max(0);
  const at::Tensor chosen = (index + 1).view({1});
  // The only synchronisation with the device in an iteration.
  const at::Tensor host = at::stack({best - objective[0], loss[0], loss.index_select(0, chosen)[0]})
                              .to(at::kCPU, at::kDouble)
                              .contiguous();
  const double* numbers = host.const_data_ptr<double>();
  Step step;
  step.accepted = numbers[0] > 0;
  step.loss = (step.accepted ? numbers[2] : numbers[1]) / weight;
  if (step.accepted) {
    search_.tokens = search_.tokens.clone();
    search_.tokens.narrow(0, slot, 1).copy_(tokens.index_select(0, chosen));
  }
  return step;
}

double AutoPrompt::evaluate(Engine& engine) {
  const double dev = engine.evaluate_dev(0);
  if (!std::isnan(dev) && dev <= search_.best_dev)
    return dev;
  search_.idle = 0;
  if (std::isnan(dev))
    return dev; // no development set: see finish_restart
  search_.best_dev = dev;
  search_.best = search_.tokens;
  search_.best_step = search_.done;
  return dev;
}

void AutoPrompt::finish_restart(Engine& engine) {
  if (std::isfinite(search_.best_dev))
    return;
  const at::NoGradGuard no_grad;
  double sum = 0, weight = 0;
  for (int64_t step = 0; step < accumulation_; ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const double terms = verbalizer_->weight(batch);
      sum += terms * engine.loss(0, batch, condition({}), {}).to(at::kCPU).item<double>();
      weight += terms;
    }
  if (!(sum / weight < search_.best_loss))
    return;
  search_.best_loss = sum / weight;
  search_.best = search_.tokens;
  search_.best_step = search_.done;
}

void AutoPrompt::apply_best(Engine& engine, FitReport& report) {
  search_.tokens = search_.best;
  template_->set_triggers(on_host(search_.best));
  refit_verbalizer(engine, 0);
  report.best_dev = engine.evaluate_dev(0);
  report.best_step = search_.best_step;
  report.steps = search_.done;
  report.losses = search_.losses;
  report.plain_prompt = true;
}

FitReport AutoPrompt::fit(Engine& engine) {
  TokenSearch* const token_search = find_extension<TokenSearch>(engine);
  if (!token_search)
    throw Error("autoprompt needs the extension \"" + std::string(TokenSearch::id) +
                "\", which this host does not have: use another tuner, or a host with it.");
  const FitSettings& settings = engine.settings();
  iterations_ = settings.steps;
  FitReport report;
  report.settings.set("steps", settings.steps);
  report.settings.set("batch-size", settings.batch_size);
  report.settings.set("batch-tokens", settings.batch_tokens);
  report.settings.set("patience", settings.patience);
  if (label_words_ > 0)
    search_label_words(engine, report);
  if (const TensorMap saved = engine.resume(); !saved.empty())
    search_.restore(saved);
  try {
    while (search_.restart < restarts_) {
      const bool out_of_patience = settings.patience > 0 && search_.idle >= settings.patience;
      if (search_.iteration == iterations_ || out_of_patience) {
        report.stopped_early = report.stopped_early || out_of_patience;
        finish_restart(engine);
        if (++search_.restart == restarts_)
          break;
        search_.iteration = search_.idle = 0;
        search_.tokens = initial_trigger(search_.restart);
      }
      const Step step = improve(engine, *token_search);
      ++search_.iteration;
      ++search_.done;
      ++search_.idle;
      search_.losses.push_back(static_cast<float>(step.loss));
      const double dev = step.accepted ? evaluate(engine) : NAN;
      engine.checkpoint(search_.done, [&]() { return search_.state(); });
      engine.progress(search_.done, restarts_ * iterations_, step.loss, dev);
    }
  } catch (const Cancelled&) {
    report.cancelled = true;
    finish_restart(engine);
  }
  apply_best(engine, report);
  return report;
}

} // namespace cuecard
