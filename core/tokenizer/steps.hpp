/// From the settings in a tokenizer.json to the steps of the pipeline.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tokenizer/field.hpp"
#include "tokenizer/model.hpp"
#include "tokenizer/pipeline.hpp"

namespace cuecard::tokenizer {

/// What a model knows words by.
struct Lexicon {
  std::unique_ptr<const Pieces> pieces;
  Merges merges;              ///< BPE: by rank
  std::vector<double> scores; ///< Unigram: by id
};

/// Makes the steps that `root` describes around a lexicon that was read already. The roles are left for the
/// caller. Throws DataError for what is not supported or contradicts itself.
Steps make_steps(const Field& root, Lexicon lexicon);

/// The tokenizer that a tokenizer.json's `document` describes; `origin` names it in errors. `directory` is
/// where the files lie that name special tokens.
std::shared_ptr<const Vocabulary> make_vocabulary(const nlohmann::json& document, const std::string& origin,
                                                  const std::filesystem::path& directory);

} // namespace cuecard::tokenizer
