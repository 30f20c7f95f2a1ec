#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <cuecard/error.hpp>

#include "data/data_labels.hpp"
#include "data/task_file.hpp"

using namespace cuecard;

namespace {

const char* const complete = R"({
  "name": "topics",
  "data": {"train": "data/train.csv", "dev": "/abs/dev.csv", "format": "csv",
           "fields": {"title": "title", "body": "description"}, "label": "label", "id": "id",
           "answers": "text", "references": "texts", "spans": {"field": "body", "texts": "a", "starts": 4}, "meta": {"who": "entity"}, "words": {"w": 3}},
  "few_shot": {"per_label": 16, "seed": 7, "dev": {"total": 20}},
  "labels": ["world", {"name": "sports", "words": ["sports", "football"], "values": [2, "S", true]}],
  "template": {"text": "{title} is {\"mask\"}", "component": "manual", "options": {"soft": 3, "flag": true}},
  "verbalizer": {"component": "manual", "options": {"calibrate": "contextual", "strength": 0.5}},
  "max_length": 128, "truncate": "balanced", "metric": "accuracy"})";

std::string error_of(const std::string& text) {
  try {
    parse_task_file(text, "dir/task.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

} // namespace

TEST_CASE("labels inferred from data are the values of the label column in all files") {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-data-labels";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "train.jsonl") << R"({"who": "Ada", "tongue": "English"})"
                                           "\n"
                                        << R"({"who": "Emmy", "tongue": " German "})"
                                           "\n"
                                        << R"({"who": "Max", "tongue": "German"})"
                                           "\n"
                                        << R"({"who": "Nobody", "tongue": ""})"
                                           "\n";
  std::ofstream(folder / "dev.jsonl") << R"({"who": "Marie", "tongue": "Ancient Polish"})"
                                         "\n";
  const std::string text = R"({"data": {"train": "train.jsonl", "dev": "dev.jsonl", "fields": {"who": "who"},
                               "label": "tongue"}, "labels": "data", "template": "{who} {\"mask\"}"})";
  TaskFile task = parse_task_file(text, folder / "task.json");
  CHECK(task.labels.empty());
  infer_labels_from_data(task);
  CHECK(task.labels ==
        std::vector<TaskLabel>{{"Ancient Polish", {}, {}}, {"English", {}, {}}, {"German", {}, {}}});
  TaskFile named = parse_task_file(complete, "dir/task.json");
  infer_labels_from_data(named); // has explicit labels, so no file is read
  CHECK(named.labels.size() == 2);
  CHECK(error_of(R"({"data": {"train": "a.tsv"}, "labels": "data", "template": "x"})").find("data.label") !=
        std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("labels inferred from data: one of each word, and one of all spellings") {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-data-word-labels";
  std::filesystem::create_directories(folder);
  const auto labels = [&](const std::string& name, const std::string& train, const std::string& dev,
                          const std::string& columns) {
    std::ofstream(folder / ("train" + name)) << train;
    std::ofstream(folder / ("dev" + name)) << dev;
    TaskFile task = parse_task_file(R"({"data": {"train": "train)" + name + R"(", "dev": "dev)" + name +
                                        "\", " + columns + R"(}, "labels": "data", "template": "x"})",
                                    folder / "task.json");
    infer_labels_from_data(task);
    std::vector<std::string> names;
    for (const TaskLabel& label : task.labels)
      names.push_back(label.name);
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(labels(".conll", "It O\nEU B-LOC\n\nis O\n", "Ada B-PER\n", R"("words": {"w": 1}, "label": 2)") ==
        Names{"B-LOC", "B-PER", "O"});
  CHECK(labels(".jsonl", R"({"t": ["EU", "is"], "l": ["B-LOC", "O"]})", R"({"t": ["is"], "l": ["O"]})",
               R"("words": {"w": "t"}, "label": "l")") == Names{"B-LOC", "O"});
  CHECK(labels(".csv", "t,l\na,1.0\nb,0.0\n", "t,l\na,1\nb,True\n", R"("fields": {"t": "t"}, "label": "l")") ==
        Names{"0.0", "1", "True"});
  std::string many = "t,l\n";
  for (int i = 0; i < 30; ++i)
    many += "a," + std::to_string(i) + "x\n";
  CHECK_THROWS_AS(labels(".csv", many, "t,l\na,1\n", R"("fields": {"t": "t"}, "label": "l")"), DataError);
  std::filesystem::remove_all(folder);
}

TEST_CASE("alternatives: one list column, or one column per alternative") {
  const auto task = [](const std::string& choices) {
    return R"({"data": {"words": {"w": 1}, "choices": {"ends": )" + choices + R"(}}, "template": "{x}"})";
  };
  const auto of = [&](const std::string& choices) {
    return parse_task_file(task(choices), "dir/task.json").layout.choices.at("ends");
  };
  CHECK(of("\"endings\"") == std::vector<Column>{{"endings", 0}});
  CHECK(of("[\"choice1\", 3]") == std::vector<Column>{{"choice1", 0}, {"", 3}});
  for (const char* wrong : {"[\"a\", 0]", "[\"a\", \"\"]", "[\"a\", [1]]"})
    CHECK(error_of(task(wrong)).find("data.choices.ends") != std::string::npos);
  CHECK(error_of(task("[\"a\"]")).find("two or more columns") != std::string::npos);
  CHECK(error_of(task("true")).find("a column name or a column number") != std::string::npos);
  CHECK(error_of(R"({"data": {"words": {"w": 1}, "choices": {"w": "a"}}, "template": "{x}"})")
            .find("a name that \"data.words\" does not use as well") != std::string::npos);
}

TEST_CASE("every key is parsed") {
  const TaskFile task = parse_task_file(complete, "dir/task.json");
  CHECK(task.name == "topics");
  CHECK(task.train->string() == "dir/data/train.csv");
  CHECK(task.dev->string() == "/abs/dev.csv");
  CHECK(!task.test);
  CHECK(task.layout.format == DataFormat::csv);
  CHECK(task.layout.header);
  CHECK(task.layout.fields.at("body") == Column{"description", 0});
  CHECK(task.layout.words.at("w") == Column{"", 3});
  CHECK(task.layout.meta.at("who") == Column{"entity", 0});
  CHECK(task.layout.label == Column{"label", 0});
  CHECK(task.layout.answers == Column{"text", 0});
  CHECK(task.layout.references == Column{"texts", 0});
  REQUIRE(task.layout.spans.has_value());
  CHECK(task.layout.spans->field == "body");
  CHECK(task.layout.spans->texts == Column{"a", 0});
  CHECK(task.layout.spans->starts == Column{"", 4});
  CHECK(task.metric == "accuracy");
  REQUIRE(task.labels.size() == 2);
  CHECK(task.labels[0] == TaskLabel{"world", {}, {}});
  CHECK(task.labels[1] == TaskLabel{"sports", {"sports", "football"}, {"2", "S", "true"}});
  CHECK(task.few_shot->train == SampleSize{16, 0});
  CHECK(task.few_shot->dev == SampleSize{0, 20});
  CHECK(task.few_shot->seed == 7);
  CHECK(task.template_text == "{title} is {\"mask\"}");
  CHECK(task.prompt_template == TaskComponent{"manual", {{"flag", "true"}, {"soft", "3"}}});
  CHECK(task.verbalizer == TaskComponent{"manual", {{"calibrate", "contextual"}, {"strength", "0.5"}}});
  CHECK(task.max_length == 128);
  CHECK(task.truncate == "balanced");
}

TEST_CASE("a verbalizer may be its name alone") {
  CHECK(parse_task_file(R"({"template": "{text}", "verbalizer": "head"})", "dir/sst.json").verbalizer ==
        TaskComponent{"head", {}});
}

TEST_CASE("a minimal task file gets the defaults") {
  const TaskFile task = parse_task_file(R"({"template": "{text}"})", "dir/sst.json");
  CHECK(task.name == "sst");
  CHECK(task.prompt_template.component == "manual");
  CHECK(task.max_length == 0);
  CHECK(task.truncate == "tail");
  CHECK(!task.few_shot);
}

TEST_CASE("errors name the file, the key and the expected value") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"templete": "x"})", "dir/task.json: unknown key \"templete\". Did you mean \"template\"?"},
      {R"({"template": "x", "data": {"fields": {"text": 0}}})",
       "dir/task.json: \"data.fields.text\" is 0; expected a whole number from 1 to 100000."},
      {R"({"template": "x", "data": {"feilds": {}}})", "unknown key \"data.feilds\". Did you mean \"fields\"?"},
      {R"({"template": "x", "labels": [{"name": "a", "word": []}]})",
       "unknown key \"labels[0].word\". Did you mean \"words\"?"},
      {R"({"template": "x", "labels": [{"name": "a", "words": "w"}]})",
       "\"labels[0].words\" is \"w\"; expected a list of strings."},
      {R"({"template": "x", "labels": [{"name": "a", "values": [1]}, {"name": "b", "values": ["1"]}]})",
       "belongs to two labels, \"a\" and \"b\""},
      {R"({"template": "x", "labels": ["a", {"name": "a", "values": [1]}]})",
       "dir/task.json: two labels have the same name, \"a\"; rename one of them."},
      {R"({"template": "x", "verbalizer": 5})",
       "\"verbalizer\" is 5; expected the name of a verbalizer or an object."},
      {R"({"template": "x", "verbalizer": ""})", "expected the name of a verbalizer or an object."},
      {R"({"template": "x", "labels": [{"name": "a", "words": []}]})",
       "\"labels[0].words\" is an empty list; expected at least one word (omit the key to use the label name)."},
      {R"({"template": "x", "labels": [{"name": "a", "words": ["w", " "]}]})",
       "expected a list of words, none of them blank."},
      {R"({"template": "x", "data": {"separator": "ab"}})",
       "\"data.separator\" is \"ab\"; expected one character, \"tab\" or \"blank\"."},
      {R"({"data": {}})", "the key \"template\" is missing"},
      {R"({"template": 5})", "dir/task.json: \"template\" is 5; expected a string or an object."},
      {R"({"template": "x", "truncate": "middle"})", "expected one of tail, head, balanced, windows"},
      {R"({"template": "x", "max_length": -1})", "\"max_length\" is -1"},
      {R"({"template": "x", "few_shot": {"per_label": 2, "total": 3}})", "exactly one of per_label and total"},
      {R"({"template": {"text": "x", "file": "y"}})", "exactly one of \"text\" and \"file\""},
      {R"({"template": {"text": "x", "line": 3}})", "\"template.line\" is 3"},
      {R"({"template": {"file": "nothing.txt"}})", "dir/nothing.txt"},
      {R"({"template": "x", "data": {"dev": "d.tsv"}, "split": {"dev": 0.1}})", "\"split.dev\""},
      {R"({"template": "x", "template": "y"})", "appears twice"},
      {R"({"template": "x",})", "line 1, column"},
      {R"([])", "the document is an empty list; expected an object"},
      {R"({"template": "x", "metric": "entity-f2"})",
       "\"metric\" is \"entity-f2\"; expected one of accuracy, macro-f1, "
       "micro-f1, samples-f1, entity-f1, exact-match, bleu, rouge-l, chrf, "
       "squad-em, squad-f1 (did you mean \"entity-f1\"?)."},
      {R"({"template": "x", "metric": 1})", "\"metric\" is 1"},
      {R"({"template": "x", "verbalizer": {"options": {"a": null}}})", "\"verbalizer.options.a\" is null"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string found = error_of(text);
    CAPTURE(text);
    CAPTURE(found);
    CHECK(found.find(expected) != found.npos);
    CHECK(found.find('\n') == found.npos);
  }
}

