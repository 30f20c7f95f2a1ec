// Longer than other files: it is one table, with an entry for each flag of each verb.
#include "program/verb_table.hpp"

#include <utility>

#include "program/check_verb.hpp"
#include "program/shipping_verbs.hpp"

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

Flag option(std::string name, std::string value, ValueType type, std::string help, std::string fallback = "") {
  return {
      std::move(name), std::move(value), std::move(type), std::move(help), std::move(fallback), false, false};
}
Flag required(Flag flag) {
  flag.required = true;
  return flag;
}
Flag repeatable(Flag flag) {
  flag.repeatable = true;
  return flag;
}
Flag toggle(std::string name, std::string help) {
  return {std::move(name), "", {Kind::none, 0, 0, {}}, std::move(help), "", false, false};
}

Flags operator+(Flags left, const Flags& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const Flag json = toggle("json", "Print JSON, one object per line (docs/json-output.md).");
const Flag quiet = toggle("quiet", "Don't show progress on standard error.");
const Flag strict = toggle("strict", "Fail on the first example that can't be used instead of skipping it.");
const Flag allow_skipped =
    toggle("allow-skipped", "Go on even if more than 10 % of the labelled examples can't be used.");
const Flag force = toggle("force", "Use a card even if it was made for another model.");
const Flag model =
    required(option("model", "DIR|FILE|NAME", path,
                    "Hugging Face model folder, GGUF file, or name of a model that `./run setup` fetched or "
                    "that lies in a folder of CUECARD_MODELS."));
const Flag card = required(repeatable(option("card", "CARD", path, "Card to use.")));

const Flags plugins{repeatable(option("plugin-path", "DIR", path, "Search this folder for plugins first."))};
const Flags runtime = {
    option("device", "DEVICE", {Kind::device, 0, 0, {}}, "Device to run on: cpu, cuda or cuda:N.", "cpu"),
    option(
        "dtype", "TYPE", choice({"float32", "bfloat16", "float16", "stored", "int8"}),
        "Data type of the frozen weights; stored: matrices stay as the file has them, and are multiplied in float32; "
        "int8: the same with matrices that are quantised when the model is loaded.",
        "float32"),
    option(
        "threads", "N", integer(1, 1024),
        "CPU threads. Default: the cores that the process may use, within its control group's quota; OMP_NUM_THREADS goes first."),
};
const Flags batching = {
    option("batch-size", "N", integer(1, 65536), "Maximum examples per forward pass.", "32"),
    option("batch-tokens", "N", integer(1, 1e9), "Maximum tokens per forward pass.", "4096"),
};
const Flags ensemble = {
    option("vote", "HOW", choice({"mean", "majority"}), "How to combine the predictions of an ensemble.",
           "mean"),
};
const Flag max_length = option("max-length", "N", integer(1, 1e7),
                               "Maximum tokens per prompt. Default: as the task or the card says, else the "
                               "model's context length.");
const Flags truncation = {
    max_length,
    option("truncate", "HOW", choice({"tail", "head", "balanced"}),
           "Which part of an overlong prompt to cut. Default: as the task or the card says, else tail."),
};
const Flag task_columns = option("task", "FILE", path,
                                 "Read columns and label values from this task file. Default: those of the "
                                 "card's task.");
const Flags columns = {
    option("format", "NAME", choice({"tsv", "csv", "jsonl", "conll", "text"}),
           "Format of the data file or of standard input; text: each line is a text."),
    repeatable(option("column", "ROLE=COLUMN", pair,
                      "Map a column, by name or number, to a role: a field, or label, id, card.")),
    toggle("no-header", "The TSV or CSV file has no header line."),
    option("separator", "SEPARATOR", text, "What separates columns: a character, tab or blank."),
};
const Flag template_text =
    option("template", "TEXT|@FILE", text, "Template text, or @FILE to read it from a file.");
const Flag component = option("template-component", "NAME", text,
                              "Component that parses the text of --template. Default: manual.");
const Flag shown_task = option("task", "FILE", path,
                               "Take template, verbalizer and columns from this task file; with --template or "
                               "--card, the columns only.");
const Flag shown_card = option(
    "card", "CARD", path, "Take the template and what was trained from this card, and its task's columns.");

const Flags generation = {
    option("max-new-tokens", "N", integer(1, 1e6), "Maximum tokens to generate. Default: 64, or the card's."),
    option("min-new-tokens", "N", integer(0, 1e6), "Minimum tokens to generate."),
    option("beams", "N", integer(1, 1000), "Number of beams for beam search; 1: greedy decoding or sampling."),
    option("sequences", "N", integer(1, 1000), "Number of texts to return per example, best first."),
    option("temperature", "X", number(0, 1e6), "Sampling temperature; 0: no sampling."),
    option("top-k", "K", integer(0, 1e7), "Sample from the K most likely tokens; 0: from all."),
    option("top-p", "P", number(0, 1),
           "Sample from the smallest set of tokens with this cumulative probability."),
    option("min-p", "P", number(0, 1),
           "Drop tokens below this fraction of the most likely token's probability."),
    option("repetition-penalty", "X", number(0.001, 1000), "Above 1 penalises tokens already present."),
    option("length-penalty", "X", number(-100, 100),
           "Exponent of the length in beam scores; above 0 favours longer texts. Default: 1."),
    option("no-repeat-ngram", "N", integer(0, 1000), "Never repeat an n-gram of N tokens; 0: no limit."),
    toggle("early-stop", "Stop beam search as soon as enough beams are finished."),
    repeatable(option("ban", "TEXT", text, "Never generate this text.")),
    repeatable(option("stop", "TEXT", text, "Stop before this text.")),
    option("seed", "N", integer(0, 4294967295.0), "Random seed for sampling."),
};
const Flags training = {
    option("steps", "N", integer(1, 1e9), "Optimizer steps. Default: the tuner's."),
    option("epochs", "X", number(0.001, 1e6), "Passes over the training set, instead of --steps."),
    option("lr", "X", number(1e-12, 1e6), "Learning rate. Default: the tuner's."),
    option("batch-size", "N", integer(1, 65536), "Examples per step. Default: the tuner's."),
    option("batch-tokens", "N", integer(1, 1e9),
           "Maximum tokens per forward pass; larger batches accumulate gradients."),
    option("warmup", "FRACTION", number(0, 1), "Fraction of steps over which the learning rate warms up."),
    option("clip", "X", number(0, 1e9), "Maximum gradient norm; 0: no clipping."),
    option("evaluate-every", "N", integer(1, 1e9), "Steps between evaluations on the development set."),
    option("patience", "N", integer(0, 1e6), "Stop after this many evaluations without improvement; 0: never."),
    option("optimizer", "NAME", choice({"adamw", "adam", "adafactor"}), "Optimizer. Default: the tuner's."),
    option("schedule", "NAME", choice({"linear", "constant", "cosine", "exponential"}),
           "Learning rate schedule."),
    option("seed", "N", integer(0, 4294967295.0), "Random seed.", "0"),
    option("seeds", "N", integer(1, 1000),
           "Train with this many seeds, starting at --seed, and keep the best."),
};

std::vector<Verb> training_verbs() {
  return {
      {"train",
       "train a card for a task",
       {},
       Flags{
           required(repeatable(
               option("task", "FILE", path, "Task file (docs/task-files.md); several are trained jointly."))),
           model,
           required(option("tuner", "NAME", text, "Tuning method; see `cuecard plugin list`.")),
           required(option(
               "out", "CARD", path,
               "Output folder of the card, overwritten if it exists. With several tasks: CARD/NAME.card.")),
           option("from", "CARD", path, "Initialise from this card."),
           repeatable(option("set", "OPTION=VALUE", pair,
                             "Set an option of the tuner, or template.OPTION, verbalizer.OPTION.")),
           option("checkpoint", "DIR", path, "Save checkpoints here; running the same command again resumes."),
           option("checkpoint-every", "N", integer(1, 1e9),
                  "Steps between checkpoints; also saved after each evaluation and every 30 s."),
       } + training +
           runtime + plugins + Flags{strict, allow_skipped, json, quiet},
       "cuecard train --task sst2.json --model SmolLM2 --tuner prompt-tuning --set length=20 --out sst2.card"},
      {"compare",
       "train several tuners on one task and compare them",
       {},
       Flags{
           required(option("task", "FILE", path,
                           "Task file; results are measured on its test set, else its development set.")),
           model,
           required(option("tuners", "NAME,...", text, "Tuners to compare, separated by commas.")),
           option("out", "DIR", path, "Folder for the best card of each tuner: TUNER.card."),
           repeatable(option("set", "OPTION=VALUE", pair,
                             "Set an option of every tuner that has it, or TUNER.OPTION, template.OPTION, "
                             "verbalizer.OPTION.")),
       } + training +
           runtime + plugins + Flags{strict, allow_skipped, json, quiet},
       "cuecard compare --task sst2.json --model SmolLM2 --tuners manual,prompt-tuning --seeds 3"},
      {"report",
       "write an HTML report from the JSON output of train, eval and compare",
       {{"run", path, "JSON Lines files written with --json.", true, true}},
       Flags{required(option("out", "FILE", path, "Output page, overwritten if it exists."))},
       "cuecard report train.json eval.json --out report.html"},
      {"eval",
       "evaluate cards on labelled examples",
       {},
       Flags{card, model,
             option("data", "FILE", path, "File of labelled examples. Default: the task's test or dev file."),
             option("mistakes", "N", integer(0, 1e6), "Number of worst mistakes to print with --json.", "20"),
             max_length, task_columns} +
           columns + batching + ensemble + runtime + plugins + Flags{strict, allow_skipped, force, json, quiet},
       "cuecard eval --card sst2.card --model SmolLM2 --data dev.tsv"},
      {"predict",
       "label lines of text, JSON lines, or the examples of a file",
       {{"text", text, "Texts to label. Default: lines of standard input.", false, true}},
       Flags{card, model, option("data", "FILE", path, "File of examples to label. Default: standard input."),
             max_length, task_columns} +
           columns + batching + ensemble + runtime + plugins + Flags{strict, force, json, quiet},
       "cuecard predict --card sst2.card --model SmolLM2 'A film to remember.'"},
  };
}

std::vector<Verb> inspection_verbs() {
  return {
      {"fill",
       "show the most likely tokens at each answer slot",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, shown_task, shown_card, component,
             option("data", "FILE", path, "File of examples to fill in."),
             option("topk", "K", integer(1, 1000), "Number of tokens to show per slot.", "5")} +
           truncation + columns + batching + runtime + plugins + Flags{strict, force, json, quiet},
       "cuecard fill --model SmolLM2 --template 'Review: {text} Sentiment:{\"mask\"}' --topk 5 'A fine film.'"},
      {"generate",
       "generate text from a prompt",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{model,
             option("template", "TEXT|@FILE", text,
                    "Template text, or @FILE to read it from a file. Default: the text alone."),
             shown_task, shown_card, component,
             option("data", "FILE", path, "File of examples to generate for.")} +
           generation + truncation + columns + batching + runtime + plugins + Flags{strict, force, json, quiet},
       "cuecard generate --model SmolLM2 --max-new-tokens 20 'The capital of France is'"},
      {"render",
       "show how examples are turned into tokens and slots",
       {{"text", text, "Texts for the template's only field. Default: lines of standard input.", false, true}},
       Flags{model, template_text, shown_task, shown_card, component,
             option("data", "FILE", path, "File of examples to render.")} +
           truncation + columns + plugins + Flags{strict, force, json, quiet},
       "cuecard render --model SmolLM2 --task sst2.json --data dev.tsv --max-length 64"},
      {"serve",
       "serve a folder of cards over HTTP (docs/serving.md)",
       {},
       Flags{
           model,
           required(option("cards", "DIR", path,
                           "Folder of cards; those that are added, changed or removed are noticed.")),
           option("listen", "ADDRESS", text, "IP address and port to listen on.", "127.0.0.1:8080"),
           option("api-key-file", "FILE", path,
                  "File of API keys, one a line. Default: everybody who reaches the address is served."),
           option("max-queue", "ROWS", integer(1, 1e7), "Rows that may wait; more are answered 429.", "1000"),
           option("max-queue-tokens", "TOKENS", integer(1, 1e12),
                  "Tokens of waiting rows; more are answered 429. Default: no limit."),
           option(
               "max-cards-loaded", "N", integer(1, 1e6),
               "Cards that stay in memory; those that were asked least recently are read again when they are asked.",
               "1000"),
           option("prefix-cache", "MB", integer(1, 1e7),
                  "Most memory for the keys and values of what the prompts of cards begin with.", "2048"),
           option("tls-cert", "FILE", path,
                  "Certificate in PEM, with those that signed it: serve HTTPS. Needs --tls-key."),
           option("tls-key", "FILE", path, "Its private key in PEM, without a passphrase."),
           option("chat-format", "FORMAT",
                  choice({"auto", "chatml", "llama-3", "gemma", "phi-3", "zephyr", "llama-2", "mistral"}),
                  "How chats with the model itself are written; auto: as its own chat template has it.",
                  "auto"),
           toggle("admin", "Let clients load and unload cards of DIR (POST /v1/cards/...)."),
           option("drain", "SECONDS", integer(0, 86400),
                  "Seconds that running requests get after SIGTERM or Ctrl-C.", "30"),
           option("client-timeout", "SECONDS", number(0.01, 86400),
                  "Seconds that a client gets to send a request or to take a piece of an answer.", "30")} +
           batching + runtime + plugins,
       "cuecard serve --model SmolLM2 --cards cards --listen 127.0.0.1:8080"},
      {"tokenize",
       "turn each line of text into a JSON list of token ids",
       {{"text", text, "Texts to tokenize. Default: lines of standard input.", false, true}},
       Flags{model,
             toggle("special", "Parse special tokens in the text, and add those that the model expects."),
             toggle("decode", "Decode JSON lists of token ids into text."),
             toggle("json", "With --decode, print each text as a JSON string.")},
       "echo 'A film to remember.' | cuecard tokenize --model SmolLM2"},
      {"model info",
       "show a model's sizes, tokenizer and SHA-256 sums",
       {{"model", path, "Model folder, GGUF file or name of a model, as --model takes it."}},
       plugins + Flags{json},
       "cuecard model info SmolLM2-135M-Instruct.Q4_1.gguf"},
      {"model convert",
       "convert a GGUF file or a sharded folder to a Hugging Face folder with one weights file",
       {{"file", path, "GGUF file, or model folder (one file or sharded), or name of a model."},
        {"folder", path, "Output folder; must not exist."}},
       Flags{option("dtype", "TYPE", choice({"float32", "bfloat16", "float16"}), "Data type to write.",
                    "float32"),
             json, quiet},
       "cuecard model convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2"},
      {"card info",
       "show a card's contents and the model it belongs to",
       {{"card", path, "Card folder."}},
       Flags{json},
       "cuecard card info sst2.card"},
      {"card import",
       "import a PEFT adapter as a card (docs/peft.md)",
       {{"adapter", path, "Adapter folder."}},
       Flags{model,
             required(option("out", "CARD", path, "Output folder of the card, overwritten if it exists.")),
             option("task", "FILE", path,
                    "Read template, labels, label words and verbalizer from this task file."),
             option("template", "TEXT|@FILE", text,
                    "Template text, or @FILE to read it from a file. Default: the text alone."),
             repeatable(
                 option("label", "NAME", text,
                        "Label names in order. Default: those of the adapter or the model, else numbers.")),
             option("task-id", "N", integer(0, 1e7), "Index of the task in a multitask adapter.", "0"),
             option("tuner", "NAME", text, "Tuner to import into. Default: by the adapter's type."),
             repeatable(option("set", "OPTION=VALUE", pair,
                               "Set an option of the tuner, or template.OPTION, verbalizer.OPTION."))} +
           runtime + plugins + Flags{json, quiet},
       "cuecard card import sst2-adapter --model SmolLM2 --template 'Review: {text} Sentiment:' --out "
       "sst2.card"},
      {"card export",
       "export a card as a PEFT adapter (docs/peft.md)",
       {{"card", path, "Card folder."}, {"folder", path, "Output folder; must not exist."}},
       Flags{model, option("format", "NAME", choice({"peft"}), "Format to write.", "peft"),
             option("type", "TYPE",
                    choice({"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "LORA",
                            "IA3"}),
                    "PEFT type. Default: by the card's tuner."),
             option("base", "NAME", text, "Base model name to record in the adapter. Default: --model."),
             toggle("drop-template",
                    "Export even if the template has text of its own, which the adapter can't hold.")} +
           runtime + plugins + Flags{force, json, quiet},
       "cuecard card export sst2.card sst2-adapter --model SmolLM2"},
  };
}

