#include <algorithm>
#include <string_view>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "tokenizer/files/gguf_splits.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizer/text/pattern.hpp"
#include "tokenizer/text/unicode.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {
namespace tokenizer {
namespace {

using nlohmann::json;

// Values of tokenizer.ggml.token_type.
constexpr int32_t normal_token = 1;
constexpr int32_t unknown_token = 2;
constexpr int32_t control_token = 3;
constexpr int32_t user_defined_token = 4;

/// A GGUF tokenizer as the parts of a tokenizer.json: vocabulary, merges and all other settings.
struct Description {
  json settings;
  std::vector<std::string> pieces;
  Merges merges;
  SpecialTokens roles;
};

SpecialTokens roles_of(const GgufTokenizer& gguf) {
  return {gguf.bos, gguf.eos, gguf.unk, gguf.sep, gguf.pad, gguf.cls, gguf.mask};
}

json split_at(SplitRule rule) {
  return {
      {"type", "Split"}, {"pattern", {{"Regex", regex_of(rule)}}}, {"behavior", "Isolated"}, {"invert", false}};
}

json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

/// The pre-tokenizer, as in the tokenizer.json of such models.
json pre_tokenizer_of(Splitting splitting) {
  const auto sequence = [](const json& first, const json& second) {
    return json{{"type", "Sequence"}, {"pretokenizers", json::array({first, second})}};
  };
  switch (splitting) {
  case Splitting::gpt2:
    break;
  case Splitting::single_digits:
    return sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true));
  case Splitting::llama3:
    return sequence(split_at(SplitRule::llama3), byte_level(false));
  case Splitting::qwen2:
    return sequence(split_at(SplitRule::qwen2), byte_level(false));
  }
  return byte_level(true);
}

/// `gguf` with llama.cpp's values for keys that the file lacks.
GgufTokenizer with_defaults(GgufTokenizer gguf, const std::string& origin) {
  const bool sentencepiece = gguf.model == "llama";
  const bool byte_level = gguf.model == "gpt2";
  const auto set = [&](std::optional<int64_t>& role, int64_t id) {
    if (!role && id < std::ssize(gguf.tokens))
      role = id;
  };
  if (!gguf.add_bos)
    gguf.add_bos = sentencepiece || (byte_level && split_of(gguf.pre, origin).whole_words);
  if (!gguf.add_eos)
    gguf.add_eos = false;
  if (sentencepiece) {
    set(gguf.bos, 1);
    set(gguf.eos, 2);
    set(gguf.unk, 0);
    if (!gguf.add_space_prefix)
      gguf.add_space_prefix = true;
  } else if (byte_level) {
    if (*gguf.add_bos)
      set(gguf.bos, 11);
    if (*gguf.add_eos)
      set(gguf.eos, 11);
  }
  return gguf;
}

void check(const GgufTokenizer& gguf, const std::string& origin) {
  const auto fail = [&](const std::string& key, const std::string& rest) {
    throw DataError(origin + ": metadata \"tokenizer.ggml." + key + "\" " + rest);
  };
  if (gguf.tokens.empty())
    fail("tokens", "is empty, so no text could be encoded.");
  if (gguf.tokens.size() > static_cast<size_t>(INT32_MAX))
    fail("tokens", "has more than 2147483647 tokens.");
  if (!gguf.types.empty() && gguf.types.size() != gguf.tokens.size())
    fail("token_type", "has " + std::to_string(gguf.types.size()) + " entries for " +
                           std::to_string(gguf.tokens.size()) + " tokens; expected one per token.");
  for (size_t id = 0; id < gguf.tokens.size(); ++id)
    if (valid_utf8(gguf.tokens[id]) != gguf.tokens[id])
      fail("tokens", "is not valid UTF-8 in token " + std::to_string(id) + ".");
  const std::pair<const char*, std::optional<int64_t>> roles[] = {
      {"bos_token_id", gguf.bos},       {"eos_token_id", gguf.eos},     {"unknown_token_id", gguf.unk},
      {"seperator_token_id", gguf.sep}, {"padding_token_id", gguf.pad}, {"cls_token_id", gguf.cls},
      {"mask_token_id", gguf.mask}};
  for (const auto& [key, id] : roles)
    if (id && (*id < 0 || *id >= static_cast<int64_t>(gguf.tokens.size())))
      fail(key, "is " + std::to_string(*id) + ", but ids range from 0 to " +
                    std::to_string(gguf.tokens.size() - 1) + ".");
  if (*gguf.add_bos && !gguf.bos)
    fail("bos_token_id", "is missing, and the token is added to every text.");
  if (*gguf.add_eos && !gguf.eos)
    fail("eos_token_id", "is missing, and the token is added to every text.");
}

