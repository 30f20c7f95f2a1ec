/// Recorded token ids as prompts and as texts, so that the inputs of a reference run can go through the engine.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <cuecard/tuner.hpp>

#include "batch/assemble.hpp"
#include "recorded.hpp"

namespace cuecard::test {

/// Each sequence of the recording after a soft prompt, with its last token selected, or that of its output.
inline std::vector<TokenizedPrompt> numbered_prompts(const Recording& recording, int64_t length) {
  const auto sequence = [&](const std::string& side, std::size_t s, std::vector<PromptToken>& tokens) {
    const std::vector<int64_t> ids = recording.list(side + "ids"), offsets = recording.list(side + "offsets");
    for (int64_t i = offsets[s]; i < offsets[s + 1]; ++i) {
      tokens.emplace_back();
      tokens.back().id = ids[static_cast<std::size_t>(i)];
    }
  };
  std::vector<TokenizedPrompt> result;
  for (std::size_t s = 0; s + 1 < recording.list("offsets").size(); ++s) {
    TokenizedPrompt& prompt = result.emplace_back();
    for (int64_t slot = 0; slot < length; ++slot) {
      prompt.input.emplace_back();
      prompt.input.back().soft_slot = slot;
    }
    sequence("", s, prompt.input);
    if (recording.has("output_ids"))
      sequence("output_", s, prompt.output);
    prompt.answers = {std::ssize(prompt.output.empty() ? prompt.input : prompt.output) - 1};
    prompt.targets = {-1};
  }
  return result;
}

/// A tiny model whose tokenizer knows the words w0, w1, ... by their ids, so that recorded ids can be written
/// as text.
class NumberedModel {
public:
  /// `mask`: the id of a masked model's mask token, which is written {"mask"}.
  NumberedModel(const std::string& name, int64_t vocabulary, std::optional<int64_t> mask = {}) {
    std::filesystem::create_directories(folder_);
    for (const char* file : {"config.json", "model.safetensors"})
      std::filesystem::create_symlink(golden / "models" / name / file, folder_ / file);
    std::ofstream tokenizer(folder_ / "tokenizer.json");
    tokenizer
        << R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
      "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
      "model": {"type": "WordPiece", "unk_token": "w0", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                "vocab": {)";
    for (int64_t id = 0; id < vocabulary; ++id)
      tokenizer << (id ? ", " : "") << '"' << word(id) << "\": " << id;
    tokenizer << "}}}";
    if (mask)
      std::ofstream(folder_ / "tokenizer_config.json") << R"({"mask_token": ")" << word(*mask) << "\"}";
  }
  ~NumberedModel() { std::filesystem::remove_all(folder_); }
  NumberedModel(const NumberedModel&) = delete;
  NumberedModel& operator=(const NumberedModel&) = delete;

  static std::string word(int64_t id) { return "w" + std::to_string(id); }
  Model load(at::ScalarType dtype) const { return Model::load(folder_, plugins(), {at::kCPU, dtype}); }

private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("cuecard-peft-test-" + std::to_string(getpid()));
};

/// The recorded sequences as texts with their labels; without their last tokens where those are masks.
inline std::vector<Example> numbered_examples(const Recording& recording, bool masks = false) {
  const std::vector<int64_t> ids = recording.list("ids"), offsets = recording.list("offsets"),
                             labels = recording.list("labels");
  std::vector<Example> result(labels.size());
  for (std::size_t s = 0; s < labels.size(); ++s) {
    result[s].fields["text"] = "";
    for (int64_t i = offsets[s]; i < offsets[s + 1] - (masks ? 1 : 0); ++i)
      result[s].fields["text"] += NumberedModel::word(ids[static_cast<std::size_t>(i)]) + " ";
    result[s].label = labels[s];
  }
  return result;
}

/// As in the recordings: three steps of AdamW on all examples each.
inline FitRequest recorded_steps(const std::vector<Example>& rows) {
  FitRequest request;
  request.steps = 3;
  request.batch_size = std::ssize(rows);
  request.learning_rate = 0.02;
  request.clip = 0;
  request.optimizer = "adamw";
  request.schedule = "constant";
  return request;
}

} // namespace cuecard::test
