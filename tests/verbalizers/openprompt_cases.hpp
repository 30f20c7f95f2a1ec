/// Recorded scores of OpenPrompt with formulas in place of a model, and what it reads from files of label
/// words: openprompt_cases.json, whose `setup` has the formulas.
#pragma once

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <nlohmann/json.hpp>

#include <cuecard/testing/word_vocabulary.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::test {

inline nlohmann::json openprompt_cases() {
  std::ifstream file(CUECARD_SOURCE_DIR "/tests/verbalizers/openprompt_cases.json");
  return nlohmann::json::parse(file);
}

inline testing::WordVocabulary vocabulary_of(const nlohmann::json& recorded) {
  return {recorded["vocabulary"]["words"].get<std::map<std::string, std::vector<int64_t>>>(),
          recorded["vocabulary"]["size"].get<int64_t>()};
}

/// The logit of token `id` at position `row` of a batch, and for content-free input.
inline float logit(int64_t row, int64_t id) {
  return static_cast<float>(4 *
                            std::sin(0.7 * static_cast<double>(id + 1) + 1.3 * static_cast<double>(row + 1)));
}
inline float calibration_logit(int64_t id) {
  return static_cast<float>(3 * std::cos(0.31 * static_cast<double>(id + 1)));
}

/// logit(row, id) at two positions for the requested tokens: [2, U].
inline at::Tensor two_rows(const at::Tensor& ids) {
  std::vector<float> scores;
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t i = 0; i < ids.size(0); ++i)
      scores.push_back(logit(row, ids[i].item<int64_t>()));
  return at::tensor(scores).view({2, -1});
}

inline at::Tensor calibration_of(const at::Tensor& ids) {
  std::vector<float> scores;
  for (int64_t i = 0; i < ids.size(0); ++i)
    scores.push_back(calibration_logit(ids[i].item<int64_t>()));
  return at::tensor(scores);
}

struct ClassWords {
  std::vector<std::string> labels;
  std::vector<std::vector<std::string>> words;
};

inline ClassWords class_words(const nlohmann::json& args) {
  ClassWords result;
  if (args.contains("classes"))
    result.labels = args["classes"].get<std::vector<std::string>>();
  for (const std::string& label : result.labels)
    result.words.push_back(args["label_words"][label].get<std::vector<std::string>>());
  if (result.labels.empty())
    for (const nlohmann::json& words : args["label_words"]) {
      result.labels.push_back("class " + std::to_string(result.labels.size()));
      result.words.push_back(words.is_array() ? words.get<std::vector<std::string>>()
                                              : std::vector<std::string>{words.get<std::string>()});
    }
  return result;
}

/// Whether scores [rows, classes] equal the recorded ones within the tolerance.
inline bool as_recorded(const Scores& scores, const nlohmann::json& expect, double tolerance) {
  const auto rows = expect.get<std::vector<std::vector<double>>>();
  std::vector<double> flat;
  for (const std::vector<double>& row : rows)
    flat.insert(flat.end(), row.begin(), row.end());
  const at::Tensor wanted = at::tensor(flat);
  return scores.values.numel() == wanted.numel() &&
         (scores.values.to(at::kDouble) - wanted).abs().max().item<double>() < tolerance;
}

} // namespace cuecard::test
