#include "template_search.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/words/label_word_search.hpp>

#include "generated.hpp"
#include "mined.hpp"
#include "word_choice.hpp"

namespace cuecard {

namespace {

constexpr uint64_t example_stream = stream_id("rows");

std::vector<const Example*> labelled(const Task& task) {
  std::vector<const Example*> examples;
  for (const Example& example : *task.train)
    if (example.label >= 0)
      examples.push_back(&example);
  return examples;
}

bool same_sources(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
  return std::ranges::equal(a, b, {}, &Candidate::source, &Candidate::source);
}

} // namespace

TemplateSearch::TemplateSearch(const Options& options)
    : num_candidates_(options.integer("candidates")), max_words_(options.integer("max-words")),
      beams_(options.integer("beams")), num_examples_(options.integer("rows")),
      finalists_(options.integer("finalists")), keep_(options.integer("keep")),
      word_pool_(options.integer("word-pool")), label_words_(options.flag("label-words")) {}

void TemplateSearch::prepare(const Problem& problem) {
  const Task& task = word_search_task(problem, "template-search");
  verbalizer_ = &task.verbalizer;
  if (label_words_)
    require_label_search(task, "label-words=false");
  if (label_words_ && keep_ > 1)
    throw UsageError(
        "label words are searched for each template, but the templates of an ensemble share theirs: set "
        "keep=1 or label-words=false.");
  gaps_ = Gaps(task.prompt_template.source());
  const auto file = problem.files.find("from");
  file_ = file == problem.files.end() ? "" : file->second;
  if (file_.empty())
    check_generation(problem.backbone.shape(), problem.vocabulary, gaps_);
}

FitRequest TemplateSearch::defaults(const FitRequest& request) const {
  FitRequest filled = request;
  if (!filled.batch_size)
    filled.batch_size = 32;
  return filled;
}

std::vector<std::string> TemplateSearch::sources(Engine& engine) const {
  const Problem& problem = engine.problem();
  const Task& task = problem.tasks[0];
  if (!file_.empty()) {
    std::vector<std::string> answers;
    for (std::size_t label = 0; label < task.labels.size(); ++label)
      answers.push_back(task.verbalizer.answer_text(static_cast<int64_t>(label)).at(0));
    return mine_templates({file_, gaps_, answers, *task.train, max_words_, num_candidates_});
  }
  GenerationRequest request{problem.backbone, problem.vocabulary, task,           gaps_, {},
                            beams_,           max_words_,         num_candidates_};
  const std::vector<const Example*> examples = labelled(task);
  const std::vector<int64_t> order = Random(problem.seed, example_stream).permutation(std::ssize(examples));
  for (int64_t i = 0; i < std::min(num_examples_, std::ssize(examples)); ++i)
    request.examples.push_back(examples[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  std::vector<std::string> found;
  for (const std::vector<std::string>& texts : generate_texts(engine.scorer(0), request))
    found.push_back(gaps_.filled(texts));
  return found;
}

bool TemplateSearch::set_template(Engine& engine, const std::string& source) const {
  try {
    engine.problem().tasks[0].prompt_template.set_source(source);
    engine.rerender();
    if (!label_words_) // otherwise set_label_words does it
      refit_verbalizer(engine, 0);
    return true;
  } catch (const DataError&) {
    return false; // no training example fits
  } catch (const UsageError&) {
    return false; // a line of the file that is not a template for this model
  }
}

double TemplateSearch::training_loss(Engine& engine) const {
  at::Tensor sum;
  double weight = 0;
  for (int64_t step = 0; step < engine.steps_per_epoch(0); ++step)
    for (const Batch& batch : engine.training_batches(0, step)) {
      const double terms = verbalizer_->weight(batch);
      const at::Tensor loss = engine.loss(0, batch, {}, {}) * terms;
      sum = sum.defined() ? sum + loss : loss;
      weight += terms;
    }
  return sum.to(at::kCPU).item<double>() / weight;
}

void TemplateSearch::search_label_words(Engine& engine, Candidate& candidate) const {
  const Problem& problem = engine.problem();
  const auto labels = std::ssize(problem.tasks[0].labels);
  ScoreRequest request;
  request.examples = labelled(problem.tasks[0]);
  request.output.kind = OutputRequest::Kind::log_probs;
  const at::Device device = problem.backbone.device();
  at::Tensor sums = at::zeros({labels, problem.backbone.shape().vocabulary}, at::TensorOptions(device));
  at::Tensor counts = at::zeros({labels, 1}, at::TensorOptions(device));
  std::vector<at::Tensor> gold;
  engine.scorer(0).score(request, [&](const at::Tensor& outputs, const Batch& batch) {
    sums = sums.index_add(0, batch.labels, outputs.to(at::kFloat));
    counts = counts.index_add(0, batch.labels, at::zeros({batch.size(), 1}, at::TensorOptions(device)).add(1));
    gold.push_back(batch.labels);
  });
  const std::vector<std::vector<int64_t>> pools = most_probable_words(
      sums / counts.clamp_min(1), single_token_words(problem.vocabulary, problem.backbone.shape().vocabulary),
      word_pool_);
  std::vector<int64_t> ids;
  for (const std::vector<int64_t>& pool : pools)
    ids.insert(ids.end(), pool.begin(), pool.end());
  request.output = {OutputRequest::Kind::logits, index_tensor(ids, device)};
  const at::Tensor logits = engine.scorer(0).score_all(request).to(at::kFloat);
  const ChosenWords chosen = choose_words(logits.view({logits.size(0), labels, -1}), at::cat(gold), pools);
  candidate.words.clear();
  for (std::size_t label = 0; label < pools.size(); ++label)
    candidate.words.push_back({pools[label][static_cast<std::size_t>(chosen.columns[label])]});
  candidate.loss = chosen.loss;
}

void TemplateSearch::score(Engine& engine, Candidate& candidate) const {
  const at::NoGradGuard no_grad;
  if (!set_template(engine, candidate.source))
    candidate.loss = INFINITY;
  else if (label_words_)
    search_label_words(engine, candidate);
  else
    candidate.loss = training_loss(engine);
}

double TemplateSearch::evaluate(Engine& engine, const Candidate& candidate, FitReport& report) const {
  set_template(engine, candidate.source);
  if (!candidate.words.empty())
    report.label_words = set_label_words(engine, 0, candidate.words);
  return engine.evaluate_dev(0);
}

std::vector<Candidate> TemplateSearch::candidates(Engine& engine) const {
  std::vector<Candidate> found;
  for (std::string& source : sources(engine))
    found.push_back({std::move(source)});
  if (found.empty())
    throw DataError(
        "template-search found no candidate: the file must contain templates, or sentences with the labels' "
        "words.");
  return found;
}

FitReport TemplateSearch::fit(Engine& engine) {
  FitReport report;
  report.plain_prompt = true;
  report.settings.set("batch-size", engine.settings().batch_size);
  report.settings.set("batch-tokens", engine.settings().batch_tokens);
  std::size_t scored = 0;
  const TensorMap saved = engine.resume();
  std::vector<Candidate> candidates = saved.empty() ? this->candidates(engine) : restored(saved, scored);
  if (!saved.empty() && !file_.empty() && !same_sources(candidates, this->candidates(engine)))
    throw DataError(
        "the checkpoint's templates differ from those of the file named by \"from\", which has changed since: "
        "choose another folder with --checkpoint to start over.");
  for (std::size_t i = 0; i < scored; ++i)
    report.losses.push_back(static_cast<float>(candidates[i].loss));
  report.steps = static_cast<int64_t>(scored);
  try {
    while (scored < candidates.size()) {
      Candidate& candidate = candidates[scored];
      score(engine, candidate);
      report.steps = static_cast<int64_t>(++scored);
      report.losses.push_back(static_cast<float>(candidate.loss));
      engine.checkpoint(report.steps, [&]() { return state_of(candidates, scored); });
      engine.progress(report.steps, std::ssize(candidates), candidate.loss, NAN);
    }
  } catch (const Cancelled&) {
    report.cancelled = true;
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < scored; ++i)
    if (std::isfinite(candidates[i].loss))
      order.push_back(i);
  if (order.empty())
    throw DataError("none of the " + std::to_string(scored) +
                    " candidates of template-search is a valid template that a training example fits.");
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return candidates[a].loss < candidates[b].loss; });

  // The finalists have the lowest training losses. The best on the development set wins, ties by training loss.
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max(finalists_, keep_))));
  std::vector<std::pair<double, std::size_t>> ranked; // by development metric
  ranked.reserve(order.size());
  for (const std::size_t i : order)
    ranked.emplace_back(order.size() > 1 ? evaluate(engine, candidates[i], report) : 0.0, i);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  ranked.resize(std::min(ranked.size(), static_cast<std::size_t>(keep_)));
  Candidate kept = candidates[ranked[0].second];
  for (std::size_t i = 1; i < ranked.size(); ++i)
    kept.source += "{\"variant\"}" + candidates[ranked[i].second].source;
  report.best_step = static_cast<int64_t>(ranked[0].second) + 1;
  report.best_dev = evaluate(engine, kept, report);
  return report;
}

} // namespace cuecard
