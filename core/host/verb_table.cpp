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
const Flags votes = {
    valued("vote", "HOW", choice({"mean", "majority"}), "How the members of an ensemble decide.", "mean"),
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

const Flags writing = {
    valued("max-new-tokens", "N", integer(1, 1e6), "Most tokens to write. Default: 64, or the card's."),
    valued("min-new-tokens", "N", integer(0, 1e6), "Fewest tokens to write."),
    valued("beams", "N", integer(1, 1000), "Beam search with so many beams; 1: the likeliest token each time."),
    valued("returns", "N", integer(1, 1000), "Texts for each row, best first."),
    valued("temperature", "X", number(0, 1e6), "Draw tokens, the more freely the larger; 0: don't draw."),
    valued("top-k", "N", integer(0, 1e7), "Draw among so many tokens; 0: all."),
    valued("top-p", "P", number(0, 1), "Draw among the fewest tokens that hold this probability."),
    valued("min-p", "P", number(0, 1), "Draw no token below this share of the likeliest one's probability."),
    valued("repetition-penalty", "X", number(0.001, 1000), "Above 1: tokens that are there come less likely."),
    valued("length-penalty", "X", number(-100, 100), "Of beams; above 0 favours longer texts. Default: 1."),
    valued("no-repeat-ngram", "N", integer(0, 1000), "No N tokens in a row come twice; 0: they may."),
    on("early-stop", "Beams: stop as soon as enough are finished."),
    several(valued("ban", "TEXT", text, "Never write this.")),
    several(valued("stop", "TEXT", text, "End in front of this.")),
    valued("seed", "N", integer(0, 4294967295.0), "Seed of what is drawn."),
};
const Flags fitting = {
    valued("steps", "N", integer(1, 1e9), "Optimizer steps. Default: the tuner's."),
    valued("epochs", "X", number(0.001, 1e6), "The same as passes over the training rows."),
    valued("lr", "X", number(1e-12, 1e6), "Learning rate. Default: the tuner's."),
    valued("batch-size", "N", integer(1, 65536), "Examples per step. Default: the tuner's."),
    valued("batch-tokens", "N", integer(1, 1e9), "Most tokens forwarded at once; more are accumulated."),
    valued("warmup", "SHARE", number(0, 1), "Share of the steps in which the rate rises."),
    valued("clip", "X", number(0, 1e9), "Largest norm of all gradients; 0: none."),
    valued("evaluate-every", "N", integer(1, 1e9), "Steps between looks at the dev rows."),
    valued("patience", "N", integer(0, 1e6), "Looks without gain before stopping; 0: never."),
    valued("optimizer", "NAME", choice({"adamw", "adam", "adafactor"}), "Default: the tuner's."),
    valued("schedule", "NAME", choice({"linear", "constant", "cosine", "exponential"}),
           "Of the learning rate."),
    valued("seed", "N", integer(0, 4294967295.0), "Seed of everything drawn.", "0"),
    valued("seeds", "N", integer(1, 1000), "Train with this many seeds, from --seed on; keep the best."),
};

std::vector<Verb> learning() {
  return {
      {"train",
       "learn a card for a task",
       {},
       Flags{
           required(several(
               valued("task", "FILE", path, "Task file (docs/task-files.md); several are learned together."))),
           model,
           required(valued("tuner", "NAME", text, "How to learn; see `cuecard plugin list`.")),
           required(valued(
               "out", "CARD", path,
               "Folder to write the card to; replaced when it exists. Of several tasks: CARD/NAME.card.")),
           valued("from", "CARD", path, "Go on from what this card learned."),
           several(valued("set", "OPTION=VALUE", pair,
                          "Option of the tuner, or template.OPTION, verbalizer.OPTION.")),
           valued("checkpoint", "DIR", path,
                  "Keep the run here, so that the same command goes on if it is killed."),
           valued("checkpoint-every", "N", integer(1, 1e9),
                  "Steps; also after each look at the dev rows, and every 30 s."),
       } + fitting +
           runs + plugins + Flags{strict, json, quiet},
       "cuecard train --task sst2.json --model SmolLM2 --tuner prompt-tuning --set length=20 --out sst2.card"},
      {"compare",
       "train methods on one task and measure them side by side",
       {},
       Flags{
           required(valued("task", "FILE", path, "Task file; its test rows, else its dev rows, are measured.")),
           model,
           required(valued("tuners", "NAME,...", text, "Methods to compare, separated by commas.")),
           valued("out", "DIR", path, "Folder for the best card of each: TUNER.card."),
           several(valued(
               "set", "OPTION=VALUE", pair,
               "Option of every tuner that has it, or TUNER.OPTION, template.OPTION, verbalizer.OPTION.")),
       } + fitting +
           runs + plugins + Flags{strict, json, quiet},
       "cuecard compare --task sst2.json --model SmolLM2 --tuners manual,prompt-tuning --seeds 3"},
      {"report",
       "one HTML page from what train, eval and compare print with --json",
       {{"run", path, "Files of JSON lines.", true, true}},
       Flags{required(valued("out", "FILE", path, "Page to write; replaced when it exists."))},
       "cuecard report train.json eval.json --out report.html"},
      {"eval",
       "measure cards on labelled rows",
       {},
       Flags{card, model, valued("data", "FILE", path, "Labelled rows. Default: the task's test or dev file."),
             valued("mistakes", "N", integer(0, 1e6), "Worst mistakes that --json prints.", "20")} +
           columns + batches + votes + runs + plugins + Flags{strict, force, json, quiet},
       "cuecard eval --card sst2.card --model SmolLM2 --data dev.tsv --no-header --column text=1 --column "
       "label=2"},
      {"predict",
       "label text lines, JSON lines, or the rows of a file",
       {{"text", text, "Texts to label. Default: lines of standard input.", false, true}},
       Flags{card, model, valued("data", "FILE", path, "Rows to label. Default: standard input.")} + columns +
           batches + votes + runs + plugins + Flags{strict, force, json, quiet},
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
      {"generate",
       "write text behind a prompt",
       {{"text", text, "Texts for the template's one field. Default: lines of standard input.", false, true}},
       Flags{model, valued("card", "CARD", path, "Write under this card: its template, what it learned."),
             valued("template", "TEXT|@FILE", text, "The template, or a file with it.", "{text}"), component,
             valued("data", "FILE", path, "Rows to write for.")} +
           writing + limits + columns + batches + runs + plugins + Flags{strict, force, json, quiet},
       "cuecard generate --model SmolLM2 --max-new-tokens 20 'The capital of France is'"},
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
       "write a GGUF file, or another folder, as a Hugging Face folder of one file",
       {{"file", path, "GGUF file, or model folder (one file or shards)."},
        {"folder", path, "Folder to write; it must not exist."}},
       Flags{valued("dtype", "TYPE", choice({"float32", "bfloat16", "float16"}), "Type to write.", "float32"),
             json, quiet},
       "cuecard model convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2"},
      {"card info",
       "what a card holds and which model it belongs to",
       {{"card", path, "Folder of the card."}},
       Flags{json},
       "cuecard card info sst2.card"},
      {"card import",
       "make a card of a PEFT adapter (docs/peft.md)",
       {{"adapter", path, "Folder of the adapter."}},
       Flags{
           model,
           required(valued("out", "CARD", path, "Folder to write the card to; replaced when it exists.")),
           valued("task", "FILE", path, "Take template, labels, words and verbalizer from this task file."),
           valued("template", "TEXT|@FILE", text, "The template, or a file with it. Default: the text alone."),
           several(valued("label", "NAME", text,
                          "Labels in order. Default: the adapter's or the model's names, else numbers.")),
           valued("task-id", "N", integer(0, 1e7), "Which task of a multitask adapter.", "0"),
           valued("tuner", "NAME", text,
                  "Tuner that shall have what was learned. Default: by the adapter's kind."),
           several(valued("set", "OPTION=VALUE", pair,
                          "Option of the tuner, or template.OPTION, verbalizer.OPTION."))} +
           runs + plugins + Flags{json, quiet},
       "cuecard card import sst2-adapter --model SmolLM2 --template 'Review: {text} Sentiment:' --out "
       "sst2.card"},
      {"card export",
       "write what a card learned as a PEFT adapter (docs/peft.md)",
       {{"card", path, "Folder of the card."}, {"folder", path, "Folder to write; it must not exist."}},
       Flags{model, valued("format", "NAME", choice({"peft"}), "Format to write.", "peft"),
             valued("type", "TYPE",
                    choice({"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING"}),
                    "PEFT's name for the kind. Default: that of the card's tuner."),
             valued("base", "NAME", text, "What the adapter says that its model is called. Default: --model."),
             on("leave-template", "Export although the template has a text of its own, which stays behind.")} +
           runs + plugins + Flags{force, json, quiet},
       "cuecard card export sst2.card sst2-adapter --model SmolLM2"},
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
