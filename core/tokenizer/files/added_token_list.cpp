#include "tokenizer/files/added_token_list.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {

using nlohmann::json;

AddedTokenList::AddedTokenList(const std::vector<NamedToken>& defaults, const CompanionTokens& files) {
  for (const json& token : files.numbered)
    add(token, false);
  const auto add_role = [&](const std::string& role, const json& token) {
    roles_[role] = token["content"].get<std::string>();
    add(token, true);
  };
  const auto find_role = [](const std::vector<NamedToken>& tokens, const std::string& role) {
    const auto found =
        std::find_if(tokens.begin(), tokens.end(), [&](const NamedToken& token) { return token.role == role; });
    return found == tokens.end() ? nullptr : &*found;
  };
  // In the order of roles, because tokens that are not in the vocabulary get the next ids.
  for (const char* role : token_roles) {
    const NamedToken *named = find_role(files.named, role), *fallback = find_role(defaults, role);
    json token = named ? named->token : fallback ? fallback->token : json();
    if (named && fallback && named->only_text) {
      token = fallback->token;
      token["content"] = named->token["content"];
    }
    if (!token.is_null())
      add_role(role, token);
  }
  for (const NamedToken& named : files.named)
    if (!has(named.role))
      add_role(named.role, named.token);
  for (const json& token : files.extra)
    add(token, true);
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
