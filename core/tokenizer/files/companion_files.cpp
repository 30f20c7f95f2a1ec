#include "tokenizer/files/companion_files.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "tokenizer/files/json_file.hpp"

namespace cuecard::tokenizer {

using nlohmann::json;

json plain_token(const std::string& name, bool special) {
  return {{"content", name}, {"single_word", false},   {"lstrip", false},
          {"rstrip", false}, {"normalized", !special}, {"special", special}};
}

namespace {

/// Reads `"[MASK]"` or `{"content": "[MASK]", "lstrip": true, ...}`.
json read_token(const Field& token, bool special) {
  if (token.is_string())
    return plain_token(token.string(), special);
  const bool marked_special = token.flag("special", false);
  json read = plain_token(token.at("content").string(), special || marked_special);
  for (const char* flag : {"single_word", "lstrip", "rstrip"})
    read[flag] = token.flag(flag, false);
  read["normalized"] = token.flag("normalized", !marked_special);
  return read;
}

/// Whether `key` names a token: a role, or a model's own, such as `image_token`.
bool is_role(const std::string& key, const Field& value) {
  return std::find(token_roles.begin(), token_roles.end(), key) != token_roles.end() ||
         (key.ends_with("_token") && (value.is_string() || value.is_object()));
}

void put_named(std::vector<NamedToken>& named, const std::string& role, const Field& field) {
  NamedToken token{role, read_token(field, true), field.is_string()};
  const auto found =
      std::find_if(named.begin(), named.end(), [&](const NamedToken& earlier) { return earlier.role == role; });
  if (found == named.end())
    named.push_back(std::move(token));
  else
    *found = std::move(token);
}

void read_named(const Field& file, std::vector<NamedToken>& named) {
  for (const auto& [key, value] : file.entries())
    if (is_role(key, value))
      put_named(named, key, value);
  if (const auto tokens = file.find("extra_special_tokens"); tokens && tokens->is_object())
    for (const auto& [key, value] : tokens->entries())
      put_named(named, key, value);
}

/// The position of a role in `token_roles`; those of models are equal and last.
size_t rank_of(const NamedToken& token) {
  return static_cast<size_t>(std::find(token_roles.begin(), token_roles.end(), token.role) -
                             token_roles.begin());
}

/// The list `key`, or an empty one where it is another kind of value.
std::vector<json> read_list(const Field& file, const char* key) {
  std::vector<json> tokens;
  if (const auto list = file.find(key); list && list->is_array())
    for (const Field& token : list->items())
      tokens.push_back(read_token(token, true));
  return tokens;
}

std::string content_of(const json& token) {
  return token["content"].get<std::string>();
}

json read_if_present(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? read_json_file(file) : json::object();
}

} // namespace

CompanionFiles::CompanionFiles(const std::filesystem::path& directory)
    : config_path_((directory / "tokenizer_config.json").string()),
      map_path_((directory / "special_tokens_map.json").string()),
      added_path_((directory / "added_tokens.json").string()), config_(read_if_present(config_path_)),
      map_(read_if_present(map_path_)), added_(read_if_present(added_path_)) {}

CompanionTokens CompanionFiles::tokens() const {
  const Field file = config(), map(map_, map_path_), added(added_, added_path_);
  const auto decoder = file.find("added_tokens_decoder");
  CompanionTokens tokens;
  read_named(file, tokens.named);
  tokens.extra = read_list(file, "extra_special_tokens");
  if (tokens.extra.empty())
    tokens.extra = read_list(file, "additional_special_tokens");
  tokens.numbered_in = decoder ? config_path_ + ": key \"added_tokens_decoder\"" : added_path_ + ":";
  tokens.numbered_have_flags = decoder.has_value();
  if (decoder) {
    for (const auto& [id, token] : decoder->fields_by_id()) {
      tokens.numbered.push_back(read_token(token, false));
      tokens.numbered.back()["id"] = id;
    }
  } else {
    read_named(map, tokens.named);
    for (json& token : read_list(map, "extra_special_tokens"))
      tokens.extra.push_back(std::move(token));
    if (tokens.extra.empty())
      tokens.extra = read_list(map, "additional_special_tokens");
    std::set<std::string> special;
    for (const NamedToken& named : tokens.named)
      if (rank_of(named) < token_roles.size())
        special.insert(content_of(named.token));
    for (const json& token : tokens.extra)
      special.insert(content_of(token));
    for (const auto& [name, id] : added.string_ids()) {
      tokens.numbered.push_back(plain_token(name, special.contains(name)));
      tokens.numbered.back()["id"] = id;
    }
  }
  std::stable_sort(tokens.numbered.begin(), tokens.numbered.end(), [](const json& left, const json& right) {
    return left["id"].get<int64_t>() < right["id"].get<int64_t>();
  });
  std::stable_sort(
      tokens.named.begin(), tokens.named.end(),
      [](const NamedToken& left, const NamedToken& right) { return rank_of(left) < rank_of(right); });
  return tokens;
}

namespace {

/// Added tokens of a tokenizer.json, and the ids that more of them get: a piece's, or the next one, as in AddedTokens.
class DocumentTokens {
public:
  explicit DocumentTokens(const json& document) {
    if (const auto model = document.find("model"); model != document.end() && model->is_object())
      if (const auto vocabulary = model->find("vocab"); vocabulary != model->end())
        vocabulary_ = &*vocabulary;
    next_id_ = vocabulary_ ? static_cast<int64_t>(vocabulary_->size()) : 0;
    if (const auto added = document.find("added_tokens"); added != document.end() && added->is_array())
      for (const json& token : *added)
        if (token.is_object() && token.contains("content") && token["content"].is_string())
          add(token);
  }
  const json* find(const std::string& name) const {
    const auto found = tokens_.find(name);
    return found == tokens_.end() ? nullptr : &found->second;
  }
  /// Adds a token that isn't there yet, and returns its id.
  int64_t add(const json& token) {
    const std::string name = content_of(token);
    const bool is_new = !name.empty() && tokens_.emplace(name, token).second;
    const std::optional<int64_t> piece = piece_id(name);
    return piece ? *piece : is_new ? next_id_++ : next_id_;
  }
  std::optional<int64_t> piece_id(const std::string& name) const {
    if (vocabulary_ && vocabulary_->is_object())
      if (const auto found = vocabulary_->find(name); found != vocabulary_->end() && found->is_number_integer())
        return found->get<int64_t>();
    if (vocabulary_ && vocabulary_->is_array())
      for (size_t id = vocabulary_->size(); id-- > 0;) // the last of equal pieces has the id
        if (const json& piece = (*vocabulary_)[id]; piece.is_array() && !piece.empty() && piece[0] == name)
          return static_cast<int64_t>(id);
    return std::nullopt;
  }

private:
  const json* vocabulary_ = nullptr;
  std::unordered_map<std::string, json> tokens_;
  int64_t next_id_ = 0;
};

} // namespace

bool add_companion_tokens(json& document, const CompanionFiles& files, std::vector<std::string>* warnings) {
  const CompanionTokens tokens = files.tokens();
  std::vector<json> all = tokens.numbered;
  for (const NamedToken& named : tokens.named)
    all.push_back(named.token);
  all.insert(all.end(), tokens.extra.begin(), tokens.extra.end());
  if (all.empty() || !document.is_object())
    return false;
  const auto warn = [&](const json& token, const std::string& rest) {
    if (warnings)
      warnings->push_back(tokens.numbered_in + " has " + token["content"].dump() + " " + rest);
  };
  DocumentTokens known(document);
  std::vector<json> fresh;
  bool needed = false;
  std::set<std::string> special;
  for (const NamedToken& named : tokens.named)
    special.insert(content_of(named.token));
  for (json& token : all) {
    if (content_of(token).empty())
      continue;
    if (const json* own = known.find(content_of(token))) {
      if (token.contains("id") && tokens.numbered_have_flags)
        for (const char* flag : {"lstrip", "rstrip", "single_word", "special"})
          if (token[flag] != own->value(flag, json(false))) {
            warn(
                token,
                std::string("with \"") + flag + "\" " + token[flag].dump() +
                    ", which tokenizer.json has otherwise; Cuecard uses tokenizer.json, transformers this file: "
                    "make them agree.");
            break;
          }
      continue;
    }
    if (special.contains(content_of(token)))
      token["special"] = true;
    const bool is_piece = known.piece_id(content_of(token)).has_value();
    const bool only_added = token.contains("id") && !tokens.numbered_have_flags;
    needed = needed || !is_piece || only_added;
    const int64_t id = known.add(token);
    if (token.contains("id") && token["id"] != id)
      warn(token, "with id " + token["id"].dump() + ", but it gets id " + std::to_string(id) +
                      ", as in transformers; check that the model was trained with it.");
    token["id"] = id;
    fresh.push_back(token);
  }
  if (fresh.empty())
    return false;
  json& added = document["added_tokens"];
  if (added.is_null())
    added = json::array();
  if (!added.is_array())
    return false; // refused when it is read
  for (json& token : fresh)
    added.push_back(std::move(token));
  return needed;
}

namespace {

/// The first component of one of `types`, whatever Sequences it is in; null if there is none.
const json* find_component(const json& component, const std::set<std::string>& types) {
  if (!component.is_object())
    return nullptr;
  const json type = component.value("type", json());
  if (type.is_string() && types.contains(type.get<std::string>()))
    return &component;
  for (const char* key : {"normalizers", "pretokenizers"})
    if (const auto list = component.find(key); list != component.end() && list->is_array())
      for (const json& part : *list)
        if (const json* found = find_component(part, types))
          return found;
  return nullptr;
}

const json* find_component(const json& parent, const char* key, const std::set<std::string>& types) {
  const auto component = parent.find(key);
  return component == parent.end() ? nullptr : find_component(*component, types);
}

} // namespace

std::vector<std::string> contradictions(const json& document, const CompanionFiles& files) {
  const Field config = files.config();
  const auto tokenizer_class = config.find("tokenizer_class");
  const std::string name = tokenizer_class && tokenizer_class->is_string() ? tokenizer_class->string() : "";
  // These take everything from tokenizer.json in transformers, too; the others build their pipeline themselves.
  if (!document.is_object() || name == "PreTrainedTokenizerFast" || name == "TokenizersBackend")
    return {};
  std::vector<std::string> sentences;
  const auto compare = [&](const char* key, const json& used, const std::string& setting) {
    const auto found = config.find(key);
    if (found && found->excerpt() != used.dump())
      sentences.push_back(found->sentence("is " + found->excerpt() + ", but tokenizer.json has " + setting +
                                          ", which Cuecard uses, like the tokenizers package; transformers' " +
                                          (name.empty() ? "AutoTokenizer" : name) +
                                          " may use the former and give other ids."));
  };
  const auto named = [](const char* setting, const json& used) {
    return "\"" + std::string(setting) + "\" " + used.dump();
  };
  if (const json* bert = find_component(document, "normalizer", {"BertNormalizer"}))
    for (const auto& [key, setting, fallback] :
         {std::tuple("do_lower_case", "lowercase", json(true)),
          {"strip_accents", "strip_accents", json()},
          {"tokenize_chinese_chars", "handle_chinese_chars", json(true)}}) {
      const json used = bert->value(setting, fallback);
      compare(key, used, named(setting, used));
    }
  if (const json* spaced = find_component(document, "pre_tokenizer", {"ByteLevel", "Metaspace"})) {
    const json space = spaced->value("add_prefix_space", json(true)),
               scheme = spaced->value("prepend_scheme", json());
    const bool is_scheme = scheme.is_string() && (*spaced)["type"] == "Metaspace";
    compare("add_prefix_space", is_scheme ? json(scheme != "never") : space,
            is_scheme ? named("prepend_scheme", scheme) : named("add_prefix_space", space));
  }
  return sentences;
}

} // namespace cuecard::tokenizer
