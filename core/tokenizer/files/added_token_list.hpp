/// The added tokens of a model directory without tokenizer.json, collected from its other files.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tokenizer/files/field.hpp"

namespace cuecard::tokenizer {

class AddedTokenList {
public:
  /// `defaults` maps roles (`mask_token`) to names (`[MASK]`), used where the files define none. `config` is
  /// tokenizer_config.json with its `added_tokens_decoder`. Throws DataError for contradictions.
  AddedTokenList(const std::vector<std::pair<std::string, std::string>>& defaults, const Field& config,
                 const Field& special_tokens_map, const Field& added_tokens);

  void add_special(const std::string& name) { add(default_token(name, true), true); }
  void add_plain(const std::string& name) { add(default_token(name, false), false); }
  /// Assigns every token an id: the one given in the files, else the one in `vocabulary` (pieces and ids), else
  /// the next free one.
  void assign_ids(const nlohmann::json& vocabulary);

  /// The token with a role.
  const std::string& name(const std::string& role) const;
  /// Valid after assign_ids().
  int64_t id(const std::string& name) const;
  /// `added_tokens` of a tokenizer.json. Valid after assign_ids().
  nlohmann::json to_json() const;

private:
  static nlohmann::json default_token(const std::string& name, bool special);
  static nlohmann::json read_token(const Field& token, bool special);
  void add(nlohmann::json token, bool special);

  std::string origin_;
  std::map<std::string, std::string> roles_;
  std::vector<nlohmann::json> tokens_;
  std::map<std::string, size_t> by_name_;
};

} // namespace cuecard::tokenizer
