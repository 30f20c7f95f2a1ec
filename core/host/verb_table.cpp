#include "host/verb_table.hpp"

#include <utility>

namespace cuecard::host {

namespace {

using Flags = std::vector<Flag>;
using Kind = ValueType::Kind;

const ValueType text{Kind::text, 0, 0, {}};
const ValueType path{Kind::path, 0, 0, {}};
const ValueType pair{Kind::pair, 0, 0, {}};

ValueType integer(double low, double high) {
  return {Kind::integer, low, high, {}};
}
ValueType number(double low, double high) {
  return {Kind::number, low, high, {}};
}
ValueType choice(std::vector<std::string> choices) {
  return {Kind::choice, 0, 0, std::move(choices)};
}

Flag valued(std::string name, std::string value, ValueType type, std::string help, std::string fallback = "") {
  return {
      std::move(name), std::move(value), std::move(type), std::move(help), std::move(fallback), false, false};
}
Flag required(Flag flag) {
  flag.required = true;
  return flag;
}
Flag several(Flag flag) {
  flag.several = true;
  return flag;
}
Flag on(std::string name, std::string help) {
  return {std::move(name), "", {Kind::nothing, 0, 0, {}}, std::move(help), "", false, false};
}

Flags operator+(Flags left, const Flags& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const Flag json = on("json", "Print JSON, one object a line (docs/json-output.md).");
const Flag quiet = on("quiet", "No progress on standard error.");
const Flag strict = on("strict", "A row that can't be used is an error.");
const Flag force = on("force", "Use a card that was made for another model.");
const Flag model =
    required(valued("model", "DIR|FILE", path, "Model folder in Hugging Face layout, or a GGUF file."));
const Flag card = required(several(valued("card", "CARD", path, "A card; several may be given.")));

const Flags plugins{several(valued("plugin-path", "DIR", path, "Look for plugins here first."))};
const Flags runs = {
    valued("device", "DEVICE", {Kind::device, 0, 0, {}}, "cpu, cuda or cuda:N.", "cpu"),
    valued("dtype", "TYPE", choice({"float32", "bfloat16", "float16"}), "Type of the frozen weights.",
           "float32"),
    valued("threads", "N", integer(1, 1024), "CPU threads. Default: as many as cores."),
};
const Flags batches = {
    valued("batch-size", "N", integer(1, 65536), "Examples per forward pass.", "32"),
    valued("batch-tokens", "N", integer(1, 1e9), "Most tokens per forward pass.", "4096"),
};
const Flags limits = {
    valued("max-length", "N", integer(1, 1e7), "Most tokens of a prompt. Default: what the model can hold."),
    valued("truncate", "HOW", choice({"tail", "head", "balanced"}), "Where a prompt that is too long is cut.",
           "tail"),
};
const Flags columns = {
    valued("task", "FILE", path, "Take columns and label values from this task file."),
    valued("format", "NAME", choice({"tsv", "csv", "jsonl", "conll"}), "Format of the data file."),
    several(valued("column", "ROLE=COLUMN", pair,
                   "What a column is: a field's name, or label, id, card; by name or number.")),
    on("no-header", "The first line of a TSV or CSV file is data."),
};
const Flag template_text = required(valued("template", "TEXT|@FILE", text, "The template, or a file with it."));
const Flag component =
    valued("template-component", "NAME", text, "Component that reads the template.", "manual");

std::vector<Verb> learning() {
  return {
      {"train",
       "learn a card for a task",
       {},
       Flags{
           required(valued("task", "FILE", path, "Task file (docs/task-files.md).")),
           model,
           required(valued("tuner", "NAME", text, "How to learn; see `cuecard plugin list`.")),
           required(valued("out", "CARD", path, "Folder to write the card to; replaced when it exists.")),
           several(valued("set", "OPTION=VALUE", pair,
                          "Option of the tuner, or template.OPTION, verbalizer.OPTION.")),
           valued("steps", "N", integer(1, 1e9), "Optimizer steps. Default: the tuner's."),
           valued("epochs", "X", number(0.001, 1e6), "The same as passes over the training rows."),
           valued("lr", "X", number(1e-12, 1e6), "Learning rate. Default: the tuner's."),
           valued("batch-size", "N", integer(1, 65536), "Examples per step. Default: the tuner's."),
           valued("batch-tokens", "N", integer(1, 1e9), "Most tokens forwarded at once; more are accumulated."),
           valued("warmup", "SHARE", number(0, 1), "Share of the steps in which the rate rises."),
           valued("clip", "X", number(0, 1e9), "Largest norm of all gradients; 0: none."),
           valued("evaluate-every", "N", integer(1, 1e9), "Steps between looks at the dev rows."),
           valued("patience", "N", integer(0, 1e6), "Looks without gain before stopping; 0: never."),
           valued("optimizer", "NAME", choice({"adamw", "adafactor"}), "Default: the tuner's."),
           valued("schedule", "NAME", choice({"linear", "constant", "cosine"}), "Of the learning rate."),
           valued("seed", "N", integer(0, 4294967295.0), "Seed of everything drawn.", "0"),
       } + runs +
           plugins + Flags{strict, json, quiet},
       "cuecard train --task sst2.json --model SmolLM2 --tuner prompt-tuning --set length=20 --out sst2.card"},
      {"eval",
       "measure cards on labelled rows",
       {},
       Flags{card, model,
             valued("data", "FILE", path, "Labelled rows. Default: the task's test or dev file.")} +
           columns + batches + runs + plugins + Flags{strict, force, json, quiet},
       "cuecard eval --card sst2.card --model SmolLM2 --data dev.tsv --no-header --column text=1 --column "
       "label=2"},
      {"predict",
       "label text lines, JSON lines, or the rows of a file",
       {{"text", text, "Texts to label. Default: lines of standard input.", false, true}},
       Flags{card, model, valued("data", "FILE", path, "Rows to label. Default: standard input.")} + columns +
           batches + runs + plugins + Flags{strict, force, json, quiet},
       "cuecard predict --card sst2.card --model SmolLM2 'A film to remember.'"},
  };
}

std::vector<Verb> looking() {
  return {
      {"fill",
       "show the most likely tokens at each answer slot",
       {{"text", text, "Texts for the template's one field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, component, valued("data", "FILE", path, "Rows to fill."),
             valued("topk", "K", integer(1, 1000), "Tokens per slot.", "5")} +
           limits + columns + batches + runs + plugins + Flags{strict, json, quiet},
       "cuecard fill --model SmolLM2 --template 'Review: {text} Sentiment:{\"mask\"}' --topk 5 'A fine film.'"},
      {"render",
       "show how examples become tokens and slots; reads no weights",
       {{"text", text, "Texts for the template's one field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, component, valued("data", "FILE", path, "Rows to render.")} + limits +
           columns + plugins + Flags{strict, json},
       "cuecard render --model SmolLM2 --template '{text} It was {\"mask\"}.' --data dev.jsonl --max-length "
       "64"},
      {"tokenize",
       "one line in, one JSON list of token ids out",
       {{"text", text, "Texts. Default: lines of standard input.", false, true}},
       Flags{model,
             on("special", "Spelled-out special tokens become those tokens, and the model's own are added."),
             on("decode", "The way back: JSON lists of ids in, texts out."),
             on("json", "With --decode: each text as a JSON string.")},
       "echo 'A film to remember.' | cuecard tokenize --model SmolLM2"},
      {"model info",
       "sizes, tokenizer and identity of a model",
       {{"model", path, "Model folder or GGUF file."}},
       plugins + Flags{json},
       "cuecard model info SmolLM2-135M-Instruct.Q4_1.gguf"},
      {"model convert",
       "write a GGUF file as a Hugging Face folder",
       {{"file", path, "GGUF file."}, {"folder", path, "Folder to write; it must not exist."}},
       Flags{valued("dtype", "TYPE", choice({"float32", "bfloat16", "float16"}), "Type to write.", "float32"),
             json, quiet},
       "cuecard model convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2"},
      {"card info",
       "what a card holds and which model it belongs to",
       {{"card", path, "Folder of the card."}},
       Flags{json},
       "cuecard card info sst2.card"},
  };
}

std::vector<Verb> administration() {
  Verb probe_child{"plugin probe-child", "", {{"file", path, ""}}, {}, ""};
  probe_child.hidden = true;
  std::vector<Verb> list = {
      {"plugin list",
       "which plugins and components are installed",
       {},
       plugins + Flags{json},
       "cuecard plugin list",
       false},
      {"plugin info",
       "one plugin or component and its options",
       {{"name", text, "Id of a plugin, or name of a component."}},
       plugins + Flags{json},
       "cuecard plugin info prompt-tuning",
       false},
      {"plugin probe",
       "open a plugin in a child process and say whether it fits",
       {{"file", path, "Library of the plugin."}},
       Flags{json},
       "cuecard plugin probe lib/cuecard/plugins/manual.so",
       false},
      {"plugin manifest",
       "the manifest that a library holds, without loading it",
       {{"file", path, "Library of the plugin."}},
       {},
       "cuecard plugin manifest lib/cuecard/plugins/manual.so",
       false},
      {"completion",
       "print a shell completion script",
       {{"shell", choice({"bash"}), "Which shell."}},
       {},
       "source <(cuecard completion bash)",
       false},
      {"version", "versions of the program and its interfaces", {}, Flags{json}, "cuecard version", false},
      {"help", "help on a verb", {{"verb", text, "Which verb.", false, true}}, {}, "cuecard help train", false},
  };
  list.push_back(probe_child);
  return list;
}

std::vector<Verb> all() {
  std::vector<Verb> table = learning();
  for (auto& part : {looking(), administration()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

} // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = all();
  return table;
}

} // namespace cuecard::host