TEST_CASE("a template file is used whole or by line number") {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-task-file-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "t.txt") << "\xEF\xBB\xBF"
                                     "first {text}\nsecond {text}\n";
  const auto text = [&](const std::string& more) {
    return parse_task_file(R"({"template": {"file": "t.txt")" + more + "}}", folder / "task.json")
        .template_text;
  };
  CHECK(text("") == "first {text}\nsecond {text}");
  CHECK(text(", \"line\": 2") == "second {text}");
  CHECK_THROWS_AS(text(", \"line\": 3"), DataError);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a template component may need no text") {
  const TaskFile task =
      parse_task_file(R"({"template": {"component": "cloze", "options": {"n": 2}}})", "task.json");
  CHECK(task.template_text.empty());
  CHECK(task.prompt_template == TaskComponent{"cloze", {{"n", "2"}}});
  const auto refused = [](const std::string& prompt_template) {
    return error_of(R"({"template": )" + prompt_template + "}").find("exactly one of") != std::string::npos;
  };
  CHECK(refused(R"({"options": {"n": 2}})"));
  CHECK(error_of(R"({"template": {"component": "cloze", "line": 2}})").find("only together with") !=
        std::string::npos);
  CHECK(error_of(R"({"template": {"component": "cloze", "text": ""}})").find("a non-empty template") !=
        std::string::npos);
}

