/// Readers that make a Vocabulary: from a Hugging Face `tokenizer.json`, from the files that it replaced, and
/// from what a GGUF file says of its tokenizer.
///
/// Ids and decoded text are those of the `tokenizers` package (0.23) for the same file. A vocabulary is
/// immutable once made and may be used from any number of threads.
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
/// `special_tokens_map.json` beside it where they exist, else from the post-processor and the tokens' usual
/// spellings. Throws DataError that names the file and the JSON key.
std::shared_ptr<const Vocabulary> read_tokenizer_json(const std::filesystem::path& file);

/// The tokenizer of a model directory: its tokenizer.json or, where there is none, what models were published
/// with before: `vocab.txt`, `vocab.json` with `merges.txt`, or SentencePiece's `.model`, read as the model's
/// family does (`family` is the `model_type` of config.json). Throws DataError.
std::shared_ptr<const Vocabulary> read_tokenizer(const std::filesystem::path& directory,
                                                 const std::string& family);

/// Text of the directory's tokenizer.json or, where there is none, of the one that stands for the older files.
std::string tokenizer_json_text(const std::filesystem::path& directory, const std::string& family);

/// The `tokenizer.ggml.*` entries of a GGUF file.
struct GgufTokenizer {
  std::string model;               ///< tokenizer.ggml.model: "gpt2" or "bert"
  std::string pre;                 ///< tokenizer.ggml.pre: the split rule of "gpt2"
  std::vector<std::string> tokens; ///< tokenizer.ggml.tokens; the index is the id
  std::vector<int32_t> types; ///< tokenizer.ggml.token_type: 1 normal, 3 control, 4 user defined; may be empty
  std::vector<std::string> merges; ///< tokenizer.ggml.merges, each "left right"
  std::optional<int64_t> bos, eos, unk, sep, pad, cls, mask;
  bool add_bos = false;
  bool add_eos = false;
  std::string chat_template; ///< tokenizer.chat_template; may be empty
};

/// `origin` names the file in errors.
std::shared_ptr<const Vocabulary> make_vocabulary(const GgufTokenizer& gguf, const std::string& origin);

/// Text of a `tokenizer.json` with which the `tokenizers` package, and read_tokenizer_json, give the same ids.
std::string to_tokenizer_json(const GgufTokenizer& gguf, const std::string& origin);

/// Text of the `tokenizer_config.json` that belongs beside it: the roles of the special tokens.
std::string to_tokenizer_config_json(const GgufTokenizer& gguf, const std::string& origin);

} // namespace cuecard
