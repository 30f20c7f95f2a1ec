// Standard input as a shell provides it: a pipe that holds the bytes.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include <unistd.h>

#include "host/input/input_rows.hpp"

using namespace cuecard;
using namespace cuecard::host;
using namespace std::string_view_literals;

namespace {

/// Makes a pipe with `bytes` the standard input for its lifetime.
class PipedInput {
public:
  explicit PipedInput(std::string_view bytes) : kept_(::dup(STDIN_FILENO)) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ::close(ends[1]);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
  }
  ~PipedInput() {
    ::dup2(kept_, STDIN_FILENO);
    ::close(kept_);
  }

private:
  int kept_;
};

using Flags = std::map<std::string, std::vector<std::string>>;

std::vector<InputRow> all_rows(const Flags& flags, const std::vector<std::string>& fields = {"text"}) {
  CuecardCall call;
  call.verb = "predict";
  call.values = {flags.begin(), flags.end()};
  const auto input = open_input(Values(call), fields);
  std::vector<InputRow> rows;
  for (auto some = input->next(2); !some.empty(); some = input->next(2))
    rows.insert(rows.end(), some.begin(), some.end());
  return rows;
}

/// "TEXT" or "!PROBLEM" for each row.
std::vector<std::string> piped(std::string_view bytes, const Flags& flags = {}) {
  const PipedInput input(bytes);
  std::vector<std::string> result;
  for (const InputRow& row : all_rows(flags))
    result.push_back(row.problem.empty() ? row.example.fields.at("text") : "!" + row.problem);
  return result;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a byte-order mark is not part of standard input, whatever it holds") {
  CHECK(piped("\xEF\xBB\xBF{\"text\": \"a fine film\"}\n") == Texts{"a fine film"});
  CHECK(piped("\xEF\xBB\xBF"
              "a film\r\nb\r\n") == Texts{"a film", "b"});
  CHECK(piped("\xFF\xFE{\0\"\0t\0e\0x\0t\0\"\0:\0\"\0\xE9\0\"\0}\0\n\0a\0"sv) == Texts{"\xC3\xA9", "a"});
  CHECK(piped("{\"text\": \"a\"}\n\xEF\xBB\xBF{\"text\": \"b\"}\n") ==
        Texts{"a", "b"}); // two concatenated files
  CHECK(piped("") == Texts{});
  CHECK(piped("no end") == Texts{"no end"});
}

TEST_CASE("a list of objects is as many inputs, on one line or on several") {
  CHECK(piped(R"([{"text": "a film"}, {"text": "b"}, {"text": "c"}])") == Texts{"a film", "b", "c"});
  CHECK(piped("[\n  {\n    \"text\": \"a [\"\n  },\n  {\n    \"text\": \"b\"\n  }\n]\nplain\n") ==
        Texts{"a [", "b", "plain"});
  CHECK(piped("{\n  \"text\": \"a\"\n}\n{\n  \"text\": \"b\"\n}\n") == Texts{"a", "b"});
  const PipedInput input("x\n[\n{\"text\": \"a\"},\n7\n]\n");
  const auto rows = all_rows({});
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].place == "standard input, line 3");
  CHECK(rows[1].example.line == 3);
  CHECK(rows[2].place == "standard input, line 4");
  CHECK(rows[2].problem.find("it is not a JSON object") == 0);
}

TEST_CASE("a line that begins as JSON is never taken for a text, unless lines are texts") {
  for (const char* line :
       {"[sic] a film", "{text} is a template", "[1, 2]", "{\"text\": \"a", "{\"text\": 5}", "[]"}) {
    CAPTURE(line);
    const Texts found = piped(line);
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("!"));
    CHECK(piped(line, {{"format", {"text"}}}) == Texts{line});
  }
  CHECK(piped("[sic] a film")[0].find("--format text") != std::string::npos);
  CHECK(piped("a film [sic]") == Texts{"a film [sic]"});
  // A bad line does not affect other lines, and the next one does not have to wait.
  CHECK(piped("{\"text\": \"a\"\n{\"text\": \"b\"}\n")[1] == "b");
  CHECK(piped("{\"text\": \"a\"}\nb\n", {{"format", {"jsonl"}}})[1].starts_with("!it is not valid JSON"));
}

