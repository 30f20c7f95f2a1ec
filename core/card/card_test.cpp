// One file, because every case changes the one example card.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "card/card.hpp"

#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <sys/resource.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "files/sha256.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

Card example() {
  Card card;
  card.name = "reviews \"good\" \xc3\xa4\n";
  card.created_by = "cuecard 0.1.0";
  card.backbone = {"llama",
                   {{"hidden_size", 576}, {"num_hidden_layers", 30}},
                   std::string(64, 'a'),
                   std::string(64, 'b'),
                   "SmolLM2"};
  card.prompt_template = {"manual", "0.1.0", "manual", {}};
  card.template_source = "Review: {\"placeholder\": \"text_a\"}\nIt was {\"mask\"}";
  card.verbalizer = {"manual", "0.1.0", "words", {}};
  card.verbalizer.options.set("calibrate", true);
  card.label_words = {{" bad", " terrible"}, {" good"}};
  card.tuner = {"prompt-tuning", "0.1.0", "prompt-tuning", {}};
  card.tuner.options.set("length", int64_t{20});
  card.tuner.options.set("scale", 1.0);
  card.tuner.options.set("rate", 0.1);
  card.tuner.options.set("init", std::string("label-words"));
  card.labels = {"negative", "positive"};
  card.positions = "soft prompts and prefixes count as positions";
  card.length = {256, Truncate::balanced};
  card.columns.emplace();
  card.columns->format = DataFormat::tsv;
  card.columns->header = false;
  card.columns->separator = '\t';
  card.columns->quotes = false;
  card.columns->fields = {{"text_a", {"sentence", 0}}, {"text_b", {"", 3}}};
  card.columns->words = {{"words", {"tokens", 0}}};
  card.columns->meta = {{"topic", {"topic", 0}}};
  card.columns->choices = {{"one", {{"endings", 0}}}, {"two", {{"a", 0}, {"", 5}}}};
  card.columns->label = {"label", 0};
  card.columns->id = {"", 4};
  card.columns->answers = {"answer", 0};
  card.columns->references = {"answers", 0};
  card.columns->spans = {"text_a", {"answers.text", 0}, {"answers.start", 0}};
  card.label_values = {{"0", "no"}, {}};
  card.training = {96, 80, 12.5, 256, {}};
  card.training.settings.set("learning_rate", 0.02);
  card.metrics = {{"accuracy", 0.84, 0.81, 0.87, 600, std::string(64, 'c'), "held_out.tsv"},
                  {"f1", std::nan(""), std::nan(""), std::nan(""), 0, "", ""}};
  card.seed = ~uint64_t{0};
  card.tuner_state.tensors["embeddings"] = at::arange(40, at::kFloat).reshape({4, 10}) / 7;
  card.verbalizer_state.tensors["prior"] = at::full({2}, -0.5, at::kDouble);
  card.template_state = {{{"similarities", at::ones({3}, at::kLong)}}, {{"demonstrations", "a\tb\n"}}};
  return card;
}

std::string refusal(const std::filesystem::path& directory) {
  return sentence([&] { read_card(directory); });
}

/// The example as saved, with its JSON changed by `edit`.
template <class Edit>
std::string refusal_after(Edit edit) {
  TestFolder folder;
  save_card(example(), folder.path() / "card");
  auto document = nlohmann::ordered_json::parse(bytes_of_file(folder.path() / "card" / "card.json"));
  edit(document);
  folder.write("card/card.json", document.dump(2));
  return refusal(folder.path() / "card");
}

int64_t entries(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

} // namespace

