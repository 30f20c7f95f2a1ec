#include "tokenizer/files/older_files.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "tokenizer/files/added_token_list.hpp"
#include "tokenizer/files/field.hpp"
#include "tokenizer/files/json_file.hpp"
#include "tokenizer/files/sentencepiece_json.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

using nlohmann::json;

enum class Kind { bert, mpnet, gpt2, qwen2, roberta, t5, llama };

Kind kind_of(const OlderFiles& files, const Field* config) {
  static const std::map<std::string, Kind> kinds = {
      {"bert", Kind::bert},    {"distilbert", Kind::bert}, {"electra", Kind::bert}, {"mpnet", Kind::mpnet},
      {"gpt2", Kind::gpt2},    {"qwen2", Kind::qwen2},     {"qwen3", Kind::qwen2},  {"roberta", Kind::roberta},
      {"bart", Kind::roberta}, {"t5", Kind::t5},           {"mt5", Kind::t5},       {"umt5", Kind::t5},
      {"llama", Kind::llama},  {"mistral", Kind::llama}};
  std::string name = config ? config->string("tokenizer_class", "") : "";
  for (const std::string ending : {"Fast", "Tokenizer"})
    if (name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      name.resize(name.size() - ending.size());
  for (char& letter : name)
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 0x20) : letter;
  for (const std::string& known : {name, files.family})
    if (const auto found = kinds.find(known); found != kinds.end())
      return found->second;
  throw DataError(
      files.directory.string() + ": has no tokenizer.json, which is required for models of the family \"" +
      files.family +
      "\" (optional for bert, distilbert, electra, mpnet, gpt2, qwen2, qwen3, roberta, bart, t5, mt5, umt5, llama and mistral); "
      "AutoTokenizer's save_pretrained writes it.");
}

std::filesystem::path find_file(const OlderFiles& files, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (std::filesystem::exists(files.directory / name))
      return files.directory / name;
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : " or ") + name;
  throw DataError(files.directory.string() + ": has no tokenizer.json and no " + list +
                  "; expected a model folder in Hugging Face layout. AutoTokenizer's save_pretrained writes "
                  "the tokenizer.");
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  if (valid_utf8(text) != text)
    throw DataError(file.string() + " should be UTF-8 text with one piece per line; download it again.");
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    size_t trimmed_end = end;
    while (trimmed_end > at && is_space(char_before(text, trimmed_end)))
      do
        --trimmed_end;
      while ((static_cast<unsigned char>(text[trimmed_end]) & 0xC0) == 0x80);
    lines.push_back(text.substr(at, trimmed_end - at));
    at = end + 1;
  }
  return lines;
}

json byte_level(bool add_prefix_space, bool use_regex = true) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

/// Qwen2's split rule, and its bytes.
json qwen2_pre_tokenizer(bool add_prefix_space) {
  constexpr const char* pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json split = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, byte_level(add_prefix_space, /*use_regex=*/false)}}};
}

json template_processing(const std::vector<std::string>& prefix, const std::vector<std::string>& suffix,
                         const AddedTokenList& added) {
  json single = json::array(), special = json::object();
  const auto put = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
      special[name] = {{"id", name}, {"ids", {added.id(name)}}, {"tokens", {name}}};
    }
  };
  put(prefix);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(suffix);
  json pair = single;
  for (json piece : single) {
    if (piece.contains("Sequence"))
      piece["Sequence"]["id"] = "B";
    pair.push_back(std::move(piece));
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

json read_bert(const OlderFiles& files, const Field& config, AddedTokenList& added) {
  const std::filesystem::path file = find_file(files, {"vocab.txt"});
  json vocabulary = json::object();
  int64_t id = 0;
  for (const std::string& piece : lines_of(file))
    vocabulary[piece] = id++; // the last of duplicate lines wins
  added.assign_ids(vocabulary);
  const auto strip = config.find("strip_accents");
  return {{"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", config.flag("tokenize_chinese_chars", true)},
            {"strip_accents", strip ? json(config.flag("strip_accents", true)) : json(nullptr)},
            {"lowercase", config.flag("do_lower_case", true)}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", template_processing({added.name("cls_token")}, {added.name("sep_token")}, added)},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", added.name("unk_token")},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab", vocabulary}}}};
}

/// Reads lines `left right`; the first one may be a version comment.
json read_merges(const std::filesystem::path& file) {
  json merges = json::array();
  for (const std::string& line : lines_of(file)) {
    if (line.compare(0, 8, "#version") == 0)
      continue;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      throw DataError(file.string() + ": \"" + line.substr(0, 40) +
                      "\" should be two pieces separated by a space; the file may be damaged.");
    merges.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return merges;
}

json read_byte_level(const OlderFiles& files, const Field& config, Kind kind, AddedTokenList& added) {
  const std::filesystem::path file = find_file(files, {"vocab.json"});
  const json vocabulary = read_json_file(file);
  Field(vocabulary, file.string()).string_ids(); // validates the file
  added.assign_ids(vocabulary);
  const bool space = config.flag("add_prefix_space", false);
  json post_processor;
  if (kind == Kind::roberta) {
    const std::string cls = added.name("cls_token"), sep = added.name("sep_token");
    post_processor = {{"type", "RobertaProcessing"},
                      {"sep", {sep, added.id(sep)}},
                      {"cls", {cls, added.id(cls)}},
                      {"trim_offsets", config.flag("trim_offsets", true)},
                      {"add_prefix_space", space}};
  } else if (config.flag("add_bos_token", false) && added.has("bos_token")) {
    post_processor = template_processing({added.name("bos_token")}, {}, added);
  }
  const bool qwen2 = kind == Kind::qwen2;
  return {
      {"normalizer", qwen2 ? json{{"type", "NFC"}} : json()},
      {"pre_tokenizer", qwen2 ? qwen2_pre_tokenizer(space) : byte_level(space)},
      {"post_processor", post_processor},
      {"decoder", byte_level(true)},
      {"model",
       {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", read_merges(find_file(files, {"merges.txt"}))}}}};
}

json read_t5(const OlderFiles& files, const Field& config, AddedTokenList& added) {
  const std::filesystem::path file = find_file(files, {"spiece.model", "tokenizer.model"});
  const SentencePieceFile pieces = parse_sentencepiece(read_file(file), file.string());
  json model = unigram_model(pieces, file.string());
  // The file lacks the sentinel tokens; `<extra_id_0>` gets the last id.
  for (int64_t number = config.integer("extra_ids", 100, 0, 10'000); number-- > 0;) {
    const std::string name = "<extra_id_" + std::to_string(number) + ">";
    model["vocab"].push_back({name, 0.0});
    added.add_special(name);
  }
  add_control_pieces(pieces, added);
  added.assign_ids(piece_ids(model["vocab"]));
  const json metaspace = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}};
  return {
      {"normalizer", precompiled_normalizer(pieces)},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace}}}},
      {"post_processor", template_processing({}, {added.name("eos_token")}, added)},
      {"decoder", metaspace},
      {"model", model}};
}

