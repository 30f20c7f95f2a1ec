/// Vocabulary files that predate tokenizer.json: `vocab.txt`, `vocab.json` with `merges.txt`, and
/// SentencePiece's `.model`. They don't define the tokenizer pipeline, which depends on the model family.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::tokenizer {

/// A model directory with such files.
struct OlderFiles {
  std::filesystem::path directory;
  std::string family; ///< model_type of config.json; tokenizer_class of tokenizer_config.json takes precedence
};

/// The equivalent tokenizer.json. Ids equal those of transformers' fast tokenizer (5.23) for the same files,
/// with two exceptions where the original models' behaviour is kept: T5's `<extra_id_0>` has the last id, and a
/// Llama tokenizer prepends `<s>` unless `add_bos_token` is false. Throws DataError with the file name.
nlohmann::json older_files_as_tokenizer_json(const OlderFiles& files);

} // namespace cuecard::tokenizer
