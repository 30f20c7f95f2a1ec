#include "in_context.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mv.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/entry_means.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

namespace {

constexpr uint64_t selection_stream = stream_id("demo"), order_stream = stream_id("orde");

/// Replaces the escapes `\n`, `\t` and `\\`.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n' || next == 't' || next == '\\') {
      result += next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// Parses `12,3,40`.
std::vector<int64_t> line_numbers(const std::string& list) {
  std::vector<int64_t> lines;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos)
      throw UsageError("lines must be a list of line numbers such as 12,3,40, found \"" + part + "\".");
    lines.push_back(std::stoll(part));
  }
  if (lines.empty())
    throw UsageError(
        "choose=lines needs line numbers of the training file: set lines, for example lines=12,3,40.");
  return lines;
}

/// Scales vectors to unit norm, so that dot products are cosine similarities.
at::Tensor normalised(const at::Tensor& vectors) {
  return vectors / vectors.norm(2, {-1}, true).clamp_min(1e-12);
}

bool same_texts(const Example& a, const Example& b) {
  return a.fields == b.fields && a.words == b.words;
}

} // namespace

InContext::InContext(const Options& options)
    : k_(options.integer("k")), order_(options.integer("order")), pool_size_(options.integer("pool")),
      choose_(options.text("choose")), lines_(options.text("lines")),
      separator_(unescaped(options.text("separator"))) {}

void InContext::prepare(const Problem& problem) {
  if (problem.tasks.size() != 1)
    throw UsageError("in-context supports one task per card, and " + std::to_string(problem.tasks.size()) +
                     " are given.");
  const Task& task = problem.tasks[0];
  if (task.multi_label)
    throw UsageError(
        "task \"" + task.name +
        "\" has several labels for one example, and the tuner \"in-context\" shows one: use a tuner "
        "that trains, such as \"prompt-tuning\".");
  if (!task.prompt_template.soft_slots().empty())
    throw UsageError("the template of task \"" + task.name +
                     "\" has soft slots, and the tuner \"in-context\" "
                     "trains nothing that could fill them: remove them.");
  const std::vector<int64_t>& triggers = task.prompt_template.triggers();
  if (std::find(triggers.begin(), triggers.end(), -1) != triggers.end())
    throw UsageError(
        "the template of task \"" + task.name +
        "\" has trigger slots without a token, and the "
        "tuner \"in-context\" does not search for any: remove them, or use the tuner \"autoprompt\".");
  if (task.prompt_template.answer_slots() == 0)
    throw UsageError("the template of task \"" + task.name +
                     "\" has no answer slot for the labels of the demonstrations: put {mask} into it.");
  if (task.labels.empty())
    throw UsageError("in-context needs labelled examples, and task \"" + task.name +
                     "\" has no labels: add \"labels\" to its task file.");
  task_.emplace(
      Task{task.name, task.prompt_template, task.verbalizer, task.labels, nullptr, nullptr, task.metric});
  vocabulary_ = &problem.vocabulary;
  hidden_ = problem.backbone.shape().hidden;
  if (task.train && choose_ == "lines")
    select_lines(*task.train);
  else if (task.train)
    select(*task.train, problem.seed);
}

int64_t InContext::pool_per_label() const {
  return by_similarity() ? std::max(k_, pool_size_ / std::ssize(task_->labels)) : k_;
}

void InContext::select(const std::vector<Example>& train, uint64_t seed) {
  std::vector<int64_t> order(train.size());
  std::iota(order.begin(), order.end(), 0);
  if (choose_ != "first")
    order = Random(seed, selection_stream).permutation(std::ssize(train));
  std::map<int64_t, int64_t> selected; // by label
  std::string reason = "none has a label";
  pool_.clear();
  for (const int64_t i : order) {
    const Example& example = train[static_cast<std::size_t>(i)];
    if (example.label < 0 || selected[example.label] >= pool_per_label())
      continue;
    try {
      pool_.push_back(make_demonstration(*task_, example));
      ++selected[example.label];
    } catch (const DataError& error) {
      reason = "line " + std::to_string(example.line) + ": " + error.what();
    }
  }
  if (pool_.empty())
    throw DataError("no training example can be used as a demonstration: " + reason);
  shuffle();
}

void InContext::select_lines(const std::vector<Example>& train) {
  pool_.clear();
  for (const int64_t line : line_numbers(lines_)) {
    const auto example =
        std::find_if(train.begin(), train.end(), [&](const Example& each) { return each.line == line; });
    if (example == train.end() || example->label < 0)
      throw UsageError("line " + std::to_string(line) +
                       ", given in the option \"lines\", has no labelled training example: choose another.");
    pool_.push_back(make_demonstration(*task_, *example));
  }
  shuffle();
}

void InContext::shuffle() {
  if (order_ == 0 || by_similarity())
    return;
  std::vector<Demonstration> shuffled;
  for (const int64_t i : Random(static_cast<uint64_t>(order_), order_stream).permutation(std::ssize(pool_)))
    shuffled.push_back(std::move(pool_[static_cast<std::size_t>(i)]));
  pool_ = std::move(shuffled);
}