TEST_CASE("card: a saved card is read back bit for bit") {
  TestFolder folder;
  const Card card = example();
  save_card(card, folder.path() / "card");
  CHECK(entries(folder.path()) == 1);
  const Card read = read_card(folder.path() / "card");
  CHECK(read.name == card.name);
  CHECK(read.created_by == card.created_by);
  CHECK(read.backbone == card.backbone);
  CHECK(read.backbone.source == card.backbone.source);
  for (const auto part : {&Card::prompt_template, &Card::verbalizer, &Card::tuner}) {
    CHECK((read.*part).plugin == (card.*part).plugin);
    CHECK((read.*part).plugin_version == (card.*part).plugin_version);
    CHECK((read.*part).component == (card.*part).component);
    CHECK(((read.*part).options.values() == (card.*part).options.values()));
  }
  CHECK(read.template_source == card.template_source);
  CHECK(read.label_words == card.label_words);
  CHECK(read.labels == card.labels);
  CHECK(read.positions == card.positions);
  CHECK(read.length.max_length == 256);
  CHECK((read.length.truncate == Truncate::balanced));
  CHECK((read.columns == card.columns));
  CHECK(read.label_values == card.label_values);
  CHECK(read.training.steps == 96);
  CHECK(read.training.best_step == 80);
  CHECK(read.training.seconds == 12.5);
  CHECK(read.training.examples == 256);
  CHECK((read.training.settings.values() == card.training.settings.values()));
  REQUIRE(read.metrics.size() == 2);
  CHECK(read.metrics[0].value == 0.84);
  CHECK(read.metrics[0].low == 0.81);
  CHECK(read.metrics[0].high == 0.87);
  CHECK(read.metrics[0].n == 600);
  CHECK(read.metrics[0].data_sha256 == card.metrics[0].data_sha256);
  CHECK(read.metrics[0].file == "held_out.tsv");
  CHECK(std::isnan(read.metrics[1].value));
  CHECK(read.seed == card.seed);
  REQUIRE(read.tuner_state.tensors.size() == 1);
  REQUIRE(read.verbalizer_state.tensors.size() == 1);
  CHECK(read.tuner_state.tensors.at("embeddings").equal(card.tuner_state.tensors.at("embeddings")));
  CHECK(read.verbalizer_state.tensors.at("prior").equal(card.verbalizer_state.tensors.at("prior")));
  REQUIRE(read.template_state.tensors.size() == 1);
  CHECK(read.template_state.tensors.at("similarities").equal(card.template_state.tensors.at("similarities")));
  CHECK(read.template_state.texts == card.template_state.texts);
  at::Tensor(read.tuner_state.tensors.at("embeddings")).add_(1); // memory of its own, not the file's mapping

  save_card(read_card(folder.path() / "card"), folder.path() / "again");
  for (const char* name : {"card.json", "card.safetensors"})
    CHECK(bytes_of_file(folder.path() / "card" / name) == bytes_of_file(folder.path() / "again" / name));
}

TEST_CASE("card: the JSON is human-readable") {
  TestFolder folder;
  save_card(example(), folder.path() / "card");
  const std::string text = bytes_of_file(folder.path() / "card" / "card.json");
  CHECK(text.starts_with("{\n  \"format_version\": 2,\n  \"name\": "));
  const auto document = nlohmann::json::parse(text);
  CHECK(document["tuner"]["options"]["length"] == 20);
  CHECK(document["data"]["fields"] == nlohmann::json{{"text_a", "sentence"}, {"text_b", 3}});
  CHECK(document["data"]["label_values"] == nlohmann::json{{"0", "no"}, nlohmann::json::array()});
  CHECK(document["tensors_sha256"] == sha256_of_file(folder.path() / "card" / "card.safetensors"));
}

TEST_CASE("card: format version 1 is read, with the field names of that version only") {
  using J = nlohmann::ordered_json;
  const auto older = [](J& j) {
    j["format_version"] = 1;
    j["positions"] = j["position_convention"];
    j["length"] = {{"max_length", j["truncation"]["max_length"]}, {"truncate", j["truncation"]["strategy"]}};
    j.erase("position_convention");
    j.erase("truncation");
  };
  TestFolder folder;
  save_card(example(), folder.path() / "card");
  J document = J::parse(bytes_of_file(folder.path() / "card" / "card.json"));
  older(document);
  folder.write("card/card.json", document.dump(2));
  const Card card = read_card(folder.path() / "card");
  CHECK(card.positions == example().positions);
  CHECK(card.length.max_length == 256);
  CHECK((card.length.truncate == Truncate::balanced));
  CHECK(contains(refusal_after([&](J& j) {
                   older(j);
                   j["truncation"] = 1;
                 }),
                 "unknown field \"truncation\""));
}

