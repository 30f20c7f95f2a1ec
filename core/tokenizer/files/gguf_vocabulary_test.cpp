#include "tokenizer/golden.hpp"

#include <numeric>

#include <cuecard/error.hpp>

#include "tokenizer/files/sentencepiece_file.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
using nlohmann::json;

namespace {

/// The GGUF equivalent of a byte-level tokenizer.json.
GgufTokenizer from_byte_level(const std::string& name, const std::string& pre) {
  const json file = golden::read(golden::folder / (name + ".json"));
  GgufTokenizer gguf;
  gguf.model = "gpt2";
  gguf.pre = pre;
  gguf.tokens.resize(file["model"]["vocab"].size());
  for (const auto& [piece, id] : file["model"]["vocab"].items())
    gguf.tokens[id.get<size_t>()] = piece;
  gguf.types.assign(gguf.tokens.size(), 1);
  for (const auto& token : file["added_tokens"])
    if (const auto id = token["id"].get<size_t>();
        id < gguf.types.size()) // gpt2.json has words that GGUF has no flags for
      gguf.types[id] = 3;
  for (const auto& merge : file["model"]["merges"])
    gguf.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return gguf;
}

GgufTokenizer from_wordpiece(const std::string& name) {
  const json file = golden::read(golden::folder / (name + ".json"));
  GgufTokenizer gguf;
  gguf.model = "bert";
  gguf.tokens.resize(file["model"]["vocab"].size());
  gguf.types.assign(gguf.tokens.size(), 1);
  for (const auto& [piece, id] : file["model"]["vocab"].items()) {
    const bool bracketed = piece.size() > 2 && piece.front() == '[' && piece.back() == ']';
    gguf.tokens[id.get<size_t>()] = bracketed                   ? piece
                                    : piece.rfind("##", 0) == 0 ? piece.substr(2)
                                                                : "\u2581" + piece;
    gguf.types[id.get<size_t>()] = bracketed ? 3 : 1;
  }
  return gguf;
}

/// A SentencePiece file as llama.cpp's converter writes it, with the ids of its pieces reversed from the 260th on: only the scores
/// tell which pieces merge first. `new_ids`: by the ids of the file.
GgufTokenizer from_sentencepiece(std::vector<int64_t>& new_ids) {
  std::ifstream stream(golden::folder / "files/llama/tokenizer.model", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  const tokenizer::SentencePieceFile file = tokenizer::parse_sentencepiece(bytes, "tokenizer.model");
  const size_t count = file.entries.size();
  GgufTokenizer gguf;
  gguf.model = "llama";
  gguf.tokens.resize(count);
  gguf.scores.resize(count);
  gguf.types.resize(count);
  new_ids.resize(count);
  std::iota(new_ids.begin(), new_ids.end(), 0);
  std::reverse(new_ids.begin() + 260, new_ids.end());
  for (size_t id = 0; id < count; ++id) {
    const auto at = static_cast<size_t>(new_ids[id]);
    gguf.tokens[at] = file.entries[id].piece;
    gguf.scores[at] = file.entries[id].score;
    gguf.types[at] = static_cast<int32_t>(file.entries[id].type);
  }
  return gguf;
}

std::shared_ptr<const Vocabulary> through_tokenizer_json(const GgufTokenizer& gguf) {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-gguf-tokenizer-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tokenizer.json", std::ios::binary) << to_tokenizer_json(gguf, "model.gguf");
  std::ofstream(folder / "tokenizer_config.json", std::ios::binary)
      << to_tokenizer_config_json(gguf, "model.gguf");
  const auto vocabulary = read_tokenizer_json(folder / "tokenizer.json");
  std::filesystem::remove_all(folder);
  return vocabulary;
}

std::string error_of(const GgufTokenizer& gguf) {
  try {
    make_vocabulary(gguf, "model.gguf");
  } catch (const DataError& error) {
    CHECK(std::string(error.what()).rfind("model.gguf: metadata \"tokenizer.ggml.", 0) == 0);
    return error.what();
  }
  return "accepted";
}

} // namespace

TEST_CASE("named GGUF pre-tokenizers are equivalent to their regular expressions") {
  for (const auto& [name, pre] :
       {std::pair<std::string, std::string>{"smollm", "smollm"}, {"llama3", "llama-bpe"}, {"qwen2", "qwen2"}}) {
    GgufTokenizer gguf = from_byte_level(name, pre);
    golden::check(*make_vocabulary(gguf, "model.gguf"), name);
    golden::check(*through_tokenizer_json(gguf), name);
  }
}

TEST_CASE("other names of the same pre-tokenizers, as llama.cpp has them") {
  for (const auto& [name, pre] : {std::pair<std::string, std::string>{"smollm", "command-r"},
                                  {"llama3", "pixtral"},
                                  {"qwen2", "deepseek-r1-qwen"},
                                  {"qwen2", "megrez"}}) {
    CAPTURE(pre);
    GgufTokenizer gguf = from_byte_level(name, pre);
    gguf.add_bos = false;
    golden::check(*make_vocabulary(gguf, "model.gguf"), name);
  }
  const json golden = golden::read(golden::folder / "gpt2.golden.json");
  const auto texts = golden::texts();
  for (const char* pre : {"gpt-2", "phi-2", "olmo", "jais"}) {
    CAPTURE(pre);
    const auto vocabulary = make_vocabulary(from_byte_level("gpt2", pre), "model.gguf");
    int compared = 0;
    for (size_t index = 0; index < texts.size(); ++index) {
      // Skips texts with words that were added to the golden tokenizer only.
      const auto expected = golden["plain"][index]["ids"].get<std::vector<int64_t>>();
      if (std::any_of(expected.begin(), expected.end(), [&](int64_t id) { return id >= vocabulary->size(); }))
        continue;
      CHECK(golden::ids_of(vocabulary->encode(texts[index])) == expected);
      ++compared;
    }
    CHECK(compared > 40);
  }
}

TEST_CASE("Llama 3's pre-tokenizers add the beginning of a sequence unless the file says otherwise") {
  for (const char* pre : {"llama-bpe", "llama3", "llama-v3", "pixtral", "qwen2", "smaug-bpe", "gpt-2"}) {
    CAPTURE(pre);
    GgufTokenizer gguf = from_byte_level("llama3", pre);
    gguf.bos = 3;
    const bool adds = std::string(pre).starts_with("llama") || std::string(pre) == "pixtral";
    for (const auto& vocabulary : {make_vocabulary(gguf, "model.gguf"), through_tokenizer_json(gguf)}) {
      REQUIRE(vocabulary->sequence_prefix().size() == (adds ? 1 : 0));
      CHECK((!adds || vocabulary->sequence_prefix()[0] == 3));
      CHECK(vocabulary->sequence_suffix().empty());
    }
    gguf.add_bos = !adds;
    CHECK(make_vocabulary(gguf, "model.gguf")->sequence_prefix().empty() == adds);
    gguf.add_bos = true;
    gguf.bos = std::nullopt;
    CHECK(make_vocabulary(gguf, "model.gguf")->sequence_prefix()[0] == 11); // llama.cpp's
  }
}

TEST_CASE("a SentencePiece vocabulary with scores gives the ids of its file") {
  std::vector<int64_t> new_ids;
  const GgufTokenizer gguf = from_sentencepiece(new_ids);
  // llama.cpp also adds a space after every special token, as transformers' Llama does if it is "legacy".
  const json golden = golden::read(golden::folder / "files/llama-legacy.golden.json");
  const auto texts = golden::texts();
  for (const auto& vocabulary : {make_vocabulary(gguf, "model.gguf"), through_tokenizer_json(gguf)}) {
    int compared = 0;
    for (const auto& [row, expected] : golden["rows"].items()) {
      CAPTURE(row);
      const std::string& text = texts[std::stoul(row)];
      const auto ids = [&](const std::string& kind) {
        auto list = expected[kind]["ids"].get<std::vector<int64_t>>();
        for (int64_t& id : list)
          id = new_ids.at(static_cast<size_t>(id));
        return list;
      };
      // SentencePiece and llama.cpp prepend a space to any text, transformers only to one without a leading space.
      const auto with_blank = [&](std::vector<int64_t> list) {
        if (text.starts_with(' '))
          list.insert(list.begin(), *vocabulary->id("\u2581"));
        return list;
      };
      CHECK(golden::ids_of(vocabulary->encode(text)) == with_blank(ids("plain")));
      CHECK(golden::ids_of(vocabulary->encode_with_specials(text)) == with_blank(ids("special")));
      CHECK(vocabulary->decode(ids("plain"), false) == expected["plain"]["text"]);
      ++compared;
    }
    CHECK(compared > 15);
    // The keys that the file lacks: <unk>, <s> and </s>, of which the second is prepended.
    CHECK(vocabulary->special().unk == 0);
    CHECK(vocabulary->special().bos == 1);
    CHECK(vocabulary->special().eos == 2);
    REQUIRE(vocabulary->sequence_prefix().size() == 1);
    CHECK(vocabulary->sequence_prefix()[0] == 1);
    CHECK(vocabulary->sequence_suffix().empty());
  }
  GgufTokenizer without = gguf;
  without.add_space_prefix = false;
  without.add_bos = false;
  const auto vocabulary = make_vocabulary(without, "model.gguf");
  CHECK(vocabulary->sequence_prefix().empty());
  CHECK(vocabulary->decode(golden::ids_of(vocabulary->encode("a b")), false) == "a b");
  CHECK(vocabulary->piece(vocabulary->encode("a b")[0].id).front() == 'a');
  without.scores.clear();
  CHECK(error_of(without).find("scores\" is missing") != std::string::npos);
}

TEST_CASE("WordPiece with U+2581 prefixes as in GGUF") {
  const GgufTokenizer gguf = from_wordpiece("bert-uncased");
  const auto vocabulary = make_vocabulary(gguf, "model.gguf");
  const auto written = through_tokenizer_json(gguf);
  const json golden = golden::read(golden::folder / "bert-uncased.golden.json");
  const auto texts = golden::texts();
  int compared = 0;
  for (size_t index = 0; index < texts.size(); ++index) {
    // Skips texts with words that were added to the golden tokenizer only.
    const auto expected = golden["plain"][index]["ids"].get<std::vector<int64_t>>();
    if (std::any_of(expected.begin(), expected.end(), [&](int64_t id) { return id >= vocabulary->size(); }))
      continue;
    CHECK(golden::ids_of(vocabulary->encode(texts[index])) == expected);
    CHECK(golden::ids_of(written->encode(texts[index])) == expected);
    ++compared;
  }
  CHECK(compared > 40);
  CHECK(vocabulary->piece(vocabulary->sequence_prefix()[0]) == "[CLS]");
  CHECK(vocabulary->piece(vocabulary->sequence_suffix()[0]) == "[SEP]");
  CHECK(vocabulary->kind() == "WordPiece");
  CHECK(vocabulary->special().mask == vocabulary->id("[MASK]"));
  CHECK(written->special().mask == vocabulary->id("[MASK]"));
  CHECK(written->special().cls == vocabulary->id("[CLS]"));
}

TEST_CASE("special token roles, sequence prefix and suffix") {
  GgufTokenizer gguf = from_byte_level("smollm", "smollm");
  gguf.bos = 1;
  gguf.eos = 2;
  gguf.pad = 2;
  CHECK(make_vocabulary(gguf, "model.gguf")->sequence_prefix().empty());
  gguf.add_bos = gguf.add_eos = true;
  for (const auto& vocabulary : {make_vocabulary(gguf, "model.gguf"), through_tokenizer_json(gguf)}) {
    CHECK(vocabulary->special().bos == 1);
    CHECK(vocabulary->special().eos == 2);
    CHECK(vocabulary->special().pad == 2);
    CHECK_FALSE(vocabulary->special().mask);
    CHECK(vocabulary->sequence_prefix().size() == 1);
    CHECK(vocabulary->sequence_prefix()[0] == 1);
    CHECK(vocabulary->sequence_suffix()[0] == 2);
    CHECK(vocabulary->is_special(0));
    CHECK_FALSE(vocabulary->is_special(3));
  }
}

TEST_CASE("errors for invalid GGUF metadata name the key") {
  const GgufTokenizer valid = from_byte_level("smollm", "smollm");
  const auto check = [&](const std::string& part, auto corrupt) {
    GgufTokenizer gguf = valid;
    corrupt(gguf);
    const std::string error = error_of(gguf);
    CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  };
  check("\"t5\"", [](GgufTokenizer& gguf) { gguf.model = "t5"; });
  check("Did you mean \"smollm\"", [](GgufTokenizer& gguf) { gguf.pre = "smolm"; });
  check("pre\" is missing", [](GgufTokenizer& gguf) { gguf.pre = ""; });
  check("gpt-2, smollm, starcoder, llama-bpe, qwen2", [](GgufTokenizer& gguf) { gguf.pre = ""; });
  check("tokens\" is empty", [](GgufTokenizer& gguf) { gguf.tokens.clear(); });
  check("token_type", [](GgufTokenizer& gguf) { gguf.types.pop_back(); });
  check("not valid UTF-8 in token 7", [](GgufTokenizer& gguf) { gguf.tokens[7] = "\xff"; });
  check("twice", [](GgufTokenizer& gguf) { gguf.tokens[7] = gguf.tokens[8]; });
  check("bos_token_id\" is 100000", [](GgufTokenizer& gguf) { gguf.bos = 100000; });
  check("eos_token_id\" is -1", [](GgufTokenizer& gguf) { gguf.eos = -1; });
  check("bos_token_id\" is missing", [](GgufTokenizer& gguf) {
    gguf.add_bos = true;
    gguf.tokens.resize(5);
    gguf.types.resize(5);
  });
  check("lacks one of", [](GgufTokenizer& gguf) { gguf.model = "bert"; });
  check("merge 2", [](GgufTokenizer& gguf) { gguf.merges[2] = "ab"; });
  check("merge 2", [](GgufTokenizer& gguf) { gguf.merges[2] = "a \xff"; });
  check(": metadata \"tokenizer.ggml.merges\" has merge 2, \"a \u2603\", but the piece",
        [](GgufTokenizer& gguf) { gguf.merges[2] = "a \u2603"; });
}
