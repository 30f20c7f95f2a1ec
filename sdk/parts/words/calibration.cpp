#include <cuecard/parts/words/calibration.hpp>

#include <algorithm>

#include <cuecard/error.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard {

std::vector<const Example*> evenly_spaced(const std::vector<const Example*>& examples, int64_t most) {
  const std::size_t count = std::min(examples.size(), static_cast<std::size_t>(most));
  std::vector<const Example*> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(examples[i * examples.size() / count]);
  return chosen;
}

Calibration::Calibration(const Options& options)
    : mode_(options.text("calibrate")), max_examples_(options.integer("calibrate-rows")) {}

void Calibration::set(const at::Tensor& logits) {
  logits_ = logits.detach().to(at::kFloat);
}

void Calibration::measure_blank(Scorer& scorer, const OutputRequest& output_request, int64_t slots) {
  if (mode_ != "blank")
    return;
  const std::vector<Prompt> blank = scorer.blank();
  const at::Tensor logits = scorer.score_all({{}, &blank, output_request, {}});
  set(logits.to(at::kFloat).view({-1, slots, logits.size(1)}).mean(0));
}

void Calibration::measure_examples(Scorer& scorer, const std::vector<const Example*>& examples,
                                   const OutputRequest& output_request, const std::string& verbalizer,
                                   int64_t slots) {
  if (mode_ != "train")
    return;
  if (examples.empty())
    throw DataError(
        "the verbalizer \"" + verbalizer +
        "\" calibrates on training examples, and there are none: set \"calibrate\" to blank or none");
  const at::Tensor logits =
      scorer.score_all({evenly_spaced(examples, max_examples_), nullptr, output_request, {}});
  set(logits.to(at::kFloat).view({-1, slots, logits.size(1)}).mean(0));
}

void Calibration::save(ComponentState& state) const {
  if (logits_.defined())
    state.tensors["calibration"] = logits_.size(0) == 1 ? logits_.squeeze(0) : logits_;
}

void Calibration::load(const ComponentState& state, const std::string& verbalizer, int64_t tokens,
                       const at::Device& device, int64_t slots) {
  clear();
  if (!state.tensors.contains("calibration")) {
    if (enabled())
      throw DataError("the verbalizer \"" + verbalizer + "\" is calibrated (" + mode_ +
                      "), but the card has no tensor \"calibration\"");
    return;
  }
  const std::vector<int64_t> shape =
      slots == 1 ? std::vector<int64_t>{tokens} : std::vector<int64_t>{slots, tokens};
  set(require_tensor(state, "calibration", shape, verbalizer).to(device).view({slots, tokens}));
}

} // namespace cuecard