TEST_CASE("card: a verbalizer that could not be fitted is recorded, and each use says so") {
  TestFolder folder;
  Card card = example();
  save_card(card, folder.path() / "fitted");
  CHECK(bytes_of_file(folder.path() / "fitted" / "card.json").find("fit_failure") == std::string::npos);
  CHECK(unfitted_warning(read_card(folder.path() / "fitted")).empty());
  card.verbalizer_failure = "no prototypes";
  save_card(card, folder.path() / "unfitted");
  const Card read = read_card(folder.path() / "unfitted");
  CHECK(read.verbalizer_failure == "no prototypes");
  CHECK(unfitted_warning(read) == "the verbalizer \"" + card.verbalizer.component +
                                      "\" could not be fitted after training, so the card's results may be "
                                      "worse; train it again (no prototypes).");
}

TEST_CASE("card: the columns of the task's data may be unknown") {
  TestFolder folder;
  Card card = example();
  card.columns.reset();
  card.label_values.clear();
  save_card(card, folder.path() / "card");
  CHECK(!nlohmann::json::parse(bytes_of_file(folder.path() / "card" / "card.json")).contains("data"));
  CHECK(!read_card(folder.path() / "card").columns);
}

TEST_CASE("card: a card without tensors") {
  TestFolder folder;
  Card card = example();
  card.tuner_state.tensors.clear();
  card.verbalizer_state.tensors.clear();
  save_card(card, folder.path() / "card");
  CHECK(read_card(folder.path() / "card").tuner_state.tensors.empty());
}

TEST_CASE("card: a card is refused if either file is truncated at any byte") {
  TestFolder folder;
  save_card(example(), folder.path() / "card");
  for (const char* name : {"card.json", "card.safetensors"}) {
    const std::string whole = bytes_of_file(folder.path() / "card" / name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      folder.write(std::string("card/") + name, whole.substr(0, size));
      CHECK_MESSAGE(contains(refusal(folder.path() / "card"), std::string(name) + ": "), size);
    }
    folder.write(std::string("card/") + name, whole);
    CHECK(refusal(folder.path() / "card").empty());
  }
}

TEST_CASE("card: a changed or missing file is refused") {
  TestFolder folder;
  save_card(example(), folder.path() / "card");
  const auto tensors = folder.path() / "card" / "card.safetensors";
  std::string bytes = bytes_of_file(tensors);
  bytes.back() ^= 1;
  folder.write("card/card.safetensors", bytes);
  CHECK(contains(refusal(folder.path() / "card"), "cut off or changed"));
  std::filesystem::remove(tensors);
  CHECK(contains(refusal(folder.path() / "card"), "card.safetensors: could not be read"));
  std::filesystem::remove(folder.path() / "card" / "card.json");
  CHECK(contains(refusal(folder.path() / "card"), "card: is not a card (a folder with card.json)."));
  CHECK(contains(refusal(folder.path() / "none"),
                 "none: there is no such folder; expected a card (a folder with card.json)."));
  folder.write("card/adapter_config.json", "{}");
  CHECK(
      contains(refusal(folder.path() / "card"), "it is a PEFT adapter, which `cuecard card import` imports."));
  folder.write("card/card.json", "{}");
  CHECK(contains(refusal(folder.path() / "card" / "card.json"),
                 "card.json: is not a card (a folder with card.json); give the folder, " +
                     (folder.path() / "card").string() + "."));
}

