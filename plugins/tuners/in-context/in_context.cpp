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

constexpr uint64_t draw_stream = 0x64656d6f, order_stream = 0x6f726465; // "demo", "orde"

/// `\n` and `\t` as they are typed become what they mean.
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

/// `12,3,40`.
std::vector<int64_t> line_numbers(const std::string& written) {
  std::vector<int64_t> lines;
  std::istringstream parts(written);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos)
      throw UsageError("lines is a list of line numbers such as 12,3,40, and \"" + part + "\" is none.");
    lines.push_back(std::stoll(part));
  }
  if (lines.empty())
    throw UsageError("choose=lines needs line numbers of the training file: set lines, as in lines=12,3,40.");
  return lines;
}

/// Rows of length 1, so that products are cosines.
at::Tensor normalised(const at::Tensor& rows) {
  return rows / rows.norm(2, {-1}, true).clamp_min(1e-12);
}

bool same_texts(const Example& a, const Example& b) {
  return a.fields == b.fields && a.words == b.words;
}

} // namespace

InContext::InContext(const Options& options)
    : k_(options.integer("k")), order_(options.integer("order")), pool_(options.integer("pool")),
      choose_(options.text("choose")), lines_(options.text("lines")),
      separator_(unescaped(options.text("separator"))) {}

void InContext::prepare(const Problem& problem) {
  if (problem.tasks.size() != 1)
    throw UsageError("in-context makes a card of one task; " + std::to_string(problem.tasks.size()) +
                     " are given.");
  const Task& task = problem.tasks[0];
  if (!task.prompt_template.soft_slots().empty())
    throw UsageError("the template of task \"" + task.name +
                     "\" has soft slots, and the tuner \"in-context\" "
                     "learns nothing that could fill them: take them out.");
  const std::vector<int64_t>& triggers = task.prompt_template.triggers();
  if (std::find(triggers.begin(), triggers.end(), -1) != triggers.end())
    throw UsageError("the template of task \"" + task.name +
                     "\" has trigger slots without a token, and the "
                     "tuner \"in-context\" searches for none: take them out, or use the tuner \"autoprompt\".");
  if (task.prompt_template.answer_slots() == 0)
    throw UsageError("the template of task \"" + task.name +
                     "\" has no answer slot, where demonstrations could show their label: put {mask} into it.");
  if (task.labels.empty())
    throw UsageError("in-context shows rows with their labels, and task \"" + task.name +
                     "\" has none: give it \"labels\".");
  task_.emplace(
      Task{task.name, task.prompt_template, task.verbalizer, task.labels, nullptr, nullptr, task.metric});
  vocabulary_ = &problem.vocabulary;
  hidden_ = problem.backbone.shape().hidden;
  if (task.train && choose_ == "lines")
    keep_lines(*task.train);
  else if (task.train)
    keep_rows(*task.train, problem.seed);
}

int64_t InContext::kept_per_label() const {
  return by_likeness() ? std::max(k_, pool_ / std::ssize(task_->labels)) : k_;
}

void InContext::keep_rows(const std::vector<Example>& train, uint64_t seed) {
  std::vector<int64_t> order(train.size());
  std::iota(order.begin(), order.end(), 0);
  if (choose_ != "first")
    order = Random(seed, draw_stream).permutation(std::ssize(train));
  std::map<int64_t, int64_t> taken; // by label
  std::string problem = "there are none with a label";
  rows_.clear();
  for (const int64_t i : order) {
    const Example& example = train[static_cast<std::size_t>(i)];
    if (example.label < 0 || taken[example.label] >= kept_per_label())
      continue;
    try {
      rows_.push_back(demonstrated(*task_, example));
      ++taken[example.label];
    } catch (const DataError& error) {
      problem = "line " + std::to_string(example.line) + ": " + error.what();
    }
  }
  if (rows_.empty())
    throw DataError("no training row can be shown as a demonstration: " + problem);
  put_in_order();
}

void InContext::keep_lines(const std::vector<Example>& train) {
  rows_.clear();
  for (const int64_t line : line_numbers(lines_)) {
    const auto row =
        std::find_if(train.begin(), train.end(), [&](const Example& example) { return example.line == line; });
    if (row == train.end() || row->label < 0)
      throw UsageError("lines names line " + std::to_string(line) +
                       ", and no labelled training row stands there: name others.");
    rows_.push_back(demonstrated(*task_, *row));
  }
  put_in_order();
}

void InContext::put_in_order() {
  if (order_ == 0 || by_likeness())
    return;
  std::vector<Demonstration> ordered;
  for (const int64_t i : Random(static_cast<uint64_t>(order_), order_stream).permutation(std::ssize(rows_)))
    ordered.push_back(std::move(rows_[static_cast<std::size_t>(i)]));
  rows_ = std::move(ordered);
}

