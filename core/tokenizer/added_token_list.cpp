#include "tokenizer/added_token_list.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {

using nlohmann::json;

json AddedTokenList::plain(const std::string& name, bool special) {
  return {{"content", name}, {"single_word", false},   {"lstrip", false},
          {"rstrip", false}, {"normalized", !special}, {"special", special}};
}

/// `"[MASK]"`, or `{"content": "[MASK]", "lstrip": true, ...}`.
json AddedTokenList::read_token(const Field& token, bool special) {
  if (token.is_string())
    return plain(token.string(), special);
  const bool said_special = token.flag("special", false);
  json read = plain(token.at("content").string(), special || said_special);
  for (const char* flag : {"single_word", "lstrip", "rstrip"})
    read[flag] = token.flag(flag, false);
  read["normalized"] = token.flag("normalized", !said_special);
  return read;
}

AddedTokenList::AddedTokenList(const std::vector<std::pair<std::string, std::string>>& usual,
                               const Field& config, const Field& map, const Field& more) {
  std::vector<std::pair<int64_t, json>> numbered;
  if (const auto decoder = config.find("added_tokens_decoder"))
    for (const auto& [id, token] : decoder->numbered_fields())
      numbered.emplace_back(id, read_token(token, false));
  else
    for (const auto& [name, id] : more.numbered_strings())
      numbered.emplace_back(id, plain(name, false));
  std::sort(numbered.begin(), numbered.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  for (auto& [id, token] : numbered) {
    token["id"] = id;
    add(token, false);
  }
  for (const auto& [role, name] : usual) {
    const auto named = config.find(role) ? config.find(role) : map.find(role);
    const json token = named ? read_token(*named, true) : plain(name, true);
    roles_[role] = token["content"].get<std::string>();
    add(token, true);
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"})
    if (const auto tokens = config.find(key); tokens && tokens->is_array())
      for (const Field& token : tokens->items())
        add(read_token(token, true), true);
}

/// What was said first of a token holds, but that it is special.
void AddedTokenList::add(json token, bool special) {
  const auto [found, is_new] = by_name_.emplace(token["content"].get<std::string>(), tokens_.size());
  if (is_new)
    tokens_.push_back(std::move(token));
  else if (special)
    tokens_[found->second]["special"] = true;
}

void AddedTokenList::settle(const json& vocabulary) {
  int64_t next = 0; // absurd ids are refused where the vocabulary is read
  const auto taken = [&](int64_t id) { next = std::max(next, std::min<int64_t>(id, INT32_MAX) + 1); };
  for (const auto& [piece, id] : vocabulary.items())
    taken(id.get<int64_t>());
  for (const json& token : tokens_)
    if (token.contains("id"))
      taken(token["id"].get<int64_t>());
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

json AddedTokenList::list() const {
  return tokens_;
}

} // namespace cuecard::tokenizer
