#include "tokenizer/roles.hpp"

#include <nlohmann/json.hpp>

#include "tokenizer/files/json_file.hpp"

namespace cuecard::tokenizer {
namespace {

struct Role {
  std::optional<int64_t> SpecialTokens::*id;
  const char* key;
  std::vector<std::string> common_names;
};

const std::vector<Role>& all_roles() {
  static const std::vector<Role> roles = {
      {&SpecialTokens::bos,
       "bos_token",
       {"<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"}},
      {&SpecialTokens::eos, "eos_token", {"</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"}},
      {&SpecialTokens::unk, "unk_token", {"[UNK]", "<unk>", "<|endoftext|>"}},
      {&SpecialTokens::sep, "sep_token", {"[SEP]"}},
      {&SpecialTokens::pad, "pad_token", {"[PAD]", "<pad>", "<|pad|>"}},
      {&SpecialTokens::cls, "cls_token", {"[CLS]"}},
      {&SpecialTokens::mask, "mask_token", {"[MASK]", "<mask>"}},
  };
  return roles;
}

/// The name in `"[MASK]"` or `{"content": "[MASK]", ...}`.
std::string name_of(const Field& token) {
  return token.is_string() ? token.string() : token.at("content").string();
}

} // namespace

SpecialTokens read_roles(const std::filesystem::path& directory, const Pieces& pieces, const AddedTokens& added,
                         const PostProcessor& post_processor) {
  SpecialTokens roles;
  for (const char* file_name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const std::filesystem::path file = directory / file_name;
    if (!std::filesystem::exists(file))
      continue;
    const nlohmann::json document = read_json_file(file);
    const Field root(document, file.string());
    for (const Role& role : all_roles()) {
      const auto token = root.find(role.key);
      if (!token || roles.*role.id)
        continue;
      const std::string content = name_of(*token);
      if (const AddedToken* found = added.find(content))
        roles.*role.id = found->id;
      else if (const auto id = pieces.id(content))
        roles.*role.id = *id;
    }
  }

  if (!roles.cls)
    roles.cls = post_processor.cls;
  if (!roles.sep)
    roles.sep = post_processor.sep;
  for (const Role& role : all_roles())
    for (const std::string& name : role.common_names)
      if (const AddedToken* found = added.find(name); found && found->special && !(roles.*role.id))
        roles.*role.id = found->id;

  // For a masked language model, the tokens that the template adds are cls and sep, whatever their names (`<s>`
  // and `</s>` in RoBERTa).
  if (roles.mask && post_processor.prefix.size() == 1 && post_processor.suffix.size() == 1) {
    if (!roles.cls)
      roles.cls = post_processor.prefix[0];
    if (!roles.sep)
      roles.sep = post_processor.suffix[0];
  }
  return roles;
}

} // namespace cuecard::tokenizer
