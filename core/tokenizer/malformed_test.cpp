#include "tokenizer/golden.hpp"

#include <functional>

#include <cuecard/error.hpp>

#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
using nlohmann::json;

namespace {

/// Removed by the destructor.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / "cuecard-malformed-tokenizer.json") {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

std::string error_of(const std::string& text) {
  const TemporaryFile file(text);
  try {
    read_tokenizer_json(file.path());
  } catch (const DataError& error) {
    const std::string what = error.what();
    CHECK(what.find(file.path().filename().string()) != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
    return what;
  }
  return "accepted";
}

/// The error for a valid file after `corrupt`.
std::string error_after(const std::string& name, const std::function<void(json&)>& corrupt) {
  json document = golden::read(golden::folder / (name + ".json"));
  corrupt(document);
  return error_of(document.dump());
}

void check_mentions(const std::string& error, const std::string& part) {
  CHECK_MESSAGE(error.find(part) != std::string::npos, error);
}

} // namespace

TEST_CASE("errors for an invalid tokenizer.json name the key") {
  const auto check = [](const std::string& name, const std::string& key,
                        const std::function<void(json&)>& corrupt) {
    check_mentions(error_after(name, corrupt), key);
  };
  check("gpt2", "\"model\" is missing", [](json& file) { file.erase("model"); });
  check("gpt2", "\"model.vocab\"", [](json& file) { file["model"].erase("vocab"); });
  check("gpt2", "merge 0, ", [](json& file) { file["model"]["vocab"] = json::object(); });
  check("gpt2", "\"model.vocab\" is empty", [](json& file) {
    file["model"]["vocab"] = file["model"]["merges"] = file["added_tokens"] = json::array();
    file["model"]["vocab"] = json::object();
  });
  check("bert-uncased", "\"model.vocab\" is empty",
        [](json& file) { file["model"]["vocab"] = json::object(); });
  check("gpt2", "\"model.vocab\" should be an object", [](json& file) { file["model"]["vocab"] = "x"; });
  check("gpt2", "\"model.vocab.t\"", [](json& file) { file["model"]["vocab"]["t"] = "x"; });
  check("gpt2", "-3", [](json& file) { file["model"]["vocab"]["t"] = -3; });
  check("gpt2", "the ids of a vocabulary", [](json& file) { file["model"]["vocab"]["t"] = 2'000'000'000; });
  check("gpt2", "\"model.vocab\"", [](json& file) { file["model"]["vocab"]["t"] = UINT64_MAX; });
  check("gpt2", "merge 140, \"zz yy\"", [](json& file) { file["model"]["merges"][140] = {"zz", "yy"}; });
  check("gpt2", "\"model.merges[3]\"", [](json& file) { file["model"]["merges"][3] = "a b c"; });
  check("gpt2", "\"model.merges[3]\"", [](json& file) { file["model"]["merges"][3] = {"a"}; });
  check("gpt2", "\"model.merges\"", [](json& file) { file["model"]["merges"] = 5; });
  check("gpt2", "\"model.dropout\" should be a probability",
        [](json& file) { file["model"]["dropout"] = 1.5; });
  check("gpt2", "\"model.dropout\" should be a number", [](json& file) { file["model"]["dropout"] = "no"; });
  check("gpt2", "shorter than the continuing_subword_prefix",
        [](json& file) { file["model"]["continuing_subword_prefix"] = "####"; });
  check("gpt2", "\"model.fuse_unk\"", [](json& file) { file["model"]["fuse_unk"] = "yes"; });
  check("gpt2", "supported values are WordPiece, BPE, Unigram, WordLevel",
        [](json& file) { file["model"]["type"] = "WordLvl"; });
  check("gpt2", "\"model.vocab\" should be an array", [](json& file) { file["model"]["type"] = "Unigram"; });
  check("gpt2", "Did you mean \"ByteLevel\"", [](json& file) { file["pre_tokenizer"]["type"] = "ByteLevl"; });
  check("gpt2", "\"added_tokens[0].id\"", [](json& file) { file["added_tokens"][0]["id"] = -5; });
  check("gpt2", "\"added_tokens[0].id\"", [](json& file) { file["added_tokens"][0]["id"] = "5"; });
  check("gpt2", "\"added_tokens[1].content\"", [](json& file) { file["added_tokens"][1]["content"] = 7; });
  check("gpt2", "\"added_tokens\"", [](json& file) { file["added_tokens"] = {{"id", 5}}; });
  check("bert-uncased", "\"model.unk_token\"", [](json& file) { file["model"]["unk_token"] = 0; });
  check("bert-uncased", "\"model.max_input_chars_per_word\"",
        [](json& file) { file["model"]["max_input_chars_per_word"] = -1; });
  check("bert-uncased", "\"normalizer.type\"", [](json& file) { file["normalizer"] = {{"type", "Nmx"}}; });
  check("bert-uncased", "\"post_processor.single[0].SpecialToken.id\"",
        [](json& file) { file["post_processor"]["special_tokens"].erase("[CLS]"); });
  check("bert-uncased", "\"post_processor\" adds token id 99999",
        [](json& file) { file["post_processor"]["special_tokens"]["[CLS]"]["ids"][0] = 99999; });
  check("bert-uncased", "\"post_processor.single[1]\"",
        [](json& file) { file["post_processor"]["single"][0] = file["post_processor"]["single"][1]; });
  check("bert-uncased", "has no sequence", [](json& file) { file["post_processor"]["single"].erase(1); });
  check("bert-cased", "\"post_processor.cls\"", [](json& file) { file["post_processor"]["cls"] = {"[CLS]"}; });
  check("bert-uncased", "\"decoder.type\"", [](json& file) { file["decoder"] = {{"type", "Spaces"}}; });
  check("bert-uncased", "\"decoder.pad_token\" is missing",
        [](json& file) { file["decoder"]["type"] = "CTC"; });
  check("words-bert", "\"pre_tokenizer.length\"", [](json& file) {
    file["pre_tokenizer"] = {{"type", "FixedLength"}, {"length", 0}};
  });
  check("words-bert", "\"pre_tokenizer.delimiter\"", [](json& file) {
    file["pre_tokenizer"] = {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}};
  });
  check("llama2", "\"normalizer.normalizers[1].pattern", [](json& file) {
    file["normalizer"]["normalizers"][1]["pattern"] = {{"Regex", "(a"}};
  });
  check("llama2", "\"decoder.decoders[3].content\"",
        [](json& file) { file["decoder"]["decoders"][3]["content"] = "ab"; });
  check("t5", "\"decoder.replacement\" should be a single character",
        [](json& file) { file["decoder"]["replacement"] = ""; });
  check("t5", "replacement\" should be a single character", [](json& file) {
    file["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", ""}};
  });
  check("words-split-removed", "\"pre_tokenizer.behavior\"",
        [](json& file) { file["pre_tokenizer"]["behavior"] = "Dropped"; });
}

TEST_CASE("errors for an invalid Unigram vocabulary name the key") {
  const auto check = [](const std::string& key, const std::function<void(json&)>& corrupt) {
    check_mentions(error_after("t5", corrupt), key);
  };
  check("\"model.vocab\" is empty", [](json& file) { file["model"]["vocab"] = json::array(); });
  check("\"model.vocab\" should be an array", [](json& file) { file["model"]["vocab"] = {{"a", 1}}; });
  check("\"model.vocab[7]\"", [](json& file) { file["model"]["vocab"][7] = {"a", "b"}; });
  check("\"model.vocab[7]\"", [](json& file) { file["model"]["vocab"][7] = "a"; });
  check("\"model.unk_id\"", [](json& file) { file["model"]["unk_id"] = 100'000; });
  check("\"model.unk_id\"", [](json& file) { file["model"]["unk_id"] = -1; });

  json document = golden::read(golden::folder / "t5.json");
  document["model"]["unk_id"] = nullptr;
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  CHECK(vocabulary->encode("the").size() > 0);
  CHECK_THROWS_AS(vocabulary->encode("\u2603"), DataError);
}

namespace {

std::string base64(const std::string& bytes) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t bit = 0; bit < 8 * bytes.size(); bit += 6) {
    int six = 0;
    for (size_t next = bit; next < bit + 6; ++next)
      six = 2 * six +
            (next < 8 * bytes.size() ? static_cast<unsigned char>(bytes[next / 8]) >> (7 - next % 8) & 1 : 0);
    text += letters[six];
  }
  return text.append((4 - text.size() % 4) % 4, '=');
}

std::string words(std::initializer_list<uint32_t> values) {
  std::string bytes;
  for (const uint32_t value : values)
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  return bytes;
}

} // namespace

TEST_CASE("a precompiled charsmap that is truncated or has out-of-range offsets is rejected") {
  const auto error = [](const std::string& text) {
    return error_after("t5", [&](json& file) { file["normalizer"]["precompiled_charsmap"] = text; });
  };
  const std::string whole =
      golden::read(golden::folder / "t5.json")["normalizer"]["precompiled_charsmap"].get<std::string>();
  CHECK(error(whole) == "accepted");
  check_mentions(error(whole.substr(0, 101)), "multiple of four");
  check_mentions(error(whole.substr(0, 100)), "cut off");
  check_mentions(error("####"), "base64");
  check_mentions(error(""), "0 bytes");
  check_mentions(error(base64(words({0}))), "0 bytes");
  check_mentions(error(base64(words({6, 1, 1}))), "6 bytes");
  check_mentions(error(base64(words({UINT32_MAX, 1}))), "4294967295 bytes");
  check_mentions(error(base64(words({4, 1u << 8 | 5u << 10}) + "x")), "refers to unit 5");
  check_mentions(error(base64(words({8, 1u << 8 | 1u << 10, 1u << 31 | 1}) + "x")), "byte 1 of 1");
  check_mentions(error(base64(words({4, 0}) + "\xff")), "not valid UTF-8");
  CHECK(error(base64(words({4, 0}) + "x")) == "accepted");

  // Every node is its own child: a lookup ends at the end of the text.
  std::string circle = words({4 * 256});
  for (uint32_t byte = 0; byte < 256; ++byte)
    circle += words({byte});
  json document = golden::read(golden::folder / "t5.json");
  document["normalizer"]["precompiled_charsmap"] = base64(circle + "x");
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  CHECK(vocabulary->decode(golden::ids_of(vocabulary->encode("the the")), false) == "the the");
}

TEST_CASE("files that are not JSON or exceed a limit") {
  check_mentions(error_of(""), "not valid JSON at byte");
  check_mentions(error_of("[1]"), "should be an object");
  check_mentions(error_of(R"({"model": 1e999})"), "too large");
  check_mentions(error_of(std::string(1'000'000, '[')), "nested more than 64");
  json nested = {{"type", "Lowercase"}};
  for (int level = 0; level < 100; ++level)
    nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  check_mentions(error_after("gpt2", [&](json& file) { file["normalizer"] = nested; }), "nested more than 64");
  CHECK_THROWS_AS(read_tokenizer_json("/nonexistent/tokenizer.json"), DataError);
  CHECK_THROWS_AS(read_tokenizer_json(std::filesystem::temp_directory_path()), DataError);
}

TEST_CASE("a file truncated anywhere is rejected") {
  const std::string whole = golden::read(golden::folder / "bert-uncased.json").dump();
  for (size_t length = 0; length < whole.size(); length += 97)
    CHECK(error_of(whole.substr(0, length)) != "accepted");
}

TEST_CASE("added tokens that refer to each other") {
  // Normalising each of them gives another one, and the longest one contains itself: text is normalised only
  // once.
  json document = golden::read(golden::folder / "bert-uncased.json");
  const auto replace = [](const char* from, const char* to) {
    return json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  document["normalizer"] = {{"type", "Sequence"},
                            {"normalizers", {replace("ab", "ba"), replace("ba", "abab")}}};
  for (const char* content : {"ab", "ba", "abab"})
    document["added_tokens"].push_back(
        {{"id", 2000 + document["added_tokens"].size()}, {"content", content}, {"normalized", true}});
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  const std::vector<int64_t> ids = golden::ids_of(vocabulary->encode("ab"));
  REQUIRE(ids.size() == 1); // "ab" and "ba" have the same normalised form; the first one wins
  CHECK(vocabulary->piece(ids[0]) == "abab");
}

TEST_CASE("nested replacements that grow exponentially are aborted") {
  const json doubling{{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  const json steps(60, doubling);
  json document = golden::read(golden::folder / "bert-uncased.json");
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  document["decoder"] = {{"type", "Sequence"}, {"decoders", steps}};
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  CHECK(vocabulary->encode("b").size() == 1);
  CHECK_THROWS_WITH_AS(vocabulary->encode("a"), doctest::Contains("more than 65600 bytes"), DataError);
  const int64_t ids[] = {*vocabulary->id("a")};
  CHECK_THROWS_WITH_AS(vocabulary->decode(ids, false), doctest::Contains("decoder produces more than"),
                       DataError);
}

TEST_CASE("a pattern with catastrophic backtracking is aborted") {
  json document = golden::read(golden::folder / "words-split-removed.json");
  document["pre_tokenizer"]["pattern"]["Regex"] = "(a+)+$b";
  const TemporaryFile file(document.dump());
  const auto vocabulary = read_tokenizer_json(file.path());
  CHECK_THROWS_AS(vocabulary->encode(std::string(100, 'a') + "!"), DataError);
}