std::vector<Verb> plugin_verbs() {
  Verb probe_child{"plugin probe-child", "", {{"file", path, ""}}, {}, ""};
  probe_child.hidden = true;
  Verb doctor_child{"doctor-child", "", {}, plugins, ""};
  doctor_child.hidden = true;
  std::vector<Verb> list = {
      {"plugin list",
       "list installed plugins and their components",
       {},
       Flags{toggle("all", "Also those that can't be used or are shadowed by another one, with the reason.")} +
           plugins + Flags{json},
       "cuecard plugin list",
       false},
      {"plugin info",
       "show a plugin or component and its options",
       {{"name", text, "Plugin id or component name."}},
       plugins + Flags{json},
       "cuecard plugin info prompt-tuning",
       false},
      {"plugin probe",
       "load a plugin in a child process and check that it is compatible",
       {{"file", path, "Plugin library."}},
       Flags{json},
       "cuecard plugin probe lib/cuecard/plugins/manual.so",
       false},
      {"plugin manifest",
       "print a plugin library's manifest without loading it",
       {{"file", path, "Plugin library."}},
       {},
       "cuecard plugin manifest lib/cuecard/plugins/manual.so",
       false},
      {"plugin new",
       "make a folder with a plugin to begin with, which builds and passes its tests",
       {{"name", text, "Plugin id: lower-case words joined by \"-\"."}},
       Flags{option("kind", "KIND", choice({"tuner", "verbalizer", "template", "backbone"}),
                    "Kind of component.", "tuner"),
             option("out", "DIR", path, "The new folder; by default the plugin's id.")},
       "cuecard plugin new my-tuner --kind tuner",
       false},
      check_verb(),
      {"completion",
       "print a shell completion script",
       {{"shell", choice({"bash", "zsh"}), "Target shell."}},
       {},
       "source <(cuecard completion bash)",
       false},
      {"man",
       "print a manual page as `man -l -` reads it",
       {{"command", text, "The command; without it, the page of the program.", false, true}},
       {},
       "cuecard man train | man -l -",
       false},
      {"doctor",
       "look at the machine and the installation, and say what is wrong and what to do",
       {},
       plugins + Flags{json},
       "cuecard doctor",
       false},
      {"version",
       "print the versions of the program and its interfaces",
       {},
       Flags{json},
       "cuecard version",
       false},
      {"help",
       "show help for a command",
       {{"command", text, "Command to show help for.", false, true}},
       {},
       "cuecard help train",
       false},
  };
  list.push_back(probe_child);
  list.push_back(doctor_child);
  return list;
}

std::vector<Verb> all() {
  std::vector<Verb> table = training_verbs();
  for (auto& part : {inspection_verbs(), plugin_verbs(), shipping_verbs()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

} // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = all();
  return table;
}

} // namespace cuecard::host
