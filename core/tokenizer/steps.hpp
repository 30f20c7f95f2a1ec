/// Builds the pipeline from the settings in a tokenizer.json.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tokenizer/files/field.hpp"
#include "tokenizer/models/model.hpp"
#include "tokenizer/pipeline.hpp"

namespace cuecard::tokenizer {

/// The vocabulary of a model.
struct VocabularyData {
  std::unique_ptr<const Pieces> pieces;
  Merges merges;              ///< for BPE, by rank
  std::vector<double> scores; ///< for Unigram, by id
  std::string merges_name;    ///< make_bpe()
};

/// Builds the steps that `root` describes, except the vocabulary, which is given, and the special token roles,
/// which the caller sets. Throws DataError for unsupported or contradictory settings.
Steps make_steps(const Field& root, VocabularyData vocabulary_data);

/// The tokenizer that a tokenizer.json's `document` describes; `origin` names it in errors. `directory` has
/// the files that define the special token roles. `warnings`, unless null, gets sentences about settings that are read in
/// another way than the file says.
std::shared_ptr<const Vocabulary> make_vocabulary(const nlohmann::json& document, const std::string& origin,
                                                  const std::filesystem::path& directory,
                                                  std::vector<std::string>* warnings = nullptr);

} // namespace cuecard::tokenizer
