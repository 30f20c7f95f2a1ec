/// The added tokens of a model directory without tokenizer.json, collected from its other files.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tokenizer/files/companion_files.hpp"

namespace cuecard::tokenizer {

class AddedTokenList {
public:
  /// `defaults` has the tokens of roles (`mask_token`) where the files define none, and their flags where the files have only a text.
  /// Throws DataError for contradictions.
  AddedTokenList(const std::vector<NamedToken>& defaults, const CompanionTokens& files);

  void add_special(const std::string& name) { add(plain_token(name, true), true); }
  void add_plain(const std::string& name) { add(plain_token(name, false), false); }
  /// Assigns every token an id: the one given in the files, else the one in `vocabulary` (pieces and ids), else
  /// the next free one.
  void assign_ids(const nlohmann::json& vocabulary);

  bool has(const std::string& role) const { return roles_.contains(role); }
  /// The token with a role.
  const std::string& name(const std::string& role) const;
  /// Valid after assign_ids().
  int64_t id(const std::string& name) const;
  /// `added_tokens` of a tokenizer.json. Valid after assign_ids().
  nlohmann::json to_json() const;

private:
  void add(nlohmann::json token, bool special);

  std::map<std::string, std::string> roles_;
  std::vector<nlohmann::json> tokens_;
  std::map<std::string, size_t> by_name_;
};

} // namespace cuecard::tokenizer
