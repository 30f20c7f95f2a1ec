// Tokens and settings that stand beside a vocabulary's file: tests/golden/tokenizer/companion_files.json.
#include "tokenizer/golden.hpp"

#include <cuecard/error.hpp>

#include "tokenizer/files/json_file.hpp"
#include "tokenizer/tokenizer.hpp"

using namespace cuecard;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A model folder of NAME.json, as tokenizer.json, or of files/NAME.
class Folder {
public:
  explicit Folder(const std::string& base) : path_(fs::temp_directory_path() / "cuecard-companion-files") {
    fs::remove_all(path_);
    if (base.starts_with("files/")) {
      fs::copy(golden::folder / base, path_);
      return;
    }
    fs::create_directories(path_);
    fs::copy_file(golden::folder / (base + ".json"), path_ / "tokenizer.json");
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  void write(const std::string& file, const json& content) const {
    fs::remove(path_ / file);
    std::ofstream(path_ / file, std::ios::binary) << content.dump();
  }
  std::vector<std::string> warnings() const {
    std::vector<std::string> warnings;
    read_tokenizer(path_, "", &warnings);
    return warnings;
  }

private:
  fs::path path_;
};

bool mentions(const std::string& sentence, std::initializer_list<const char*> parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const char* part) { return sentence.find(part) != sentence.npos; });
}

const json x_token = {{"content", "<x>"},     {"lstrip", true},      {"rstrip", false},
                      {"single_word", false}, {"normalized", false}, {"special", true}};

} // namespace

TEST_CASE("tokens that stand only beside the vocabulary's file get the ids that transformers gives them") {
  const json cases = golden::read(golden::folder / "companion_files.json");
  CHECK(cases.size() > 100);
  for (const json& golden : cases) {
    const auto base = golden["base"].get<std::string>(), family = golden["family"].get<std::string>();
    INFO(base << ", " << golden["name"]);
    const Folder folder(base);
    for (const auto& [file, content] : golden["files"].items())
      folder.write(file, content);
    const auto vocabulary = read_tokenizer(folder.path(), family);
    const std::string whole = tokenizer_json_text(folder.path(), family);
    for (const auto& [text, ids] : golden["rows"].items()) {
      INFO(text);
      CHECK(json(golden::ids_of(vocabulary->encode_with_specials(text))) == ids);
    }
    // What a conversion writes: this, and copies of two of the files.
    const Folder converted("gpt2");
    std::ofstream(converted.path() / "tokenizer.json", std::ios::binary) << whole;
    for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"})
      if (golden["files"].contains(file))
        converted.write(file, golden["files"][file]);
    const auto again = read_tokenizer(converted.path(), "");
    for (const auto& [text, ids] : golden["rows"].items())
      CHECK(json(golden::ids_of(again->encode_with_specials(text))) == ids);
    CHECK(again->size() == vocabulary->size());
    CHECK(tokenizer_json_text(converted.path(), "") == whole);
  }
}

TEST_CASE("data does not become a special token of the files beside, and is one of their other tokens") {
  const Folder folder("gpt2");
  const auto plain = read_tokenizer(folder.path(), "gpt2");
  folder.write("tokenizer_config.json",
               {{"added_tokens_decoder", {{"606", x_token}}}, {"pad_token", "<newpad>"}});
  const auto vocabulary = read_tokenizer(folder.path(), "gpt2");
  CHECK(vocabulary->id("<x>") == 606);
  CHECK(vocabulary->special().pad == 607);
  CHECK(vocabulary->size() == 608);
  CHECK(vocabulary->is_special(606));
  CHECK(vocabulary->is_special(607));
  for (const char* text : {" <x> a<x>", "<newpad>a"})
    CHECK(golden::ids_of(vocabulary->encode(text)) == golden::ids_of(plain->encode(text)));
  folder.write("tokenizer_config.json", json::object());
  folder.write("added_tokens.json", {{"<x>", 606}});
  const auto words = read_tokenizer(folder.path(), "gpt2");
  CHECK(golden::ids_of(words->encode("<x>")) == std::vector<int64_t>{606});
  CHECK(!words->is_special(606));
}