TEST_CASE("card: JSON that does not describe a card is refused") {
  using J = nlohmann::ordered_json;
  CHECK(refusal_after([](J&) {}).empty());
  const std::string other = refusal_after([](J& j) {
    j["format_version"] = 3;
    j["news"] = 1;
  });
  CHECK(contains(other, "format version 3"));
  CHECK(contains(other, "reads versions 1 to 2"));
  CHECK(contains(refusal_after([](J& j) { j["format_version"] = "1"; }), "\"format_version\" is \"1\""));
  CHECK(contains(refusal_after([](J& j) { j["lables"] = 1; }),
                 "unknown field \"lables\". Did you mean \"labels\"?"));
  CHECK(contains(refusal_after([](J& j) { j["tuner"]["x"] = 1; }), "unknown field \"tuner.x\""));
  CHECK(contains(refusal_after([](J& j) { j["tuner"] = 1; }), "\"tuner\" is not a JSON object"));
  CHECK(contains(refusal_after([](J& j) { j["tuner"]["options"]["length"] = J::array(); }),
                 "\"tuner.options.length\" is a list"));
  CHECK(contains(refusal_after([](J& j) { j["tuner"]["options"]["length"] = nullptr; }),
                 "\"tuner.options.length\" is null"));
  CHECK(contains(refusal_after([](J& j) {
                   j["labels"] = J::array({"a", 2});
                 }),
                 "\"labels[1]\" is 2; expected a text."));
  CHECK(contains(refusal_after([](J& j) {
                   j["labels"] = J::array({"good", "good"});
                 }),
                 "\"labels[1]\" is \"good\"; expected a name that the list doesn't have already."));
  CHECK(contains(refusal_after([](J& j) { j["name"] = ""; }),
                 "\"name\" is \"\"; expected a text that is not empty."));
  CHECK(contains(
      refusal_after([](J& j) { j["position_convention"] = "backwards"; }),
      "\"position_convention\" is \"backwards\"; expected \"soft prompts and prefixes count as positions\" "
      "or \"prefixes do not count as positions\"."));
  CHECK(contains(refusal_after([](J& j) {
                   j["data"]["label_values"] = J::array({J::array({"0"}), 1});
                 }),
                 "\"data.label_values[1]\" is 1; expected a list of texts."));
  CHECK(contains(refusal_after([](J& j) { j["labels"] = J::array({"a"}); }), "words for 2 labels; expected 1"));
  CHECK(contains(refusal_after([](J& j) { j["truncation"]["strategy"] = "middle"; }),
                 "expected tail, head, balanced or windows"));
  CHECK(contains(refusal_after([](J& j) { j["truncation"]["max_length"] = -1; }),
                 "\"truncation.max_length\" is -1"));
  CHECK(contains(refusal_after([](J& j) { j["metrics"][0]["ci95"] = J::array({1}); }), "\"metrics[0].ci95\""));
  CHECK(contains(refusal_after([](J& j) { j["seed"] = -1; }), "\"seed\" is -1"));
  CHECK(contains(refusal_after([](J& j) { j["backbone"]["weights_sha256"] = "abc"; }), "SHA-256"));
  CHECK(contains(refusal_after([](J& j) { j["backbone"]["sizes"]["hidden_size"] = "x"; }),
                 "\"backbone.sizes.hidden_size\" is \"x\""));
  CHECK(contains(refusal_after([](J& j) { j["data"]["feilds"] = 1; }), "unknown key \"data.feilds\""));
  CHECK(contains(refusal_after([](J& j) { j["data"]["label"] = 0; }), "data.label"));
  CHECK(contains(refusal_after([](J& j) { j["data"]["label_values"] = J::array({J::array()}); }),
                 "values for 1 label; expected 2"));
  for (const char* field :
       {"name", "created_by", "backbone", "template", "verbalizer", "tuner", "labels", "position_convention",
        "truncation", "training", "metrics", "seed", "tensors_sha256"})
    CHECK(contains(refusal_after([&](J& j) { j.erase(field); }),
                   std::string("lacks the field \"") + field + "\""));
}

TEST_CASE("card: a number that is not finite is neither saved nor read") {
  TestFolder folder;
  Card card = example();
  for (const double number : {std::nan(""), static_cast<double>(INFINITY), -static_cast<double>(INFINITY)}) {
    card.tuner_state.tensors["embeddings"][1][2] = number;
    CHECK(contains(sentence([&] { save_card(card, folder.path() / "card"); }),
                   "\"tuner.embeddings\" holds NaN or"));
  }
  CHECK(entries(folder.path()) == 0);
  card.tuner_state.tensors["embeddings"] = at::zeros({1});
  card.verbalizer_state.tensors.clear();
  card.template_state.tensors.clear();
  save_card(card, folder.path() / "card");
  // The same file with one float overwritten, and its digest updated.
  const std::string whole = bytes_of_file(folder.path() / "card" / "card.safetensors"),
                    json = bytes_of_file(folder.path() / "card" / "card.json");
  for (const float number : {std::nanf(""), INFINITY}) {
    std::string bytes = whole, text = json;
    bytes.replace(bytes.find(std::string(4, '\0'), 64), 4, raw(number));
    folder.write("card/card.safetensors", bytes);
    text.replace(text.find(sha256(whole)), 64, sha256(bytes));
    folder.write("card/card.json", text);
    CHECK(contains(refusal(folder.path() / "card"), "holds NaN or infinite values"));
  }
}

