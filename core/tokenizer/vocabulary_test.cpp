#include "tokenizer/golden.hpp"

#include <thread>

#include <cuecard/error.hpp>

#include "tokenizer/tokenizer.hpp"

using namespace cuecard;

namespace {

std::shared_ptr<const Vocabulary> open(const std::string& name) {
  return read_tokenizer_json(golden::folder / (name + ".json"));
}

using Strings = std::vector<std::string>;

/// The text of the tokens, separated by bars.
std::string covered(const Vocabulary& vocabulary, const std::string& text) {
  std::string covered;
  for (const Token& token : vocabulary.encode(text))
    covered += (covered.empty() ? "" : "|") + text.substr(token.begin, token.end - token.begin);
  return covered;
}

} // namespace

TEST_CASE("offsets refer to the original text") {
  CHECK(covered(*open("words-bert"), "The\u00a0 CAFE\u0301,\t\u0130日") == "The|CAFE\u0301|,|\u0130日");
  CHECK(covered(*open("bert-uncased"), "\u0130\u00c9, e\u0301 日") ==
        "\u0130|\u00c9|,|e|日"); // the accent is gone
  CHECK(covered(*open("qwen2"), "n\u0303") == "n\u0303|n\u0303");
  CHECK(covered(*open("smollm"), "12 𝕳") == "1|2| |𝕳|𝕳|𝕳|𝕳");
  CHECK(covered(*open("gpt2"), "th th") == "th|th"); // trim_offsets
  CHECK(covered(*open("smollm"), "th th") == "th| th");
  CHECK(covered(*open("smollm"), "\xff\xf0\x9f\x92z\x80") ==
        "\xff|\xff|\xff|\xf0\x9f\x92|\xf0\x9f\x92|\xf0\x9f\x92|z|\x80|\x80|\x80");
}

TEST_CASE("encode never produces special tokens, encode_with_specials does") {
  for (const auto& [name, special] : {std::pair<std::string, std::string>{"bert-uncased", "[MASK]"},
                                      {"roberta", "<mask>"},
                                      {"smollm", "<|im_end|>"}}) {
    const auto vocabulary = open(name);
    const auto id = vocabulary->id(special);
    REQUIRE(id);
    CHECK(vocabulary->is_special(*id));
    const std::string text = "x " + special + " y";
    for (const Token& token : vocabulary->encode(text))
      CHECK((!vocabulary->is_special(token.id) || token.id == vocabulary->special().unk));
    const auto ids = golden::ids_of(vocabulary->encode_with_specials(text));
    CHECK(std::count(ids.begin(), ids.end(), *id) == 1);
    CHECK(vocabulary->decode(ids, true).find(special) == std::string::npos);
    CHECK(vocabulary->decode(ids, false).find(special) != std::string::npos);
  }
}

TEST_CASE("pieces and ids map to each other, and ids out of range are rejected") {
  for (const std::string name : {"bert-uncased", "bert-cased", "gpt2", "llama2"}) {
    const auto vocabulary = open(name);
    for (int64_t id = 0; id < vocabulary->size(); ++id)
      CHECK(vocabulary->id(vocabulary->piece(id)) == id);
    for (const int64_t id : {int64_t{-1}, vocabulary->size(), INT64_MAX, INT64_MIN}) {
      CHECK_THROWS_AS(vocabulary->piece(id), DataError);
      CHECK_FALSE(vocabulary->is_special(id));
    }
    CHECK_FALSE(vocabulary->id("no such piece"));
  }
  const auto bert = open("bert-uncased");
  CHECK(bert->decode(std::vector<int64_t>{1 << 30, -5}) == ""); // ignored, like in the tokenizers package
}

