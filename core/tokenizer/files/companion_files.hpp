/// The files beside a vocabulary that define tokens, too: tokenizer_config.json, special_tokens_map.json and added_tokens.json.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tokenizer/files/field.hpp"

namespace cuecard::tokenizer {

/// Roles of tokens, in transformers' order.
constexpr std::array<const char*, 7> token_roles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                    "pad_token", "cls_token", "mask_token"};

/// A token as in the list `added_tokens` of a tokenizer.json, without `id`.
nlohmann::json plain_token(const std::string& name, bool special);

struct NamedToken {
  std::string role; ///< one of `token_roles`, or a model's own, such as `image_token`
  nlohmann::json token;
  bool only_text = false; ///< the file has its text and no flags, which are then a tokenizer class's own
};

/// Tokens as in the list `added_tokens` of a tokenizer.json, in transformers' order (5.23). The same token may occur in several lists.
struct CompanionTokens {
  std::vector<nlohmann::json> numbered; ///< with `id`, by which they are sorted
  std::string numbered_in;              ///< the file, and the key in it
  bool numbered_have_flags = false;     ///< `lstrip` and the others; added_tokens.json has only ids
  std::vector<NamedToken>
      named; ///< `token_roles` in that order, then the model's own, by key (transformers: as in the file)
  std::vector<nlohmann::json> extra; ///< extra_special_tokens or additional_special_tokens
};

class CompanionFiles {
public:
  /// Files that don't exist are empty. Throws DataError.
  explicit CompanionFiles(const std::filesystem::path& directory);

  Field config() const { return Field(config_, config_path_); }
  /// As transformers: where the configuration has `added_tokens_decoder`, the other two files are not read; else special_tokens_map.json
  /// takes precedence over it. Throws DataError.
  CompanionTokens tokens() const;

private:
  std::string config_path_, map_path_, added_path_;
  nlohmann::json config_, map_, added_;
};

/// Adds the companions' tokens that `document`, a tokenizer.json, doesn't have; those that it has keep its settings. Returns whether
/// a tokenizer.json next to the same tokenizer_config.json must have them: they aren't pieces, or are in added_tokens.json.
/// `warnings`, unless null, gets a sentence about each that has other settings, or that does not get the id that its file gives.
bool add_companion_tokens(nlohmann::json& document, const CompanionFiles& files,
                          std::vector<std::string>* warnings);

/// Sentences about settings of tokenizer_config.json that contradict those of `document`, which are used.
std::vector<std::string> contradictions(const nlohmann::json& document, const CompanionFiles& files);

} // namespace cuecard::tokenizer
