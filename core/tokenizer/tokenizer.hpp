/// Creates a Vocabulary from a Hugging Face `tokenizer.json`, from the file formats that preceded it, and from
/// the tokenizer metadata of a GGUF file.
///
/// Ids and decoded text equal those of the `tokenizers` package (0.23) for the same file. A vocabulary is
/// immutable and may be used from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Reads `tokenizer.json`. The roles of special tokens (bos, mask, ...) come from `tokenizer_config.json` and
/// `special_tokens_map.json` next to it if they exist, else from the post-processor and common token names. Tokens that only these
/// files or `added_tokens.json` have are added, with transformers' ids; their other settings are not read.
/// `warnings`, unless null, gets sentences about settings that are read in another way than a file says. Throws
/// DataError with the file and the JSON key.
std::shared_ptr<const Vocabulary> read_tokenizer_json(const std::filesystem::path& file,
                                                      std::vector<std::string>* warnings = nullptr);

/// The tokenizer of a model directory: its tokenizer.json or, if there is none, `vocab.txt`, `vocab.json` with
/// `merges.txt`, or SentencePiece's `.model`, with the pipeline of the model family (`family` is the
/// `model_type` of config.json). Throws DataError.
std::shared_ptr<const Vocabulary> read_tokenizer(const std::filesystem::path& directory,
                                                 const std::string& family,
                                                 std::vector<std::string>* warnings = nullptr);

/// The text of the directory's tokenizer.json, with the tokens outside its vocabulary that only the files next to it have, or, if there is none, of one
/// generated from the older files.
std::string tokenizer_json_text(const std::filesystem::path& directory, const std::string& family);

/// The `tokenizer.ggml.*` entries of a GGUF file.
struct GgufTokenizer {
  std::string model;               ///< tokenizer.ggml.model: "gpt2", "llama" or "bert"
  std::string pre;                 ///< tokenizer.ggml.pre: the pre-tokenizer of "gpt2"; "" where it is missing
  std::vector<std::string> tokens; ///< tokenizer.ggml.tokens, by id
  std::vector<int32_t> types; ///< tokenizer.ggml.token_type: 1 normal, 3 control, 4 user defined; may be empty
  std::vector<std::string> merges; ///< tokenizer.ggml.merges, each "left right"
  std::vector<double>
      scores; ///< tokenizer.ggml.scores, of "llama": the pair whose piece has the highest merges first
  std::optional<int64_t> bos, eos, unk, sep, pad, cls, mask;
  /// Absent keys have llama.cpp's defaults, which depend on `model` and `pre`.
  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::string chat_template; ///< tokenizer.chat_template; may be empty
};

/// `origin` names the file in errors.
std::shared_ptr<const Vocabulary> make_vocabulary(const GgufTokenizer& gguf, const std::string& origin);

/// The text of an equivalent `tokenizer.json`, for the `tokenizers` package and read_tokenizer_json.
std::string to_tokenizer_json(const GgufTokenizer& gguf, const std::string& origin);

/// The text of the matching `tokenizer_config.json`, which has the special token roles.
std::string to_tokenizer_config_json(const GgufTokenizer& gguf, const std::string& origin);

} // namespace cuecard
