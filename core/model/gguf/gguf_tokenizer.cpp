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
  if (const auto* add = find<bool>(file, "add_bos_token", "a boolean"))
    tokenizer.add_bos = *add;
  if (const auto* add = find<bool>(file, "add_eos_token", "a boolean"))
    tokenizer.add_eos = *add;
  if (const auto* chat = find<std::string>(file, "chat_template", "a string", "tokenizer."))
    tokenizer.chat_template = *chat;
  return tokenizer;
}

} // namespace cuecard