void InContext::represent(Scorer& scorer) {
  std::vector<Prompt> prompts;
  std::vector<Demonstration> with_text;
  for (Demonstration& row : rows_) {
    std::vector<Prompt> own = task_->prompt_template.render(row.example);
    const bool has_text = std::any_of(own.at(0).input.begin(), own[0].input.end(), [&](const Piece& piece) {
      return piece.kind == Piece::Kind::field && !vocabulary_->encode(piece.text).empty();
    });
    if (!has_text)
      continue; // nothing is like it
    prompts.push_back(std::move(own[0]));
    with_text.push_back(std::move(row));
  }
  if (prompts.empty())
    throw DataError("choose=similar compares the texts of rows, and no training row has any.");
  rows_ = std::move(with_text);
  ScoreRequest request;
  request.prompts = &prompts;
  request.readout.kind = Readout::Kind::hidden;
  request.reading.rows = Reading::Rows::tokens;
  std::vector<at::Tensor> means;
  scorer.score(request, [&](const at::Tensor& values, const Batch& batch) {
    means.push_back(entry_means(values, batch).to(at::kCPU));
  });
  states_ = normalised(at::cat(means));
}

std::vector<std::size_t> InContext::first_of_each(const std::vector<int64_t>& order, const Example* but) const {
  std::map<int64_t, int64_t> taken;
  std::vector<std::size_t> chosen;
  for (const int64_t i : order) {
    const Example& example = rows_[static_cast<std::size_t>(i)].example;
    if ((but && same_texts(example, *but)) || taken[example.label] >= k_)
      continue;
    ++taken[example.label];
    chosen.push_back(static_cast<std::size_t>(i));
  }
  return chosen;
}

std::vector<std::size_t> InContext::shown_for(const EditArgs& args) const {
  std::vector<int64_t> order(rows_.size());
  std::iota(order.begin(), order.end(), 0);
  if (choose_ == "lines")
    return {order.begin(), order.end()};
  if (!by_likeness() || !states_.defined() || !args.likeness.defined())
    return first_of_each(order, nullptr);
  const at::Tensor cosines = at::mv(states_, normalised(args.likeness)).contiguous();
  const float* cosine = cosines.const_data_ptr<float>();
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return cosine[a] > cosine[b]; });
  // A row that is learned from does not stand in front of itself.
  std::vector<std::size_t> chosen = first_of_each(order, args.learn ? &args.example : nullptr);
  if (order_ > 0) {
    std::vector<std::size_t> ordered;
    for (const int64_t i : Random(static_cast<uint64_t>(order_), order_stream).permutation(std::ssize(chosen)))
      ordered.push_back(chosen[static_cast<std::size_t>(i)]);
    return ordered;
  }
  std::reverse(chosen.begin(), chosen.end()); // the most alike stands next to the input
  return chosen;
}

void InContext::edit(std::vector<Prompt>& prompts, const EditArgs& args) const {
  std::vector<Piece> front;
  Piece separator;
  separator.text = separator_;
  for (const std::size_t i : shown_for(args)) {
    front.insert(front.end(), rows_[i].pieces.begin(), rows_[i].pieces.end());
    front.push_back(separator);
  }
  for (Prompt& prompt : prompts)
    prompt.input.insert(prompt.input.begin(), front.begin(), front.end());
}

FitReport InContext::fit(Engine& engine) {
  const bool learns = !task_->verbalizer.parameters().empty();
  if (by_likeness()) {
    represent(engine.scorer(0));
    if (learns)
      engine.render_again();
  }
  if (learns)
    return Tuner::fit(engine);
  FitReport report;
  report.best_dev = engine.evaluate_dev(0);
  return report;
}

Learned InContext::export_learned(int64_t) const {
  Learned learned;
  learned.texts = written(rows_, task_->labels);
  if (states_.defined())
    learned.tensors["states"] = states_;
  return learned;
}

void InContext::import_learned(const Learned& learned) {
  rows_ = read_demonstrations(*task_, learned.texts);
  states_ = at::Tensor();
  if (!by_likeness())
    return;
  const auto found = learned.tensors.find("states");
  const int64_t rows = std::ssize(rows_);
  if (found == learned.tensors.end() || found->second.dim() != 2 || found->second.size(0) != rows ||
      found->second.size(1) != hidden_ || !found->second.is_floating_point())
    throw DataError("the card's demonstrations don't fit: expected a tensor \"states\" of " +
                    std::to_string(rows) + " x " + std::to_string(hidden_) +
                    " floating-point numbers, one row for each; use the card "
                    "as it was written.");
  states_ = found->second.to(at::kCPU, at::kFloat).contiguous();
}

} // namespace cuecard
