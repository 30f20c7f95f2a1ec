// Model directories without tokenizer.json: tests/golden/tokenizer/files (make_vocabulary_files.py).
#include "tokenizer/golden.hpp"

#include <cuecard/error.hpp>

#include "tokenizer/files/json_file.hpp"
#include "tokenizer/files/sentencepiece_file.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
namespace fs = std::filesystem;

namespace {

const fs::path files = golden::folder / "files";

std::string family_of(const std::string& name) {
  return golden::read(files / name / "config.json")["model_type"];
}

/// A temporary copy of a directory, for tests that corrupt it.
class Copy {
public:
  explicit Copy(const std::string& name)
      : name_(name), path_(fs::temp_directory_path() / ("cuecard-older-files-" + name)) {
    fs::remove_all(path_);
    fs::copy(files / name, path_);
  }
  ~Copy() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  void write(const char* file, const std::string& text) const {
    std::ofstream(path_ / file, std::ios::binary) << text;
  }
  std::string error(const std::string& family = "") const {
    try {
      read_tokenizer(path_, family.empty() ? family_of(name_) : family);
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }

private:
  std::string name_;
  fs::path path_;
};

void check_mentions(const std::string& error, const std::string& part) {
  CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  CHECK(error.find('\n') == std::string::npos);
}

} // namespace

TEST_CASE("tokenizers from older files equal transformers' tokenizers") {
  const std::vector<std::string> texts = golden::texts();
  for (const std::string name :
       {"bert", "bert-cased", "mpnet", "gpt2", "qwen2", "roberta", "bart", "t5", "llama", "llama-legacy"}) {
    const auto vocabulary = read_tokenizer(files / name, family_of(name));
    const nlohmann::json golden = golden::read(files / (name + ".golden.json"));
    for (const auto& [index, expected] : golden["rows"].items()) {
      const std::string& text = texts.at(std::stoul(index));
      INFO(name << ", text " << index << ": " << text);
      golden::check_tokens(*vocabulary, vocabulary->encode(text), expected["plain"]);
      golden::check_tokens(*vocabulary, vocabulary->encode_with_specials(text), expected["special"]);
    }
    std::vector<int64_t> with_specials(vocabulary->sequence_prefix().begin(),
                                       vocabulary->sequence_prefix().end());
    for (const int64_t id : golden::ids_of(vocabulary->encode("a")))
      with_specials.push_back(id);
    with_specials.insert(with_specials.end(), vocabulary->sequence_suffix().begin(),
                         vocabulary->sequence_suffix().end());
    CHECK_MESSAGE(nlohmann::json(with_specials) == golden["around"], name);
    CHECK_MESSAGE(vocabulary->size() == golden["size"].get<int64_t>(), name);
  }
}

TEST_CASE("the tokenizer.json generated from older files gives the same ids") {
  for (const std::string name : {"bert-cased", "bart", "t5", "llama"}) {
    const fs::path file = fs::temp_directory_path() / ("cuecard-converted-" + name + ".json");
    std::ofstream(file, std::ios::binary) << tokenizer_json_text(files / name, family_of(name));
    const auto converted = read_tokenizer_json(file);
    fs::remove(file);
    const auto original = read_tokenizer(files / name, family_of(name));
    for (const std::string& text : golden::texts())
      CHECK(golden::ids_of(converted->encode_with_specials(text)) ==
            golden::ids_of(original->encode_with_specials(text)));
  }
}

TEST_CASE("MiniLM's vocab.txt gives the ids of its tokenizer.json") {
  const fs::path model = fs::path(CUECARD_SOURCE_DIR) / ".cache/models/minilm";
  if (!fs::exists(model / "vocab.txt")) {
    MESSAGE("skipped: " << model.string() << " is missing");
    return;
  }
  const fs::path folder = fs::temp_directory_path() / "cuecard-minilm-vocabulary-test";
  fs::create_directories(folder);
  for (const char* name : {"vocab.txt", "tokenizer_config.json", "special_tokens_map.json"})
    fs::copy_file(model / name, folder / name, fs::copy_options::overwrite_existing);
  golden::check(*read_tokenizer(folder, "bert"), "minilm");
  fs::remove_all(folder);
}

TEST_CASE("special token roles of older files, and T5's sentinel tokens") {
  const auto bert = read_tokenizer(files / "bert", "bert");
  CHECK(bert->special().mask == bert->id("[MASK]"));
  CHECK(bert->special().cls == bert->id("[CLS]"));
  const auto roberta = read_tokenizer(files / "roberta", "roberta");
  CHECK(roberta->special().mask == roberta->size() - 1);
  CHECK(roberta->special().sep == roberta->id("</s>"));
  const auto t5 = read_tokenizer(files / "t5", "t5");
  CHECK(t5->special().eos == 1);
  CHECK(t5->special().pad == 0);
  CHECK(t5->id("<extra_id_0>") == t5->size() - 1);
  CHECK(t5->id("<extra_id_99>") == t5->size() - 100);
  for (const Token& token : t5->encode("a </s> <pad> <extra_id_3> <unk>"))
    CHECK((!t5->is_special(token.id) || token.id == t5->special().unk));
}

TEST_CASE("tokenizer_config.json takes precedence over the model family") {
  const Copy copy("gpt2");
  copy.write("tokenizer_config.json",
             R"({"tokenizer_class": "RobertaTokenizerFast", "cls_token": "<|endoftext|>",
                                           "sep_token": "<|endoftext|>", "add_prefix_space": true})");
  const auto vocabulary = read_tokenizer(copy.path(), "unheard-of");
  CHECK(vocabulary->sequence_prefix().size() == 1);
  CHECK(vocabulary->encode("the")[0].id == vocabulary->encode(" the")[0].id);
}

