#include "label_text.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::label_text {

LabelText::LabelText(const Options& options)
    : normalise_(options.flag("normalise")), likelihood_(options.text("loss") == "likelihood"),
      calibrate_(options.text("calibrate") == "blank"), prefix_(options.text("prefix")),
      choices_(options.text("choices")) {}

void LabelText::prepare(const VerbalizerTarget& target) {
  require_labels_and_head(target, "label-text");
  if (!choices_.empty() && calibrate_)
    throw UsageError("the verbalizer \"label-text\" can't calibrate the texts of \"" + choices_ +
                     "\", which differ from example to example: set the option \"calibrate\" to none.");
  labels_ = target.labels;
  device_ = target.backbone.device();
  calibration_ = at::Tensor();
  texts_.clear();
  if (!choices_.empty())
    return;
  texts_ = first_texts(read_label_words(target, "label-text", prefix_));
  for (auto text = texts_.begin(); text != texts_.end(); ++text)
    if (const auto same = std::find(texts_.begin(), text, *text); same != text)
      throw UsageError("the labels \"" + target.labels[static_cast<std::size_t>(same - texts_.begin())] +
                       "\" and \"" + target.labels[static_cast<std::size_t>(text - texts_.begin())] +
                       "\" have the same text, so they would always score the same: choose another.");
}

std::string LabelText::prefixed(const std::string& word) const {
  return word.rfind("<!>", 0) == 0 ? word.substr(3) : prefix_ + word;
}

std::vector<std::string> LabelText::texts_of(const Example& example) const {
  if (choices_.empty())
    return texts_;
  const auto found = example.words.find(choices_);
  if (found == example.words.end())
    throw DataError("it has no list of alternatives \"" + choices_ +
                    "\": name its columns under \"data.choices\" in the task file");
  const auto count = static_cast<int64_t>(found->second.size());
  if (count < 2 || count > labels() || example.label >= count)
    throw DataError("its list \"" + choices_ + "\" has " + std::to_string(count) +
                    " alternatives; expected two or more, no more than the task's " + std::to_string(labels()) +
                    " labels, and its own label among them");
  std::vector<std::string> texts;
  for (const std::string& alternative : found->second)
    if (texts.emplace_back(prefixed(alternative)).empty())
      throw DataError("alternative " + std::to_string(texts.size()) + " of its list \"" + choices_ +
                      "\" is an empty text, which can't be scored");
  return texts;
}

OutputRequest LabelText::output_request() const {
  return {OutputRequest::Kind::target_log_probs, {}};
}

std::vector<std::vector<std::string>> LabelText::given_answers(const GivenAnswersArgs& args) const {
  const std::vector<std::string> texts = texts_of(args.example);
  const bool gold_alone = args.training && likelihood_;
  if (gold_alone && args.example.label < 0)
    throw DataError("it has no label, which training by likelihood needs");
  std::vector<std::vector<std::string>> answers;
  for (std::size_t label = 0; label < texts.size(); ++label)
    if (!gold_alone || static_cast<int64_t>(label) == args.example.label)
      answers.push_back({texts[label]});
  return answers;
}

void LabelText::calibrate(Scorer& scorer) {
  if (!calibrate_)
    return;
  const std::vector<Prompt> blank = scorer.blank();
  std::vector<at::Tensor> means; // per label, over the prompts
  for (const std::string& text : texts_) {
    std::vector<Prompt> given = blank;
    for (Prompt& prompt : given)
      for (std::vector<Piece>* pieces : {&prompt.prepended, &prompt.input, &prompt.output})
        for (Piece& piece : *pieces)
          if (piece.kind == Piece::Kind::answer)
            piece.text = text;
    std::vector<at::Tensor> scores;
    scorer.score({{}, &given, output_request(), {}}, [&](const at::Tensor& values, const Batch& batch) {
      scores.push_back(entry_scores(values, batch));
    });
    means.push_back(at::cat(scores).mean().view({1}));
  }
  calibration_ = at::cat(means).detach().to(at::kFloat);
}

at::Tensor LabelText::entry_scores(const at::Tensor& log_probs, const Batch& batch) const {
  std::vector<int64_t> entry_of;
  for (int64_t e = 0; e < batch.size(); ++e)
    entry_of.resize(static_cast<std::size_t>(batch.answer_offsets[static_cast<std::size_t>(e) + 1]), e);
  const at::Tensor entries = index_tensor(entry_of, log_probs.device());
  const at::Tensor zeros = at::zeros({batch.size()}, log_probs.options().requires_grad(false));
  const at::Tensor sums = zeros.index_add(0, entries, log_probs);
  if (!normalise_)
    return sums;
  return sums / zeros.index_add(0, entries, at::zeros_like(log_probs).add(1));
}

Scores LabelText::score(const ScoreArgs& args) const {
  const Batch& batch = args.batch;
  const at::Tensor of_entries = entry_scores(args.outputs, batch);
  // An example's entries are ordered by candidate, then by prompt; the candidates of one prompt are one
  // decision.
  Scores scores;
  std::vector<int64_t> order;
  for (int64_t begin = 0, end = 0; begin < batch.size(); begin = end) {
    for (end = begin + 1; end < batch.size() && !batch.begins_example(end);)
      ++end;
    int64_t prompts = 0;
    while (begin + prompts < end && batch.candidates[static_cast<std::size_t>(begin + prompts)] == 0)
      ++prompts;
    for (int64_t prompt = 0; prompt < prompts; ++prompt) {
      for (int64_t entry = begin + prompt; entry < end; entry += prompts)
        order.push_back(entry);
      scores.offsets.push_back(static_cast<int64_t>(order.size()));
      scores.entries.push_back(begin + prompt);
    }
  }
  scores.values = of_entries.index_select(0, index_tensor(order, of_entries.device()));
  const int64_t decisions = static_cast<int64_t>(scores.entries.size());
  if (calibration_.defined() && scores.values.size(0) == decisions * labels())
    scores.values = (scores.values.view({decisions, labels()}) - calibration_).view({-1});
  return scores;
}

at::Tensor LabelText::loss(const LossArgs& args) const {
  if (likelihood_)
    return -args.scores.values.mean();
  return label_loss(args.scores, args.batch);
}

std::vector<Decision> LabelText::decide(const DecideArgs& args) const {
  std::vector<Decision> decisions = Verbalizer::decide(args);
  for (Decision& decision : decisions)
    if (!decision.probabilities.empty())
      decision.probabilities.resize(labels_.size(), 0.0);
  return decisions;
}

std::vector<std::string> LabelText::answer_text(int64_t label) const {
  if (!choices_.empty())
    throw UsageError("the verbalizer \"label-text\" scores texts of each example (option \"choices\"), so a "
                     "label has no text of its own.");
  return {text_of_label(texts_, label)};
}

ComponentState LabelText::state() const {
  if (!calibration_.defined())
    return {};
  return {{{"calibration", calibration_}}, {}};
}

void LabelText::load_state(const ComponentState& saved) {
  const auto found = saved.tensors.find("calibration");
  if (found == saved.tensors.end()) {
    if (calibrate_)
      throw DataError(
          "the verbalizer \"label-text\" is calibrated, but the card has no tensor \"calibration\"");
    calibration_ = at::Tensor();
    return;
  }
  if (!found->second.is_floating_point() || found->second.dim() != 1 || found->second.size(0) != labels())
    throw DataError("the card's tensor \"calibration\" must have one number for each of " +
                    counted(labels(), "label") + "; use the card as it was written, or train it again");
  calibration_ = found->second.to(device_, at::kFloat);
}

} // namespace cuecard::label_text
