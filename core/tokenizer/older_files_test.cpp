// Model directories without tokenizer.json: tests/golden/tokenizer/files (make_vocabulary_files.py).
#include "tokenizer/golden.hpp"

#include <cuecard/error.hpp>

#include "tokenizer/json_file.hpp"
#include "tokenizer/sentencepiece_file.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
namespace fs = std::filesystem;

namespace {

const fs::path files = golden::folder / "files";

std::string family_of(const std::string& name) {
  return golden::read(files / name / "config.json")["model_type"];
}

/// A copy of a directory that a test may spoil.
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
  std::string refusal(const std::string& family = "") const {
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

void check_mentions(const std::string& refusal, const std::string& part) {
  CHECK_MESSAGE(refusal.find(part) != std::string::npos, refusal);
  CHECK(refusal.find('\n') == std::string::npos);
}

} // namespace

TEST_CASE("tokenizers of older files are transformers' of the same files") {
  const std::vector<std::string> texts = golden::texts();
  for (const std::string name :
       {"bert", "bert-cased", "gpt2", "roberta", "bart", "t5", "llama", "llama-legacy"}) {
    const auto vocabulary = read_tokenizer(files / name, family_of(name));
    const nlohmann::json golden = golden::read(files / (name + ".golden.json"));
    for (const auto& [row, want] : golden["rows"].items()) {
      const std::string& text = texts.at(std::stoul(row));
      INFO(name << ", text " << row << ": " << text);
      golden::check_row(*vocabulary, vocabulary->encode(text), want["plain"]);
      golden::check_row(*vocabulary, vocabulary->encode_with_specials(text), want["special"]);
    }
    std::vector<int64_t> around(vocabulary->sequence_prefix().begin(), vocabulary->sequence_prefix().end());
    for (const int64_t id : golden::ids_of(vocabulary->encode("a")))
      around.push_back(id);
    around.insert(around.end(), vocabulary->sequence_suffix().begin(), vocabulary->sequence_suffix().end());
    CHECK_MESSAGE(nlohmann::json(around) == golden["around"], name);
    CHECK_MESSAGE(vocabulary->size() == golden["size"].get<int64_t>(), name);
  }
}

TEST_CASE("the tokenizer.json that stands for older files gives the same ids") {
  for (const std::string name : {"bert-cased", "bart", "t5", "llama"}) {
    const fs::path file = fs::temp_directory_path() / ("cuecard-stands-for-" + name + ".json");
    std::ofstream(file, std::ios::binary) << tokenizer_json_text(files / name, family_of(name));
    const auto again = read_tokenizer_json(file);
    fs::remove(file);
    const auto given = read_tokenizer(files / name, family_of(name));
    for (const std::string& text : golden::texts())
      CHECK(golden::ids_of(again->encode_with_specials(text)) ==
            golden::ids_of(given->encode_with_specials(text)));
  }
}

TEST_CASE("MiniLM's vocab.txt gives the ids of its tokenizer.json") {
  const fs::path model = fs::path(CUECARD_SOURCE_DIR) / ".cache/models/minilm";
  if (!fs::exists(model / "vocab.txt")) {
    MESSAGE("skipped: " << model.string() << " is not here");
    return;
  }
  const fs::path folder = fs::temp_directory_path() / "cuecard-minilm-vocabulary-test";
  fs::create_directories(folder);
  for (const char* name : {"vocab.txt", "tokenizer_config.json", "special_tokens_map.json"})
    fs::copy_file(model / name, folder / name, fs::copy_options::overwrite_existing);
  golden::check(*read_tokenizer(folder, "bert"), "minilm");
  fs::remove_all(folder);
}

TEST_CASE("the roles of older files' special tokens, and T5's sentinels") {
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

TEST_CASE("tokenizer_config.json says more than the family does") {
  const Copy copy("gpt2");
  copy.write("tokenizer_config.json",
             R"({"tokenizer_class": "RobertaTokenizerFast", "cls_token": "<|endoftext|>",
                                           "sep_token": "<|endoftext|>", "add_prefix_space": true})");
  const auto vocabulary = read_tokenizer(copy.path(), "unheard-of");
  CHECK(vocabulary->sequence_prefix().size() == 1);
  CHECK(vocabulary->encode("the")[0].id == vocabulary->encode(" the")[0].id);
}

TEST_CASE("older files that are missing, cut off or contradict themselves") {
  {
    const Copy copy("bert");
    check_mentions(copy.refusal("xlm-roberta"), "\"xlm-roberta\"");
    check_mentions(copy.refusal("t5"), "has no tokenizer.json and no spiece.model or tokenizer.model");
    copy.write("vocab.txt", "[CLS]\n[SEP]\na\xff\n");
    check_mentions(copy.refusal(), "UTF-8");
    copy.write("vocab.txt", "");
    check_mentions(copy.refusal(), "\"model.vocab\" is empty");
    copy.write("vocab.txt", "[CLS]\n[SEP]\n");
    check_mentions(copy.refusal(), "\"model.unk_token\"");
  }
  {
    const Copy copy("roberta");
    copy.write("merges.txt", "a b c\n");
    check_mentions(copy.refusal(), "merges.txt: \"a b c\"");
    copy.write("merges.txt", "zzz qqq\n");
    check_mentions(copy.refusal(), "merge 0");
    copy.write("vocab.json", R"({"a": "b"})");
    check_mentions(copy.refusal(), "vocab.json: key \"a\"");
    copy.write("vocab.json", R"({"a": 9223372036854775807})");
    check_mentions(copy.refusal(), "9223372036854775807");
    copy.write("vocab.json", R"(["a"])");
    check_mentions(copy.refusal(), "should be an object");
    fs::remove(copy.path() / "merges.txt");
    check_mentions(copy.refusal(), "vocab.json");
    copy.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": "<mask>"}})");
    check_mentions(copy.refusal(), "\"added_tokens_decoder\" has the key \"x\"");
    copy.write("tokenizer_config.json", R"({"mask_token": {"contents": "<mask>"}})");
    check_mentions(copy.refusal(), "\"mask_token.content\" is missing");
  }
  {
    const Copy copy("llama");
    check_mentions(copy.refusal("t5"), "of another kind than Unigram");
    copy.write("tokenizer.model", "");
    check_mentions(copy.refusal(), "has no pieces");
    copy.write("tokenizer_config.json", R"({"extra_ids": 100000000})");
    fs::copy(files / "t5" / "spiece.model", copy.path() / "spiece.model");
    check_mentions(copy.refusal("t5"), "\"extra_ids\"");
  }
}