TEST_CASE("older files that are missing, truncated or contradictory") {
  {
    const Copy copy("bert");
    check_mentions(copy.error("xlm-roberta"), "\"xlm-roberta\"");
    check_mentions(copy.error("t5"), "has no tokenizer.json and no spiece.model or tokenizer.model");
    copy.write("vocab.txt", "[CLS]\n[SEP]\na\xff\n");
    check_mentions(copy.error(), "UTF-8");
    copy.write("vocab.txt", "");
    check_mentions(copy.error(), "\"model.vocab\" is empty");
    copy.write("vocab.txt", "[CLS]\n[SEP]\n");
    CHECK_THROWS_WITH_AS(read_tokenizer(copy.path(), "bert")->encode("a"),
                         doctest::Contains("unk_token \"[UNK]\""), DataError);
  }
  {
    const Copy copy("roberta");
    copy.write("merges.txt", "a b c\n");
    check_mentions(copy.error(), "merges.txt: \"a b c\"");
    copy.write("merges.txt", "zzz qqq\n");
    check_mentions(copy.error(), "merge 0");
    copy.write("vocab.json", R"({"a": "b"})");
    check_mentions(copy.error(), "vocab.json: key \"a\"");
    copy.write("vocab.json", R"({"a": 9223372036854775807})");
    check_mentions(copy.error(), "9223372036854775807");
    copy.write("vocab.json", R"(["a"])");
    check_mentions(copy.error(), "should be an object");
    fs::remove(copy.path() / "merges.txt");
    check_mentions(copy.error(), "vocab.json");
    copy.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": "<mask>"}})");
    check_mentions(copy.error(), "\"added_tokens_decoder\" has the key \"x\"");
    copy.write("tokenizer_config.json", R"({"mask_token": {"contents": "<mask>"}})");
    check_mentions(copy.error(), "\"mask_token.content\" is missing");
  }
  {
    const Copy copy("llama");
    check_mentions(copy.error("t5"), "is not a Unigram model");
    copy.write("tokenizer.model", "");
    check_mentions(copy.error(), "has no pieces");
    copy.write("tokenizer_config.json", R"({"extra_ids": 100000000})");
    fs::copy(files / "t5" / "spiece.model", copy.path() / "spiece.model");
    check_mentions(copy.error("t5"), "\"extra_ids\"");
  }
}

TEST_CASE("a SentencePiece file truncated anywhere is rejected or has fewer pieces") {
  using namespace tokenizer;
  const std::string whole = read_file(files / "t5" / "spiece.model");
  const size_t count = parse_sentencepiece(whole, "spiece.model").entries.size();
  size_t rejected = 0, length = 0, shorter = 0;
  for (; length < whole.size(); length += 7) {
    try {
      shorter += parse_sentencepiece(whole.substr(0, length), "spiece.model").entries.size() <= count;
    } catch (const DataError& error) {
      CHECK(std::string(error.what()).rfind("spiece.model", 0) == 0);
      ++rejected;
    }
  }
  CHECK(rejected + shorter == (whole.size() + 6) / 7);
  CHECK(rejected > shorter);
}

TEST_CASE("invalid SentencePiece fields") {
  using namespace tokenizer;
  const auto error = [](const std::string& bytes) {
    try {
      parse_sentencepiece(bytes, "x.model");
    } catch (const DataError& refusal) {
      return std::string(refusal.what());
    }
    return std::string("accepted");
  };
  const std::string a("\x0a\x03\x0a\x01"
                      "a",
                      5),
      b("\x0a\x03\x0a\x01"
        "b",
        5);
  CHECK(error(a + b) == "accepted");
  check_mentions(error(a + a), "twice");
  check_mentions(error("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "middle of a field");
  check_mentions(error("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "ten bytes");
  check_mentions(error("\x0b"), "unsupported wire type");
  check_mentions(error(std::string("\x08\x05", 2)), "field 1 with an unexpected wire type");
  check_mentions(error(std::string("\x0a\x03\x0a\x01\xff", 5)), "UTF-8");
  check_mentions(error(a + "\x12\x03\xc0\x02\x05"), "unk_id is 5");
  check_mentions(error(std::string("\x0a\x08\x0a\x01"
                                   "a\x15\x00\x00\xc0\x7f",
                                   10)),
                 "does not have a valid score");
}
