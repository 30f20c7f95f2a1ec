/// What the declarations of commands are written with: kinds of values, flags, and the flags that several commands share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "program/verb_table.hpp"

namespace cuecard::host::commands {

using Flags = std::vector<Flag>;
using Kind = ValueType::Kind;

inline const ValueType text{Kind::text, 0, 0, {}};
inline const ValueType path{Kind::path, 0, 0, {}};
inline const ValueType pair{Kind::pair, 0, 0, {}};

inline ValueType integer(double low, double high) {
  return {Kind::integer, low, high, {}};
}
inline ValueType number(double low, double high) {
  return {Kind::number, low, high, {}};
}
inline ValueType choice(std::vector<std::string> choices) {
  return {Kind::choice, 0, 0, std::move(choices)};
}

inline Flag option(std::string name, std::string value, ValueType type, std::string help,
                   std::string fallback = "") {
  return {
      std::move(name), std::move(value), std::move(type), std::move(help), std::move(fallback), false, false};
}
inline Flag required(Flag flag) {
  flag.required = true;
  return flag;
}
inline Flag repeatable(Flag flag) {
  flag.repeatable = true;
  return flag;
}
inline Flag toggle(std::string name, std::string help) {
  return {std::move(name), "", {Kind::none, 0, 0, {}}, std::move(help), "", false, false};
}

inline Flags operator+(Flags left, const Flags& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline const Flag json = toggle("json", "Print JSON, one object per line (page \"What `--json` prints\").");
inline const Flag quiet = toggle("quiet", "Don't show progress on standard error.");
inline const Flag strict =
    toggle("strict", "Fail on the first example that can't be used instead of skipping it.");
inline const Flag allow_skipped =
    toggle("allow-skipped", "Continue even if more than 10% of the labelled examples can't be used.");
inline const Flag force = toggle("force", "Use a card even if it was made for another model.");
inline const Flag model =
    required(option("model", "DIR|FILE|NAME", path,
                    "Hugging Face model folder, GGUF file, or name of a model in a folder of CUECARD_MODELS "
                    "or in cuecard/models of the user's data folder."));
inline const Flags plugins{
    repeatable(option("plugin-path", "DIR", path, "Search this folder for plugins first."))};
inline const Flags runtime = {
    option("device", "DEVICE", {Kind::device, 0, 0, {}}, "Device to run on: cpu, cuda or cuda:N.", "cpu"),
    option(
        "dtype", "TYPE", choice({"float32", "bfloat16", "float16", "stored", "int8"}),
        "Data type of the frozen weights; stored: matrices keep the file's type, and are multiplied in float32; "
        "int8: the same, with matrices quantised when the model is loaded.",
        "float32"),
    option(
        "threads", "N", integer(1, 1024),
        "CPU threads. Default: the cores that the process may use, within its control group's quota; OMP_NUM_THREADS takes precedence."),
};
inline const Flags batching = {
    option("batch-size", "N", integer(1, 65536), "Maximum examples per forward pass.", "32"),
    option("batch-tokens", "N", integer(1, 1e9), "Maximum tokens per forward pass.", "4096"),
};
inline const Flag max_length =
    option("max-length", "N", integer(1, 1e7),
           "Maximum tokens per prompt. Default: as the task or the card says, else the "
           "model's context length.");
inline const Flags columns = {
    option("format", "NAME", choice({"tsv", "csv", "jsonl", "conll", "text"}),
           "Format of the data file or of standard input; text: each line is a text."),
    repeatable(option("column", "ROLE=COLUMN", pair,
                      "Map a column, by name or number, to a role: a field, or label, id, card.")),
    toggle("no-header", "The TSV or CSV file has no header line."),
    option("separator", "SEPARATOR", text, "Column separator: a character, tab or blank."),
};

} // namespace cuecard::host::commands

namespace cuecard::host {

/// Each file's commands, in the order of the help.
std::vector<Verb> training_verbs();
std::vector<Verb> prompt_verbs();
std::vector<Verb> file_verbs();
std::vector<Verb> plugin_verbs();
std::vector<Verb> shipping_verbs();
std::vector<Verb> program_verbs();

} // namespace cuecard::host
