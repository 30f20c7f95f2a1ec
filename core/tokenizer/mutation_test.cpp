// Files with bytes changed at random: each is refused with a sentence or read, and what is read tokenizes. Some
// thousand of them in a second or two; CUECARD_MUTATION_SECONDS in the environment asks for more.
#include "tokenizer/golden.hpp"

#include <chrono>
#include <cstdlib>
#include <random>

#include <cuecard/error.hpp>

#include "tokenizer/json_file.hpp"
#include "tokenizer/older_files.hpp"
#include "tokenizer/sentencepiece_json.hpp"
#include "tokenizer/steps.hpp"

using namespace cuecard;
using namespace cuecard::tokenizer;

namespace {

using Chance = std::mt19937_64;

size_t below(size_t end, Chance& chance) {
  return static_cast<size_t>(chance() % end);
}

/// A few bytes changed, dropped, doubled or taken from elsewhere in the file.
std::string mutated(std::string bytes, Chance& chance) {
  for (size_t times = 1 + below(4, chance); times > 0 && !bytes.empty(); --times) {
    const size_t at = below(bytes.size(), chance);
    const size_t length = std::min(bytes.size() - at, size_t{1} << below(8, chance));
    switch (below(6, chance)) {
    case 0:
      bytes[at] = static_cast<char>(chance());
      break;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8, chance));
      break;
    case 2:
      bytes.erase(at, length);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 4:
      bytes.replace(at, length, bytes.substr(below(bytes.size(), chance), length));
      break;
    default:
      if (below(4, chance) == 0)
        bytes.resize(at);
      else
        bytes[at] = "0123456789-.eE\"{}[],:tfn\\"[below(26, chance)];
    }
  }
  return bytes;
}

void tokenize(const nlohmann::json& document) {
  const auto vocabulary = make_vocabulary(document, "mutated", golden::folder / "none");
  const std::string text = "The caf\u00e9 <mask> [MASK]</s>\u00a0\uff21\ufb01 x\u0301 \U0001F600\xff 12";
  for (const auto& tokens : {vocabulary->encode(text), vocabulary->encode_with_specials(text)})
    for (const Token& token : tokens) {
      REQUIRE(token.begin <= token.end);
      REQUIRE(token.end <= text.size());
    }
  vocabulary->decode(golden::ids_of(vocabulary->encode(text)), false);
}

void read_json(const std::string& bytes) {
  tokenize(parse_json_text(bytes, "mutated"));
}

void read_unigram(const std::string& bytes) {
  const SentencePieceFile file = parse_sentencepiece(bytes, "mutated");
  tokenize({{"model", unigram_model(file, "mutated")}, {"normalizer", precompiled_normalizer(file)}});
}

void read_bpe(const std::string& bytes) {
  tokenize({{"model", bpe_model(parse_sentencepiece(bytes, "mutated"), "mutated")}});
}

/// Only the map of a Unigram file: most of a tokenizer.json's bytes are of other things.
std::string with_map(const std::string& map) {
  SentencePieceFile file;
  file.character_map = map;
  return nlohmann::json{
      {"normalizer", precompiled_normalizer(file)},
      {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", nlohmann::json::array({{"?", 0}, {"A", -1}})}}}}
      .dump();
}

struct Seed {
  std::string name, bytes;
  void (*read)(const std::string&);
};

std::vector<Seed> seeds() {
  std::vector<Seed> seeds;
  for (const char* name :
       {"bert-uncased", "llama2", "t5", "roberta", "falcon", "words-split-inverted", "unknown-single"})
    seeds.push_back({name, read_file(golden::folder / (std::string(name) + ".json")), read_json});
  const std::string t5 = read_file(golden::folder / "files/t5/spiece.model");
  seeds.push_back({"spiece.model", t5, read_unigram});
  seeds.push_back({"tokenizer.model", read_file(golden::folder / "files/llama/tokenizer.model"), read_bpe});
  seeds.push_back({"map", parse_sentencepiece(t5, "t5").character_map,
                   [](const std::string& map) { read_json(with_map(map)); }});
  return seeds;
}

} // namespace

TEST_CASE("mutated files are refused with a sentence or can be used") {
  using Clock = std::chrono::steady_clock;
  const char* given = std::getenv("CUECARD_MUTATION_SECONDS");
  const auto end = Clock::now() + std::chrono::seconds(given ? std::atol(given) : 0);
  const std::vector<Seed> all = seeds();
  for (const Seed& seed : all)
    CHECK_NOTHROW(seed.read(seed.bytes));
  Chance chance(4);
  size_t refused = 0, read = 0;
  while (refused + read < 3000 || Clock::now() < end) {
    const Seed& seed = all[(refused + read) % all.size()];
    const std::string bytes = mutated(seed.bytes, chance);
    try {
      seed.read(bytes);
      ++read;
    } catch (const DataError& error) {
      const std::string sentence = error.what();
      INFO(seed.name << ": " << sentence);
      CHECK(sentence.find('\n') == std::string::npos);
      CHECK(sentence.size() > 20);
      ++refused;
    }
  }
  MESSAGE(refused << " of " << refused + read << " mutated files were refused");
  CHECK(refused > 200);
  CHECK(read > 200);
}
