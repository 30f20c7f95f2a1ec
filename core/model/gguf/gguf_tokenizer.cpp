#include "model/gguf/gguf_tokenizer.hpp"

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The value as a T; null if the file doesn't have the key.
template <class T>
const T* find(const GgufFile& file, const std::string& name, const char* expected,
              const std::string& group = "tokenizer.ggml.") {
  const std::string key = group + name;
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    return nullptr;
  const T* value = std::get_if<T>(&found->second);
  if (!value)
    throw DataError(file.path().string() + ": metadata \"" + key + "\" isn't " + expected + ".");
  return value;
}

std::optional<int64_t> token_id(const GgufFile& file, const std::string& role) {
  const auto* id = find<int64_t>(file, role + "_token_id", "an integer");
  return id ? std::optional(*id) : std::nullopt;
}

std::vector<int32_t> token_types(const GgufFile& file) {
  std::vector<int32_t> types;
  if (const auto* stored = find<std::vector<int64_t>>(file, "token_type", "an array of integers"))
    for (const int64_t type : *stored)
      types.push_back(static_cast<int32_t>(type));
  return types;
}

/// Absent: empty. Old files have whole numbers.
std::vector<double> scores(const GgufFile& file) {
  const auto found = file.metadata().find("tokenizer.ggml.scores");
  if (found != file.metadata().end())
    if (const auto* whole = std::get_if<std::vector<int64_t>>(&found->second))
      return {whole->begin(), whole->end()};
  const auto* stored = find<std::vector<double>>(file, "scores", "an array of numbers");
  return stored ? *stored : std::vector<double>{};
}

std::optional<bool> flag(const GgufFile& file, const std::string& name) {
  const auto* value = find<bool>(file, name, "a boolean");
  return value ? std::optional(*value) : std::nullopt;
}

} // namespace

GgufTokenizer gguf_tokenizer(const GgufFile& file) {
  GgufTokenizer tokenizer;
  const auto* tokens = find<std::vector<std::string>>(file, "tokens", "an array of strings");
  const auto* model = find<std::string>(file, "model", "a string");
  if (!tokens || !model)
    throw DataError(file.path().string() + ": has no tokenizer: metadata \"tokenizer.ggml." +
                    (tokens ? "model" : "tokens") + "\" is missing.");
  tokenizer.model = *model;
  tokenizer.tokens = *tokens;
  tokenizer.types = token_types(file);
  if (const auto* pre = find<std::string>(file, "pre", "a string"))
    tokenizer.pre = *pre;
  if (const auto* merges = find<std::vector<std::string>>(file, "merges", "an array of strings"))
    tokenizer.merges = *merges;
  tokenizer.bos = token_id(file, "bos");
  tokenizer.eos = token_id(file, "eos");
  tokenizer.unk = token_id(file, "unknown");
  tokenizer.sep = token_id(file, "seperator"); // spelled like this in the format
  tokenizer.pad = token_id(file, "padding");
  tokenizer.cls = token_id(file, "cls");
  tokenizer.mask = token_id(file, "mask");
  tokenizer.scores = scores(file);
  tokenizer.add_bos = flag(file, "add_bos_token");
  tokenizer.add_eos = flag(file, "add_eos_token");
  tokenizer.add_space_prefix = flag(file, "add_space_prefix");
  if (const auto* chat = find<std::string>(file, "chat_template", "a string", "tokenizer."))
    tokenizer.chat_template = *chat;
  return tokenizer;
}

} // namespace cuecard