TEST_CASE("a SentencePiece file cut anywhere is refused, or has fewer pieces") {
  using namespace tokenizer;
  const std::string whole = read_file(files / "t5" / "spiece.model");
  const size_t count = parse_sentencepiece(whole, "spiece.model").entries.size();
  size_t refused = 0, length = 0, shorter = 0;
  for (; length < whole.size(); length += 7) {
    try {
      shorter += parse_sentencepiece(whole.substr(0, length), "spiece.model").entries.size() <= count;
    } catch (const DataError& error) {
      CHECK(std::string(error.what()).rfind("spiece.model", 0) == 0);
      ++refused;
    }
  }
  CHECK(refused + shorter == (whole.size() + 6) / 7);
  CHECK(refused > shorter);
}

TEST_CASE("SentencePiece fields that make no sense") {
  using namespace tokenizer;
  const auto refusal = [](const std::string& bytes) {
    try {
      parse_sentencepiece(bytes, "x.model");
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string a("\x0a\x03\x0a\x01"
                      "a",
                      5),
      b("\x0a\x03\x0a\x01"
        "b",
        5);
  CHECK(refusal(a + b) == "accepted");
  check_mentions(refusal(a + a), "twice");
  check_mentions(refusal("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "middle of a field");
  check_mentions(refusal("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "ten bytes");
  check_mentions(refusal("\x0b"), "of a kind");
  check_mentions(refusal(std::string("\x08\x05", 2)), "field 1 in a form");
  check_mentions(refusal(std::string("\x0a\x03\x0a\x01\xff", 5)), "UTF-8");
  check_mentions(refusal(a + "\x12\x03\xc0\x02\x05"), "piece 5 stands for what is unknown");
  check_mentions(refusal(std::string("\x0a\x08\x0a\x01"
                                     "a\x15\x00\x00\xc0\x7f",
                                     10)),
                 "no likelihood");
}
