// Commands on the files of models, cards and adapters.
#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

std::vector<Verb> file_verbs() {
  return {
      {"model info",
       "show a model's sizes, tokenizer and SHA-256 sums",
       {{"model", path, "Model folder, GGUF file or name of a model, as --model takes it."}},
       plugins + Flags{json},
       "cuecard model info SmolLM2-135M-Instruct.Q4_1.gguf"},
      {"model convert",
       "convert a GGUF file or a sharded folder to a Hugging Face folder with one weights file",
       {{"file", path, "GGUF file, or model folder (one file or sharded), or name of a model."},
        {"folder", path, "Output folder; must not exist."}},
       Flags{
           option("dtype", "TYPE", choice({"float32", "bfloat16", "float16", "q8_0"}),
                  "Data type to write; q8_0: matrices in blocks of 8-bit numbers, which --dtype stored reads.",
                  "float32"),
           json, quiet},
       "cuecard model convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2"},
      {"card info",
       "show a card's contents and the model it belongs to",
       {{"card", path, "Card folder."}},
       Flags{json},
       "cuecard card info sst2.card"},
      {"card import",
       "import a PEFT adapter as a card (page \"PEFT adapters\")",
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
       "export a card as a PEFT adapter (page \"PEFT adapters\")",
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

} // namespace cuecard::host
