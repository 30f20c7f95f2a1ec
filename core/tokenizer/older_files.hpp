/// Vocabularies as they were kept before tokenizer.json: `vocab.txt`, `vocab.json` with `merges.txt`, and
/// SentencePiece's `.model`. They don't say how text is cut; the model's family does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cuecard::tokenizer {

/// Which of these files a model directory has, with what settings.
struct OlderFiles {
  std::filesystem::path directory;
  std::string family; ///< model_type of config.json; tokenizer_class of tokenizer_config.json goes first
};

/// The tokenizer.json that stands for the files: ids are those of transformers' fast tokenizer (5.23) of the
/// same files, with two exceptions that are older than it and the models' own: T5's `<extra_id_0>` is the last
/// id, and a Llama tokenizer puts `<s>` in front unless `add_bos_token` is false.
/// Throws DataError that names the file.
nlohmann::json older_files_as_tokenizer_json(const OlderFiles& files);

} // namespace cuecard::tokenizer
