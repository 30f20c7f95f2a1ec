/// The added tokens of a model directory without tokenizer.json, gathered from the files that name some.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tokenizer/field.hpp"

namespace cuecard::tokenizer {

class AddedTokenList {
public:
  /// `usual`: role (`mask_token`) and name (`[MASK]`) where the files name none. `config` is
  /// tokenizer_config.json with its `added_tokens_decoder`, `map` special_tokens_map.json, `more`
  /// added_tokens.json. Throws DataError for what contradicts itself.
  AddedTokenList(const std::vector<std::pair<std::string, std::string>>& usual, const Field& config,
                 const Field& map, const Field& more);

  void add_special(const std::string& name) { add(plain(name, true), true); }
  void add_ordinary(const std::string& name) { add(plain(name, false), false); }
  /// Gives every token its id: the vocabulary's (pieces and ids), else the one that a file said, else the next.
  void settle(const nlohmann::json& vocabulary);

  /// Of a role. Throws DataError when no token has it.
  const std::string& name(const std::string& role) const;
  /// After settle().
  int64_t id(const std::string& name) const;
  /// `added_tokens` of a tokenizer.json. After settle().
  nlohmann::json list() const;

private:
  static nlohmann::json plain(const std::string& name, bool special);
  static nlohmann::json read_token(const Field& token, bool special);
  void add(nlohmann::json token, bool special);

  std::string origin_;
  std::map<std::string, std::string> roles_;
  std::vector<nlohmann::json> tokens_;
  std::map<std::string, size_t> by_name_;
};

} // namespace cuecard::tokenizer