json added_tokens(const GgufTokenizer& gguf, const std::vector<std::string>& pieces) {
  json list = json::array();
  for (size_t id = 0; id < gguf.types.size(); ++id) {
    const bool special =
        gguf.types[id] == control_token || (gguf.model == "llama" && gguf.types[id] == unknown_token);
    if (!special && gguf.types[id] != user_defined_token)
      continue;
    if (pieces[id].empty())
      continue;
    list.push_back({{"id", id},
                    {"content", pieces[id]},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", special}});
  }
  return list;
}

/// TemplateProcessing that adds `prefix` and `suffix`.
json template_processing(const std::vector<int64_t>& prefix, const std::vector<int64_t>& suffix,
                         const std::vector<std::string>& pieces) {
  if (prefix.empty() && suffix.empty())
    return nullptr;
  json special = json::object();
  const auto put = [&](json& list, const std::vector<int64_t>& ids) {
    for (const int64_t id : ids) {
      const std::string& piece = pieces[static_cast<size_t>(id)];
      special[piece] = {{"id", piece}, {"ids", {id}}, {"tokens", {piece}}};
      list.push_back({{"SpecialToken", {{"id", piece}, {"type_id", 0}}}});
    }
  };
  json single = json::array(), pair = json::array();
  put(single, prefix);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(single, suffix);
  put(pair, prefix);
  pair.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(pair, suffix);
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  put(pair, suffix);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

/// The special tokens added around a text.
json start_and_end(const GgufTokenizer& gguf) {
  std::vector<int64_t> prefix, suffix;
  if (*gguf.add_bos)
    prefix.push_back(*gguf.bos);
  if (*gguf.add_eos)
    suffix.push_back(*gguf.eos);
  return template_processing(prefix, suffix, gguf.tokens);
}

Description describe_byte_level(const GgufTokenizer& gguf, const std::string& origin) {
  Description description;
  description.pieces = gguf.tokens;
  description.roles = roles_of(gguf);
  for (size_t rank = 0; rank < gguf.merges.size(); ++rank) {
    const std::string& merge = gguf.merges[rank];
    const size_t space = merge.find(' ', 1); // from 1: the first piece may be a space
    if (space == std::string::npos || space + 1 == merge.size() || valid_utf8(merge) != merge)
      throw DataError(origin + ": metadata \"tokenizer.ggml.merges\" has \"" + valid_utf8(merge) +
                      "\" as merge " + std::to_string(rank) +
                      ", which is not two pieces separated by a space.");
    description.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  const SplitName& split = split_of(gguf.pre, origin);
  description.settings = {
      {"normalizer", split.splitting == Splitting::qwen2 ? json{{"type", "NFC"}} : json(nullptr)},
      {"pre_tokenizer", pre_tokenizer_of(split.splitting)},
      {"post_processor", start_and_end(gguf)},
      {"decoder", byte_level(true)},
      {"model",
       {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"ignore_merges", split.whole_words}}}};
  return description;
}

/// Merges of a SentencePiece vocabulary: two pieces merge where together they are a piece, those of the highest score first.
Merges merges_by_score(const GgufTokenizer& gguf, const std::string& origin) {
  if (gguf.scores.size() != gguf.tokens.size())
    throw DataError(
        origin + ": metadata \"tokenizer.ggml.scores\" " +
        (gguf.scores.empty() ? "is missing" : "has " + std::to_string(gguf.scores.size()) + " entries") +
        " for " + std::to_string(gguf.tokens.size()) + " tokens; expected one per token.");
  const auto merges = [&](size_t id) {
    const int32_t type = gguf.types.empty() ? normal_token : gguf.types[id];
    return type == normal_token || type == user_defined_token;
  };
  std::unordered_set<std::string_view> pieces;
  std::vector<size_t> ids;
  for (size_t id = 0; id < gguf.tokens.size(); ++id)
    if (merges(id) && !gguf.tokens[id].empty() && pieces.insert(gguf.tokens[id]).second)
      ids.push_back(id);
  std::stable_sort(ids.begin(), ids.end(), [&](size_t a, size_t b) { return gguf.scores[a] > gguf.scores[b]; });
  Merges result;
  for (const size_t id : ids) {
    const std::string_view piece = gguf.tokens[id];
    for (size_t at = utf8_length(piece[0]); at < piece.size(); at += utf8_length(piece[at]))
      if (pieces.contains(piece.substr(0, at)) && pieces.contains(piece.substr(at)))
        result.emplace_back(piece.substr(0, at), piece.substr(at));
  }
  return result;
}

/// As the tokenizer.json of Llama 2: spaces become U+2581, one is prepended, and characters without a piece are encoded as bytes.
Description describe_sentencepiece(const GgufTokenizer& gguf, const std::string& origin) {
  constexpr const char* mark = "\u2581";
  Description description;
  description.pieces = gguf.tokens;
  description.roles = roles_of(gguf);
  description.merges = merges_by_score(gguf, origin);
  const json marked = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}};
  const json prepended = {{"type", "Prepend"}, {"prepend", mark}};
  json normalizers = json::array({marked});
  json decoders = json::array({{{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}},
                               {{"type", "ByteFallback"}},
                               {{"type", "Fuse"}}});
  if (*gguf.add_space_prefix) {
    normalizers = json::array({prepended, marked});
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  description.settings = {
      {"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
      {"pre_tokenizer", nullptr},
      {"post_processor", start_and_end(gguf)},
      {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", gguf.unk ? json(gguf.tokens[static_cast<size_t>(*gguf.unk)]) : json(nullptr)},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"ignore_merges", false}}}};
  return description;
}

/// GGUF prefixes the start of a word with U+2581, while tokenizer.json prefixes continuations with "##". Names
/// in square brackets are unchanged.
std::string wordpiece_spelling(const std::string& token) {
  constexpr std::string_view mark = "\u2581";
  if (token.compare(0, mark.size(), mark) == 0)
    return token.substr(mark.size());
  const bool name = token.size() >= 2 && token.front() == '[' && token.back() == ']';
  return name ? token : "##" + token;
}

Description describe_wordpiece(const GgufTokenizer& gguf, const std::string& origin) {
  Description description;
  for (const std::string& token : gguf.tokens)
    description.pieces.push_back(wordpiece_spelling(token));
  const auto id_of = [&](const std::string& name) -> std::optional<int64_t> {
    const auto found = std::find(description.pieces.begin(), description.pieces.end(), name);
    return found == description.pieces.end() ? std::nullopt : std::optional(found - description.pieces.begin());
  };
  SpecialTokens& roles = description.roles;
  roles = roles_of(gguf);
  // Files define only some roles; older ones use bos for cls and eos for sep.
  const auto set_role = [&](std::optional<int64_t>& role, std::optional<int64_t> fallback,
                            const std::string& name) {
    role = role ? role : fallback ? fallback : id_of(name);
  };
  set_role(roles.unk, {}, "[UNK]");
  set_role(roles.cls, gguf.bos, "[CLS]");
  set_role(roles.sep, gguf.eos, "[SEP]");
  set_role(roles.pad, {}, "[PAD]");
  set_role(roles.mask, {}, "[MASK]");
  if (!roles.unk || !roles.cls || !roles.sep)
    throw DataError(origin +
                    ": metadata \"tokenizer.ggml.tokens\" lacks one of [UNK], [CLS] and [SEP], which a BERT "
                    "vocabulary needs, and no metadata assigns its role to another token.");
  description.settings = {
      {"normalizer",
       {{"type", "BertNormalizer"},
        {"clean_text", true},
        {"handle_chinese_chars", true},
        {"strip_accents", nullptr},
        {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"post_processor", template_processing({*roles.cls}, {*roles.sep}, description.pieces)},
      {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
      {"model",
       {{"type", "WordPiece"},
        {"unk_token", description.pieces[static_cast<size_t>(*roles.unk)]},
        {"continuing_subword_prefix", "##"},
        {"max_input_chars_per_word", 100}}}};
  return description;
}

Description describe(const GgufTokenizer& stored, const std::string& origin) {
  if (stored.model != "gpt2" && stored.model != "llama" && stored.model != "bert")
    throw DataError(
        origin + ": metadata \"tokenizer.ggml.model\" is \"" + stored.model +
        "\", a tokenizer model that is not supported; supported values are gpt2 (byte-level BPE), llama "
        "(SentencePiece) and bert (WordPiece)." +
        did_you_mean(stored.model, {"gpt2", "llama", "bert"}));
  const GgufTokenizer gguf = with_defaults(stored, origin);
  check(gguf, origin);
  Description description = gguf.model == "gpt2"    ? describe_byte_level(gguf, origin)
                            : gguf.model == "llama" ? describe_sentencepiece(gguf, origin)
                                                    : describe_wordpiece(gguf, origin);
  description.settings["version"] = "1.0";
  description.settings["truncation"] = nullptr;
  description.settings["padding"] = nullptr;
  description.settings["added_tokens"] = added_tokens(gguf, description.pieces);
  return description;
}

void append_quoted(std::string& to, const std::string& text) {
  to += json(text).dump();
}

} // namespace
} // namespace tokenizer

std::shared_ptr<const Vocabulary> make_vocabulary(const GgufTokenizer& gguf, const std::string& origin) {
  using namespace tokenizer;
  const Description description = describe(gguf, origin);
  auto pieces = std::make_unique<Pieces>(description.pieces.size());
  for (size_t id = 0; id < description.pieces.size(); ++id)
    if (pieces->add(description.pieces[id], static_cast<int64_t>(id)) != Pieces::Added::yes)
      throw DataError(origin + ": metadata \"tokenizer.ggml.tokens\" has \"" + gguf.tokens[id] +
                      "\" twice, the second time as token " + std::to_string(id) + ".");
  Steps steps =
      make_steps(Field(description.settings, origin),
                 {std::move(pieces), description.merges, {}, origin + ": metadata \"tokenizer.ggml.merges\""});
  steps.roles = description.roles;
  steps.chat_template = gguf.chat_template;
  return std::make_shared<Pipeline>(std::move(steps));
}

std::string to_tokenizer_json(const GgufTokenizer& gguf, const std::string& origin) {
  using namespace tokenizer;
  const Description description = describe(gguf, origin);
  std::string text = "{";
  for (const auto& [key, value] : description.settings.items()) {
    if (key != "model")
      text.append(json(key).dump()).append(":").append(value.dump()).append(",\n");
  }
  const std::string model = description.settings["model"].dump();
  text.append("\"model\":").append(model, 0, model.size() - 1).append(",\n\"vocab\":{");
  for (size_t id = 0; id < description.pieces.size(); ++id) {
    text += id == 0 ? "" : ",";
    append_quoted(text, description.pieces[id]);
    text.append(":").append(std::to_string(id));
  }
  text += "}";
  if (gguf.model != "bert") {
    text += ",\n\"merges\":[";
    for (size_t rank = 0; rank < description.merges.size(); ++rank) {
      text += rank == 0 ? "[" : ",[";
      append_quoted(text, description.merges[rank].first);
      text += ",";
      append_quoted(text, description.merges[rank].second);
      text += "]";
    }
    text += "]";
  }
  return text + "}}\n";
}

std::string to_tokenizer_config_json(const GgufTokenizer& gguf, const std::string& origin) {
  using namespace tokenizer;
  const Description description = describe(gguf, origin);
  json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  const SpecialTokens& ids = description.roles;
  const std::pair<const char*, std::optional<int64_t>> roles[] = {
      {"bos_token", ids.bos}, {"eos_token", ids.eos}, {"unk_token", ids.unk},  {"sep_token", ids.sep},
      {"pad_token", ids.pad}, {"cls_token", ids.cls}, {"mask_token", ids.mask}};
  for (const auto& [key, id] : roles)
    if (id)
      config[key] = description.pieces[static_cast<size_t>(*id)];
  if (!gguf.chat_template.empty())
    config["chat_template"] = gguf.chat_template;
  return config.dump(2) + "\n";
}

} // namespace cuecard