TEST_CASE("tokens that tokenizer.json has stay as they are there, and so does its text") {
  const Folder folder("gpt2");
  const std::string text = tokenizer::read_file(folder.path() / "tokenizer.json");
  const json document = json::parse(text);
  json decoder = json::object();
  for (json token : document["added_tokens"]) {
    const std::string id = token["id"].dump();
    token.erase("id");
    decoder[id] = token;
  }
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", decoder}, {"bos_token", "<|endoftext|>"}});
  CHECK(tokenizer_json_text(folder.path(), "gpt2") == text);
  CHECK(folder.warnings().empty());
  golden::check(*read_tokenizer(folder.path(), "gpt2"), "gpt2");

  decoder["600"]["lstrip"] = true; // "newword"
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", decoder}});
  CHECK(tokenizer_json_text(folder.path(), "gpt2") == text);
  golden::check(*read_tokenizer(folder.path(), "gpt2"), "gpt2");
  const auto warnings = folder.warnings();
  REQUIRE(warnings.size() == 1);
  CHECK_MESSAGE(mentions(warnings[0], {"tokenizer_config.json: key \"added_tokens_decoder\"", "\"newword\"",
                                       "\"lstrip\" true"}),
                warnings[0]);
}

TEST_CASE(
    "a piece that tokenizer_config.json names is a special token, and the text of tokenizer.json stays the file's") {
  const Folder folder("gpt2");
  const std::string text = tokenizer::read_file(folder.path() / "tokenizer.json");
  folder.write("tokenizer_config.json", {{"pad_token", "b"}});
  const auto vocabulary = read_tokenizer(folder.path(), "gpt2");
  CHECK(vocabulary->special().pad == 66); // as tokenizer.json has it
  CHECK(vocabulary->is_special(66));
  CHECK(tokenizer_json_text(folder.path(), "gpt2") == text);
  folder.write("tokenizer_config.json", json::object());
  folder.write("added_tokens.json", {{"b", 66}}); // no conversion copies this file
  CHECK(json::parse(tokenizer_json_text(folder.path(), "gpt2"))["added_tokens"].back()["content"] == "b");
}

TEST_CASE("an id beside that a token can't have is named") {
  const Folder folder("gpt2");
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", {{"700", x_token}}}});
  const auto warnings = folder.warnings();
  REQUIRE(warnings.size() == 1);
  CHECK_MESSAGE(mentions(warnings[0], {"\"<x>\" with id 700", "gets id 606"}), warnings[0]);
}

TEST_CASE("settings of tokenizer_config.json that contradict tokenizer.json are named, and not used") {
  const auto warnings_of = [](const char* base, const json& config) {
    const Folder folder(base);
    folder.write("tokenizer_config.json", config);
    golden::check(*read_tokenizer(folder.path(), ""), base);
    return folder.warnings();
  };
  const json bert = {
      {"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}, {"tokenize_chinese_chars", true}};
  const auto lower = warnings_of("bert-uncased", bert);
  REQUIRE(lower.size() == 1);
  CHECK_MESSAGE(mentions(lower[0], {"tokenizer_config.json: key \"do_lower_case\" is false",
                                    "\"lowercase\" true", "which Cuecard uses", "BertTokenizer"}),
                lower[0]);
  const auto space = warnings_of("gpt2", {{"add_prefix_space", true}});
  REQUIRE(space.size() == 1);
  CHECK_MESSAGE(
      mentions(space[0], {"key \"add_prefix_space\" is true", "\"add_prefix_space\" false", "AutoTokenizer"}),
      space[0]);
  CHECK(warnings_of("gpt2", {{"add_prefix_space", false}}).empty());
  // This class takes all settings from tokenizer.json in transformers, too.
  CHECK(warnings_of("bert-uncased", {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"do_lower_case", false}})
            .empty());
}

TEST_CASE("damaged files beside a tokenizer.json") {
  const Folder folder("gpt2");
  const auto error = [&] {
    try {
      read_tokenizer(folder.path(), "gpt2");
    } catch (const DataError& refusal) {
      return std::string(refusal.what());
    }
    return std::string("accepted");
  };
  folder.write("added_tokens.json", {{"<x>", "606"}});
  CHECK_MESSAGE(mentions(error(), {"added_tokens.json: key \"<x>\""}), error());
  folder.write("added_tokens.json", json::array());
  CHECK_MESSAGE(mentions(error(), {"added_tokens.json should be an object"}), error());
  folder.write("added_tokens.json", json::object());
  folder.write("tokenizer_config.json", {{"pad_token", {{"contents", "<x>"}}}});
  CHECK_MESSAGE(mentions(error(), {"tokenizer_config.json: key \"pad_token.content\" is missing"}), error());
}