TEST_CASE("several labels per example and a negative label are keys of the task file") {
  const TaskFile task = parse_task_file(
      R"({"data": {"label": "topics", "label_separator": "|"}, "labels": ["war", "oil"], "multi_label": true,
          "negative_label": "oil", "few_shot": {"total": 8}, "template": "x"})",
      "task.json");
  CHECK(task.layout.multi_label);
  CHECK(task.layout.label_separator == "|");
  CHECK(task.negative_label == "oil");
  const auto refused = [](const std::string& keys, const std::string& why) {
    CAPTURE(keys);
    const std::string error = error_of(R"({"labels": ["war", "oil"], "template": "x", )" + keys + "}");
    CAPTURE(error);
    CHECK(error.find(why) != std::string::npos);
  };
  refused(R"("negative_label": "oli")", "did you mean \"oil\"?");
  refused(R"("multi_label": true, "few_shot": {"per_label": 4})", "\"total\" instead of \"per_label\"");
  refused(R"("multi_label": true, "few_shot": {"total": 4, "dev": {"per_label": 4}})", "\"total\" instead");
  refused(R"("multi_label": true, "data": {"words": {"w": 1}})", "each word one label");
  refused(R"("data": {"label_separator": ""})", "one or more characters");
}

TEST_CASE("labels inferred from data: each of several per example, in lists and in texts") {
  const auto folder = std::filesystem::temp_directory_path() / "cuecard-data-several-labels";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "train.tsv") << "text\ttopics\nx\twar; oil\ny\t\nz\t[\"oil; gas\"]\n";
  TaskFile task = parse_task_file(
      R"({"data": {"train": "train.tsv", "fields": {"text": "text"}, "label": "topics", "label_separator": ";"},
          "labels": "data", "multi_label": true, "template": "x"})",
      folder / "task.json");
  infer_labels_from_data(task);
  CHECK(task.labels == std::vector<TaskLabel>{{"oil", {}, {}}, {"oil; gas", {}, {}}, {"war", {}, {}}});
  std::filesystem::remove_all(folder);
}
