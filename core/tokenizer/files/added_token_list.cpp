#include "tokenizer/files/added_token_list.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {

using nlohmann::json;

json AddedTokenList::default_token(const std::string& name, bool special) {
  return {{"content", name}, {"single_word", false},   {"lstrip", false},
          {"rstrip", false}, {"normalized", !special}, {"special", special}};
}

/// Reads `"[MASK]"` or `{"content": "[MASK]", "lstrip": true, ...}`.
json AddedTokenList::read_token(const Field& token, bool special) {
  if (token.is_string())
    return default_token(token.string(), special);
  const bool marked_special = token.flag("special", false);
  json read = default_token(token.at("content").string(), special || marked_special);
  for (const char* flag : {"single_word", "lstrip", "rstrip"})
    read[flag] = token.flag(flag, false);
  read["normalized"] = token.flag("normalized", !marked_special);
  return read;
}

AddedTokenList::AddedTokenList(const std::vector<std::pair<std::string, std::string>>& defaults,
                               const Field& config, const Field& special_tokens_map,
                               const Field& added_tokens) {
  std::vector<std::pair<int64_t, json>> tokens_by_id;
  if (const auto decoder = config.find("added_tokens_decoder"))
    for (const auto& [id, token] : decoder->fields_by_id())
      tokens_by_id.emplace_back(id, read_token(token, false));
  else
    for (const auto& [name, id] : added_tokens.string_ids())
      tokens_by_id.emplace_back(id, default_token(name, false));
  std::sort(tokens_by_id.begin(), tokens_by_id.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  for (auto& [id, token] : tokens_by_id) {
    token["id"] = id;
    add(token, false);
  }
  for (const auto& [role, name] : defaults) {
    const auto named = config.find(role) ? config.find(role) : special_tokens_map.find(role);
    const json token = named ? read_token(*named, true) : default_token(name, true);
    roles_[role] = token["content"].get<std::string>();
    add(token, true);
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"})
    if (const auto tokens = config.find(key); tokens && tokens->is_array())
      for (const Field& token : tokens->items())
        add(read_token(token, true), true);
}

/// The first definition of a token wins, except that a later one can make it special.
void AddedTokenList::add(json token, bool special) {
  const auto [found, is_new] = by_name_.emplace(token["content"].get<std::string>(), tokens_.size());
  if (is_new)
    tokens_.push_back(std::move(token));
  else if (special)
    tokens_[found->second]["special"] = true;
}

void AddedTokenList::assign_ids(const json& vocabulary) {
  int64_t next = 0; // out-of-range ids are rejected when the vocabulary is read
  const auto reserve = [&](int64_t id) { next = std::max(next, std::min<int64_t>(id, INT32_MAX) + 1); };
  for (const auto& [piece, id] : vocabulary.items())
    reserve(id.get<int64_t>());
  for (const json& token : tokens_)
    if (token.contains("id"))
      reserve(token["id"].get<int64_t>());
  for (json& token : tokens_) {
    const auto found = vocabulary.find(token["content"].get<std::string>());
    if (!token.contains("id"))
      token["id"] = found != vocabulary.end() ? found->get<int64_t>() : next++;
  }
  std::sort(tokens_.begin(), tokens_.end(), [](const json& left, const json& right) {
    return left["id"].get<int64_t>() < right["id"].get<int64_t>();
  });
  for (size_t index = 0; index < tokens_.size(); ++index)
    by_name_[tokens_[index]["content"].get<std::string>()] = index;
}

const std::string& AddedTokenList::name(const std::string& role) const {
  return roles_.at(role);
}

int64_t AddedTokenList::id(const std::string& name) const {
  return tokens_.at(by_name_.at(name))["id"].get<int64_t>();
}

json AddedTokenList::to_json() const {
  return tokens_;
}

} // namespace cuecard::tokenizer