TEST_CASE("card: state that can't be stored is refused before anything is written") {
  TestFolder folder;
  Card card = example();
  card.labels[0] = "\xff";
  CHECK(contains(sentence([&] { save_card(card, folder.path() / "card"); }), "UTF-8"));
  card = example();
  card.labels = {"good", "good"};
  CHECK(contains(sentence([&] { save_card(card, folder.path() / "card"); }),
                 "two of its labels have the same name"));
  card = example();
  card.tuner.options.set("scale", INFINITY);
  CHECK(
      contains(sentence([&] { save_card(card, folder.path() / "card"); }), "\"scale\" is not a finite number"));
  CHECK(entries(folder.path()) == 0);
}

TEST_CASE("card: an existing card is replaced as a whole, and anything else is left unchanged") {
  TestFolder folder;
  Card card = example();
  save_card(card, folder.path() / "card");
  card.name = "second";
  save_card(card, folder.path() / "card");
  CHECK(read_card(folder.path() / "card").name == "second");
  CHECK(entries(folder.path()) == 1);
  folder.write("notes/thesis.txt", "precious");
  CHECK(contains(sentence([&] { save_card(card, folder.path() / "notes"); }), "is not a card"));
  CHECK(contains(sentence([&] { save_card(card, folder.path() / "notes/thesis.txt"); }), "is not a card"));
  CHECK(bytes_of_file(folder.path() / "notes/thesis.txt") == "precious");
  CHECK(contains(sentence([&] { check_card_place(folder.path() / "none" / "card"); }), "create it first"));
  CHECK(contains(sentence([&] { check_card_place(folder.path() / "notes/thesis.txt/card"); }),
                 "create it first"));
  CHECK(sentence([&] { check_card_place(folder.path() / "card/"); }).empty());
  CHECK(sentence([&] { check_card_place(folder.path() / "new/"); }).empty());
}