void InContext::represent(Scorer& scorer) {
  std::vector<Prompt> prompts;
  std::vector<Demonstration> with_text;
  for (Demonstration& demonstration : pool_) {
    std::vector<Prompt> rendered = task_->prompt_template.render({demonstration.example});
    const bool has_text =
        std::any_of(rendered.at(0).input.begin(), rendered[0].input.end(), [&](const Piece& piece) {
          return piece.kind == Piece::Kind::field && !vocabulary_->encode(piece.text).empty();
        });
    if (!has_text)
      continue; // no text, so no representation
    prompts.push_back(std::move(rendered[0]));
    with_text.push_back(std::move(demonstration));
  }
  if (prompts.empty())
    throw DataError("choose=similar compares the texts of examples, and no training example has any.");
  pool_ = std::move(with_text);
  ScoreRequest request;
  request.prompts = &prompts;
  request.output.kind = OutputRequest::Kind::hidden_states;
  request.positions.kind = OutputPositions::Kind::tokens;
  std::vector<at::Tensor> means;
  scorer.score(request, [&](const at::Tensor& outputs, const Batch& batch) {
    means.push_back(entry_means(outputs, batch).to(at::kCPU));
  });
  representations_ = normalised(at::cat(means));
}

std::vector<std::size_t> InContext::first_of_each(const std::vector<int64_t>& order,
                                                  const Example* excluded) const {
  std::map<int64_t, int64_t> shown; // by label
  std::vector<std::size_t> chosen;
  for (const int64_t i : order) {
    const Example& example = pool_[static_cast<std::size_t>(i)].example;
    if ((excluded && same_texts(example, *excluded)) || shown[example.label] >= k_)
      continue;
    ++shown[example.label];
    chosen.push_back(static_cast<std::size_t>(i));
  }
  return chosen;
}

std::vector<std::size_t> InContext::demonstrations_for(const EditArgs& args) const {
  std::vector<int64_t> order(pool_.size());
  std::iota(order.begin(), order.end(), 0);
  if (choose_ == "lines")
    return {order.begin(), order.end()};
  if (!by_similarity() || !representations_.defined() || !args.representation.defined())
    return first_of_each(order, nullptr);
  const at::Tensor cosines = at::mv(representations_, normalised(args.representation)).contiguous();
  const float* cosine = cosines.const_data_ptr<float>();
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return cosine[a] > cosine[b]; });
  // A training example is never a demonstration of itself.
  std::vector<std::size_t> chosen = first_of_each(order, args.training ? &args.example : nullptr);
  if (order_ > 0) {
    std::vector<std::size_t> shuffled;
    for (const int64_t i : Random(static_cast<uint64_t>(order_), order_stream).permutation(std::ssize(chosen)))
      shuffled.push_back(chosen[static_cast<std::size_t>(i)]);
    return shuffled;
  }
  std::reverse(chosen.begin(), chosen.end()); // the most similar is next to the input
  return chosen;
}

void InContext::edit(std::vector<Prompt>& prompts, const EditArgs& args) const {
  std::vector<Piece> demonstrations;
  for (const std::size_t i : demonstrations_for(args)) {
    demonstrations.insert(demonstrations.end(), pool_[i].pieces.begin(), pool_[i].pieces.end());
    demonstrations.push_back(Piece::text_of(separator_));
  }
  for (Prompt& prompt : prompts)
    prompt.input.insert(prompt.input.begin(), demonstrations.begin(), demonstrations.end());
}

FitReport InContext::fit(Engine& engine) {
  const bool trains_verbalizer = !task_->verbalizer.parameters().empty();
  if (by_similarity()) {
    represent(engine.scorer(0));
    if (trains_verbalizer)
      engine.rerender();
  }
  if (trains_verbalizer)
    return Tuner::fit(engine);
  FitReport report;
  report.best_dev = engine.evaluate_dev(0);
  return report;
}

ComponentState InContext::state(int64_t) const {
  ComponentState state;
  state.texts = to_texts(pool_, task_->labels);
  if (representations_.defined())
    state.tensors["states"] = representations_;
  return state;
}

void InContext::load_state(const ComponentState& state) {
  pool_ = from_texts(*task_, state.texts);
  representations_ = at::Tensor();
  if (!by_similarity())
    return;
  const auto found = state.tensors.find("states");
  const int64_t size = std::ssize(pool_);
  if (found == state.tensors.end() || found->second.dim() != 2 || found->second.size(0) != size ||
      found->second.size(1) != hidden_ || !found->second.is_floating_point())
    throw DataError("the card's demonstrations don't fit: expected a tensor \"states\" of " +
                    std::to_string(size) + " x " + std::to_string(hidden_) +
                    " floating-point numbers, one row for each; restore the card's original files.");
  representations_ = found->second.to(at::kCPU, at::kFloat).contiguous();
}

} // namespace cuecard