json read_llama(const OlderFiles& files, const Field& config, AddedTokenList& added) {
  const std::filesystem::path file = find_file(files, {"tokenizer.model", "spiece.model"});
  const SentencePieceFile pieces = parse_sentencepiece(read_file(file), file.string());
  json model = bpe_model(pieces, file.string());
  add_control_pieces(pieces, added);
  added.assign_ids(model["vocab"]);
  const bool space = config.flag("add_prefix_space", true);
  const std::string scheme = !space ? "never" : config.flag("legacy", false) ? "always" : "first";
  json decoders = {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (space)
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  std::vector<std::string> prefix, suffix;
  if (config.flag("add_bos_token", true))
    prefix.push_back(added.name("bos_token"));
  if (config.flag("add_eos_token", false))
    suffix.push_back(added.name("eos_token"));
  return {{"pre_tokenizer",
           {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", false}}},
          {"post_processor", template_processing(prefix, suffix, added)},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model", model}};
}

std::vector<std::pair<std::string, std::string>> default_names(Kind kind) {
  switch (kind) {
  case Kind::bert:
    return {{"unk_token", "[UNK]"},
            {"sep_token", "[SEP]"},
            {"pad_token", "[PAD]"},
            {"cls_token", "[CLS]"},
            {"mask_token", "[MASK]"}};
  case Kind::mpnet:
    return {{"bos_token", "<s>"},   {"eos_token", "</s>"},  {"sep_token", "</s>"},   {"cls_token", "<s>"},
            {"unk_token", "[UNK]"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}};
  case Kind::qwen2:
    return {{"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}};
  case Kind::gpt2:
    return {{"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};
  case Kind::roberta:
    return {{"bos_token", "<s>"},   {"eos_token", "</s>"},  {"sep_token", "</s>"},   {"cls_token", "<s>"},
            {"unk_token", "<unk>"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}};
  case Kind::t5:
    return {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  case Kind::llama:
    return {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}};
  }
  return {};
}

std::vector<NamedToken> default_tokens(Kind kind) {
  std::vector<NamedToken> tokens;
  for (const auto& [role, name] : default_names(kind)) {
    tokens.push_back({role, plain_token(name, true), true});
    // The class gives the mask this flag where the files have only its text.
    tokens.back().token["lstrip"] = kind == Kind::mpnet && role == "mask_token";
  }
  return tokens;
}

} // namespace

json older_files_as_tokenizer_json(const OlderFiles& files) {
  const CompanionFiles companions(files.directory);
  const Field config = companions.config();
  const Kind kind = kind_of(files, &config);
  AddedTokenList added(default_tokens(kind), companions.tokens());
  json document = kind == Kind::bert || kind == Kind::mpnet ? read_bert(files, config, added)
                  : kind == Kind::t5                        ? read_t5(files, config, added)
                  : kind == Kind::llama                     ? read_llama(files, config, added)
                                                            : read_byte_level(files, config, kind, added);
  document["version"] = "1.0";
  document["added_tokens"] = added.to_json();
  return document;
}

} // namespace cuecard::tokenizer