TEST_CASE("sequence prefix and suffix, and special token roles") {
  const auto expect = [](const std::string& name, const Strings& prefix, const Strings& suffix) {
    const auto vocabulary = open(name);
    Strings found_prefix, found_suffix;
    for (const int64_t id : vocabulary->sequence_prefix())
      found_prefix.push_back(vocabulary->piece(id));
    for (const int64_t id : vocabulary->sequence_suffix())
      found_suffix.push_back(vocabulary->piece(id));
    CHECK(found_prefix == prefix);
    CHECK(found_suffix == suffix);
    return vocabulary;
  };
  const auto bert = expect("bert-uncased", {"[CLS]"}, {"[SEP]"});
  CHECK(bert->kind() == "WordPiece");
  CHECK(bert->special().cls == bert->id("[CLS]"));
  CHECK(bert->special().mask == bert->id("[MASK]"));
  CHECK(bert->special().pad == bert->id("[PAD]"));
  CHECK_FALSE(bert->special().bos);
  const auto roberta = expect("roberta", {"<s>"}, {"</s>"});
  CHECK(roberta->kind() == "BPE");
  CHECK(roberta->special().cls == roberta->id("<s>"));
  CHECK(roberta->special().sep == roberta->id("</s>"));
  CHECK(roberta->special().mask == roberta->id("<mask>"));
  expect("bert-cased", {"[CLS]"}, {"[SEP]"});
  expect("llama3", {"<|begin_of_text|>"}, {});
  const auto gpt2 = expect("gpt2", {}, {});
  CHECK(gpt2->special().eos == gpt2->id("<|endoftext|>"));
}

TEST_CASE("roles are read from the files next to tokenizer.json") {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-tokenizer-roles-test";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(golden::folder / "smollm.json", folder / "tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  std::ofstream(folder / "tokenizer_config.json")
      << R"({"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>", "lstrip": false}, "pad_token": null})";
  std::ofstream(folder / "special_tokens_map.json") << R"({"bos_token": "<|im_end|>", "pad_token": "<|im_end|>",
                                                           "mask_token": "<absent>"})";
  const auto vocabulary = read_tokenizer_json(folder / "tokenizer.json");
  CHECK(vocabulary->special().bos == vocabulary->id("<|im_start|>"));
  CHECK(vocabulary->special().eos == vocabulary->id("<|im_end|>"));
  CHECK(vocabulary->special().pad == vocabulary->id("<|im_end|>"));
  // A token that tokenizer.json lacks is added, as in transformers.
  CHECK(vocabulary->special().mask == open("smollm")->size());
  CHECK(vocabulary->id("<absent>") == vocabulary->special().mask);
  CHECK(vocabulary->is_special(*vocabulary->special().mask));
  std::filesystem::remove_all(folder);
}

// A quadratic algorithm would take hours.
TEST_CASE("very long words") {
  std::string syllables;
  for (int times = 0; times < 500'000; ++times)
    syllables += "ab";
  const auto merged = golden::ids_of(open("smollm")->encode(syllables));
  CHECK(open("smollm")->decode(merged) == syllables);
  const auto bert = open("bert-uncased");
  const auto unknown = bert->encode(syllables);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].id == bert->id("[UNK]"));
  CHECK(unknown[0].end == syllables.size());
  std::string marks = "a";
  for (int times = 0; times < 100'000; ++times)
    marks += "\u0301\u0323";
  CHECK(open("qwen2")->encode(marks).size() > 0);
  CHECK(bert->decode(golden::ids_of(bert->encode(marks))) == "a");
  const std::string spaces(1'000'000, ' ');
  CHECK(open("gpt2")->decode(golden::ids_of(open("gpt2")->encode(spaces))) == spaces);
  const std::string brackets(1'000'000, '[');
  CHECK(bert->encode_with_specials(brackets).size() == brackets.size());
}

TEST_CASE("more words than the word cache holds, from many threads") {
  const auto vocabulary = open("smollm");
  std::string text;
  for (int number = 0; number < 40'000; ++number)
    text += " word" + std::string(1, static_cast<char>('a' + number % 26)) +
            static_cast<char>('a' + number / 26 % 26) + static_cast<char>('a' + number / 676 % 26) +
            static_cast<char>('a' + number / 17576);
  const auto expected = golden::ids_of(vocabulary->encode(text));
  CHECK(vocabulary->decode(expected) == text);
  std::vector<std::vector<int64_t>> found(8);
  std::vector<std::thread> threads;
  for (auto& ids : found)
    threads.emplace_back([&] { ids = golden::ids_of(vocabulary->encode(text)); });
  for (std::thread& thread : threads)
    thread.join();
  for (const auto& ids : found)
    CHECK(ids == expected);
}