TEST_CASE("an object of standard input that is a table is as many inputs as it has rows") {
  CHECK(piped("{\"text\": [\"a film\", \"b\"]}\n", {{"column", {"text=text"}}}) == Texts{"a film", "b"});
  CHECK(piped("{\"text\": [\"a film\", \"b\"]}\n")[0].starts_with(
      "!the JSON object has a list of 2 for each key"));
}

TEST_CASE("carriage returns end the lines of an input without line feeds, and zero bytes are no UTF-16") {
  CHECK(piped("a film\rb\r") == Texts{"a film", "b"});
  CHECK(piped("a\rfilm\nb\n") == Texts{"a\rfilm", "b"});
  CHECK(piped("a\0bcdef\nghijkl\n"sv) == Texts{std::string("a\0bcdef", 7), "ghijkl"});
  CHECK(piped("{\"text\": \"a\"}\n\n{\"text\": \"b\"}\n", {{"format", {"jsonl"}}}) == Texts{"a", "b"});
}

TEST_CASE("a text of the command line is JSON if all of it is an object") {
  const auto of = [](const std::string& text) {
    const InputRow row = all_rows({{"text", {text}}}).at(0);
    CHECK(row.place == "text 1");
    CHECK(row.example.line == 0);
    return row.problem.empty() ? row.example.fields.at("text") : "!" + row.problem;
  };
  CHECK(of("a film") == "a film");
  CHECK(of("{\"text\": \"a film\"}") == "a film");
  CHECK(of("[INST] a film [/INST]") == "[INST] a film [/INST]");
  CHECK(all_rows({{"text", {"{\"text\": \"x\"}"}}, {"format", {"text"}}})[0].example.fields.at("text") ==
        "{\"text\": \"x\"}");
  CHECK(all_rows({{"text", {"x"}}}, {"a", "b"})[0].problem ==
        "the template has several fields (a, b); give a JSON "
        "object with them");
}

TEST_CASE("--format and --column hold for standard input, too") {
  CHECK(piped("id,text\n1,\"a, b\"\n", {{"format", {"csv"}}}) == Texts{"a, b"});
  CHECK(piped("{\"review\": \"a\", \"text\": \"no\"}\n", {{"column", {"text=review"}}}) == Texts{"a"});
  CHECK(piped("{\"text\": \"a\", \"text\": \"b\"}\n") == Texts{"b"});
}

TEST_CASE("a file of lines, and the rows of a file with those that can't be used in their places") {
  const auto path = std::filesystem::temp_directory_path() / "cuecard-input-rows.txt";
  std::ofstream(path) << "\xEF\xBB\xBF[a]\r\n\r\nb";
  const auto lines = all_rows({{"data", {path.string()}}, {"format", {"text"}}});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].example.fields.at("text") == "[a]");
  CHECK(lines[1].problem == "the line is empty");
  CHECK(lines[2].place == path.string() + ", line 3");
  std::ofstream(path) << R"([{"text": "a"}, {"text": null}, {"text": "b"}])";
  const auto rows = all_rows({{"data", {path.string()}}, {"format", {"jsonl"}}});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].example.fields.at("text") == "a");
  CHECK(!rows[1].problem.empty());
  CHECK(rows[2].example.fields.at("text") == "b");
  std::filesystem::remove(path);
}

TEST_CASE("objects of standard input have the columns of the card's task, or its fields") {
  CardColumns card{"sst2", RecordLayout(), {"text"}, false};
  card.columns->fields["text"] = {"sentence", 0};
  const PipedInput piped_objects("{\"sentence\": \"a\", \"id\": 7}\n{\"text\": \"b\"}\n{\"body\": \"c\"}\n");
  CuecardCall call;
  call.verb = "predict";
  const auto input = open_input(Values(call), {"text"}, card);
  std::vector<InputRow> rows;
  for (auto some = input->next(2); !some.empty(); some = input->next(2))
    rows.insert(rows.end(), some.begin(), some.end());
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].example.fields.at("text") == "a");
  CHECK(rows[0].example.id == "7");
  CHECK(rows[1].example.fields.at("text") == "b");
  CHECK(!rows[2].example.fields.contains("text"));
}
