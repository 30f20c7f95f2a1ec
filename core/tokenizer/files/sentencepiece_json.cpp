#include "tokenizer/files/sentencepiece_json.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include <cuecard/error.hpp>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

using nlohmann::json;
using Type = SentencePieceFile::Type;

void check_algorithm(SentencePieceFile::Algorithm wanted, const char* name, const SentencePieceFile& file,
                     const std::string& origin) {
  if (file.algorithm != wanted)
    throw DataError(origin + " is not a " + name +
                    " model, which this model family requires; check that the file belongs to the model.");
}

struct Merge {
  int64_t rank; // id of the merged piece
  int64_t left_characters, left, right;
};

/// Appends all pairs of pieces that merge into piece `id`.
void append_merges(const SentencePieceFile& file, const std::unordered_map<std::string_view, int64_t>& ids,
                   int64_t id, std::vector<Merge>& to) {
  const std::string_view piece = file.entries[static_cast<size_t>(id)].piece;
  int64_t characters = 1;
  for (size_t at = utf8_length(piece[0]); at < piece.size(); at += utf8_length(piece[at]), ++characters) {
    const auto left = ids.find(piece.substr(0, at)), right = ids.find(piece.substr(at));
    if (left != ids.end() && right != ids.end())
      to.push_back({id, characters, left->second, right->second});
  }
}

std::string base64(const std::string& bytes) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t three = 0;
    for (size_t ahead = 0; ahead < 3; ++ahead)
      three = three << 8 | (at + ahead < bytes.size() ? static_cast<unsigned char>(bytes[at + ahead]) : 0u);
    for (size_t letter = 0; letter < 4; ++letter)
      text += at + letter > bytes.size() ? '=' : letters[three >> (18 - 6 * letter) & 0x3F];
  }
  return text;
}

} // namespace

json unigram_model(const SentencePieceFile& file, const std::string& origin) {
  check_algorithm(SentencePieceFile::Algorithm::unigram, "Unigram", file, origin);
  json vocabulary = json::array();
  for (const SentencePieceFile::Entry& entry : file.entries)
    vocabulary.push_back({entry.piece, static_cast<double>(entry.score)});
  return {{"type", "Unigram"},
          {"unk_id", file.unk_id},
          {"byte_fallback", file.byte_fallback},
          {"vocab", std::move(vocabulary)}};
}

json bpe_model(const SentencePieceFile& file, const std::string& origin) {
  check_algorithm(SentencePieceFile::Algorithm::bpe, "BPE", file, origin);
  json vocabulary = json::object();
  std::unordered_map<std::string_view, int64_t> ids;
  for (size_t id = 0; id < file.entries.size(); ++id) {
    vocabulary[file.entries[id].piece] = id;
    if (file.entries[id].type == Type::normal || file.entries[id].type == Type::user_defined)
      ids.emplace(file.entries[id].piece, static_cast<int64_t>(id));
  }
  std::vector<Merge> merges;
  for (int64_t id = 0; id < std::ssize(file.entries); ++id)
    if (file.entries[static_cast<size_t>(id)].type == Type::normal)
      append_merges(file, ids, id, merges);
  std::sort(merges.begin(), merges.end(), [](const Merge& left, const Merge& right) {
    return std::tie(left.rank, left.left_characters) < std::tie(right.rank, right.left_characters);
  });
  json pairs = json::array();
  for (const Merge& merge : merges)
    pairs.push_back({file.entries[static_cast<size_t>(merge.left)].piece,
                     file.entries[static_cast<size_t>(merge.right)].piece});
  return {{"type", "BPE"},
          {"unk_token", file.entries[static_cast<size_t>(file.unk_id)].piece},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(pairs)}};
}

json precompiled_normalizer(const SentencePieceFile& file) {
  if (file.precompiled_charsmap.empty())
    return nullptr;
  return {{"type", "Precompiled"}, {"precompiled_charsmap", base64(file.precompiled_charsmap)}};
}

void add_control_pieces(const SentencePieceFile& file, AddedTokenList& to) {
  for (const SentencePieceFile::Entry& entry : file.entries)
    if (entry.type == Type::control)
      to.add_special(entry.piece);
    else if (entry.type == Type::user_defined)
      to.add_plain(entry.piece);
}

json piece_ids(const json& scored) {
  json ids = json::object();
  for (size_t id = 0; id < scored.size(); ++id)
    ids[scored[id][0].get<std::string>()] = id;
  return ids;
}

} // namespace cuecard::tokenizer
