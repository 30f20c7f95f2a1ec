#include <cuecard/parts/calibration.hpp>

#include <algorithm>

#include <cuecard/error.hpp>
#include <cuecard/parts/label_words.hpp>

namespace cuecard {

std::vector<const Example*> spread(const std::vector<const Example*>& examples, int64_t rows) {
  const std::size_t count = std::min(examples.size(), static_cast<std::size_t>(rows));
  std::vector<const Example*> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(examples[i * examples.size() / count]);
  return chosen;
}

Calibration::Calibration(const Options& options)
    : how_(options.text("calibrate")), rows_(options.integer("calibrate-rows")) {}

void Calibration::set(const at::Tensor& scores) {
  scores_ = scores.detach().to(at::kFloat);
}

void Calibration::on_blank_prompts(Scorer& scorer, const Readout& readout, int64_t slots) {
  if (how_ != "blank")
    return;
  const std::vector<Prompt> blank = scorer.blank();
  const at::Tensor values = scorer.score_all({{}, &blank, readout, {}});
  set(values.to(at::kFloat).view({-1, slots, values.size(1)}).mean(0));
}

void Calibration::on_training_rows(Scorer& scorer, const std::vector<const Example*>& examples,
                                   const Readout& readout, const std::string& verbalizer, int64_t slots) {
  if (how_ != "train")
    return;
  if (examples.empty())
    throw DataError(
        "the verbalizer \"" + verbalizer +
        "\" shall calibrate on training rows, and there are none: set \"calibrate\" to blank or none");
  const at::Tensor values = scorer.score_all({spread(examples, rows_), nullptr, readout, {}});
  set(values.to(at::kFloat).view({-1, slots, values.size(1)}).mean(0));
}

void Calibration::export_to(Learned& learned) const {
  if (scores_.defined())
    learned.tensors["calibration"] = scores_.size(0) == 1 ? scores_.squeeze(0) : scores_;
}

void Calibration::import_from(const Learned& learned, const std::string& verbalizer, int64_t tokens,
                              const at::Device& device, int64_t slots) {
  clear();
  if (!learned.tensors.contains("calibration")) {
    if (asked())
      throw DataError("the verbalizer \"" + verbalizer + "\" is calibrated (" + how_ +
                      "), but the card has no tensor \"calibration\"");
    return;
  }
  const std::vector<int64_t> shape =
      slots == 1 ? std::vector<int64_t>{tokens} : std::vector<int64_t>{slots, tokens};
  set(fitting_tensor(learned, "calibration", shape, verbalizer).to(device).view({slots, tokens}));
}

} // namespace cuecard