TEST_CASE("card: a full disk leaves the old card intact, or no card") {
  TestFolder folder;
  Card card = example();
  save_card(card, folder.path() / "old");
  card.name = "second";
  card.tuner_state.tensors["embeddings"] = at::zeros({10'000});
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ::getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit small = unlimited;
  small.rlim_cur = 8192;
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string over_old = sentence([&] { save_card(card, folder.path() / "old"); });
  const std::string fresh = sentence([&] { save_card(card, folder.path() / "fresh"); });
  ::setrlimit(RLIMIT_FSIZE, &unlimited);
  CHECK(contains(over_old, "old/card.safetensors: could not be written"));
  CHECK(contains(fresh, "fresh/card.safetensors: could not be written"));
  CHECK(!contains(fresh, "/.fresh"));
  CHECK(read_card(folder.path() / "old").name == example().name);
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("card: one that can't be written to its place is not lost") {
  TestFolder folder;
  const Card card = example();
  const auto path = [&](const std::string& name) { return folder.path() / name; };
  std::filesystem::create_directory(path("tmp"));
  const char* usual = std::getenv("TMPDIR");
  const std::string before = usual ? usual : "";
  ::setenv("TMPDIR", path("tmp").c_str(), 1);

  SavedCard saved = save_card_somewhere(card, path("a.card"));
  CHECK(saved.place == path("a.card"));
  CHECK(saved.problem == "");
  // The path is taken by something else, which stays: the card is written beside it.
  folder.write("b.card/thesis.txt", "precious");
  folder.write("b.rescued.card", "precious, too");
  saved = save_card_somewhere(card, path("b.card"));
  CHECK(saved.place == path("b.rescued-2.card"));
  CHECK(contains(saved.problem, "b.card: exists and is not a card"));
  CHECK(read_card(saved.place).name == card.name);
  CHECK(bytes_of_file(path("b.card/thesis.txt")) == "precious");
  CHECK(bytes_of_file(path("b.rescued.card")) == "precious, too");
  // The parent folder is gone: the card is written to the temporary directory.
  saved = save_card_somewhere(card, path("gone/c.card/"));
  CHECK(saved.place == path("tmp/c.rescued.card"));
  CHECK(contains(saved.problem, "there is no folder"));
  CHECK(read_card(saved.place).name == card.name);
  // The temporary directory is gone, too.
  ::setenv("TMPDIR", path("gone").c_str(), 1);
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(path("tmp"));
  saved = save_card_somewhere(card, path("gone/d.card"));
  std::filesystem::current_path(here);
  CHECK(saved.place.filename() == "d.rescued.card");
  CHECK(std::filesystem::exists(path("tmp/d.rescued.card/card.json")));
  // If everything fails, the first reason is reported.
  Card unusable = card;
  unusable.tuner_state.tensors["embeddings"] = at::full({1}, std::nan(""));
  CHECK(contains(sentence([&] { save_card_somewhere(unusable, path("e.card")); }), "e.card: the tensor"));
  if (usual)
    ::setenv("TMPDIR", before.c_str(), 1);
  else
    ::unsetenv("TMPDIR");
}

TEST_CASE("card: its size is known before it is written, and so is whether it can be") {
  TestFolder folder;
  Card card = example();
  save_card(card, folder.path() / "card");
  std::uintmax_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path() / "card"))
    size += file.file_size();
  CHECK(card_bytes(card) == static_cast<int64_t>(size));
  card.tuner_state.tensors["embeddings"] = at::full({1}, std::nan("")); // may become finite
  CHECK(card_bytes(card) > 0);
  card.tuner_state.tensors["bad"] = at::zeros({2}, at::kComplexFloat);
  CHECK(contains(sentence([&] { card_bytes(card); }), "\"tuner.bad\" of type ComplexFloat"));
  card.tuner_state.tensors["bad"] = at::Tensor();
  CHECK(contains(sentence([&] { card_bytes(card); }), "\"tuner.bad\" is undefined"));
  card.tuner_state.tensors.erase("bad");
  card.tuner_state.tensors["\xff"] = at::zeros({1});
  CHECK_THROWS(card_bytes(card));

  check_card_space(folder.path() / "card", 1);
  const std::string full = sentence([&] { check_card_space(folder.path() / "card", INT64_MAX); });
  CHECK(contains(full, "card: the card takes 9223372036854775807 bytes, and only "));
  CHECK(contains(full, "free some space"));
}

TEST_CASE("card: a card of another model is refused, and the message names both models") {
  const Card card = example();
  check_identity(card, card.backbone);
  ModelIdentity renamed = card.backbone;
  renamed.source = "a copy";
  check_identity(card, renamed);
  ModelIdentity without_weights = card.backbone;
  without_weights.weights_sha256 = "";
  check_identity(card, without_weights);
  ModelIdentity other = card.backbone;
  other.weights_sha256 = std::string(64, 'd');
  other.source = "MiniLM";
  const std::string said = sentence([&] { check_identity(card, other); });
  CHECK(contains(said, "SmolLM2"));
  CHECK(contains(said, "MiniLM"));
  CHECK(contains(said, "aaaaaaaaaaaaaaaa"));
  CHECK(contains(said, "dddddddddddddddd"));
  CHECK(!contains(said, "--force")); // not every command has that flag
  CHECK(
      contains(sentence([&] { check_identity(card, other, Force::omitted); }), "or --force to use it anyway."));
  check_identity(card, other, Force::given);
  other = card.backbone;
  other.tokenizer_sha256 = std::string(64, 'd');
  CHECK(!sentence([&] { check_identity(card, other); }).empty());
}

TEST_CASE("several labels per example and the negative label are in the card where they are set") {
  TestFolder folder;
  Card card = example();
  save_card(card, folder.path() / "one");
  for (const char* key : {"\"multi_label\"", "\"negative_label\"", "\"metric\""})
    CHECK(bytes_of_file(folder.path() / "one" / "card.json").find(key) == std::string::npos);
  CHECK(!read_card(folder.path() / "one").multi_label);
  card.multi_label = true;
  card.negative_label = "negative";
  card.metric = "micro-f1";
  save_card(card, folder.path() / "several");
  CHECK(read_card(folder.path() / "several").multi_label);
  CHECK(read_card(folder.path() / "several").negative_label == "negative");
  CHECK(read_card(folder.path() / "several").metric == "micro-f1");
  CHECK(refusal_after([](auto& document) {
          document["negative_label"] = "none";
        }).find("one of the card's labels") != std::string::npos);
  CHECK(refusal_after([](auto& document) { document["multi_label"] = 1; }).find("true or false") !=
        std::string::npos);
}
