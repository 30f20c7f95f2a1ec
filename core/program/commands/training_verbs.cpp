// Commands that train, and those that use what was trained on data.
#include <cuecard/fit.hpp>

#include "program/commands/commands.hpp"

namespace cuecard::host {

using namespace commands;

namespace {

const Flag card = required(repeatable(option("card", "CARD", path, "Card to use.")));
const Flags ensemble = {
    option("vote", "HOW", choice({"mean", "majority"}),
           "How to combine the predictions where an example has several prompts: with a template with "
           "{\"variant\"}, or a tuner that trains several.",
           "mean"),
};
const Flag task_columns = option("task", "FILE", path,
                                 "Read columns and label values from this task file. Default: those of the "
                                 "card's task.");
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
    option("optimizer", "NAME", choice(optimizer_names()), "Optimizer. Default: the tuner's."),
    option("schedule", "NAME", choice(schedule_names()), "Learning rate schedule."),
    option("seed", "N", integer(0, 4294967295.0), "Random seed.", "0"),
    option("seeds", "N", integer(1, 1000),
           "Train with this many seeds, starting at --seed, and keep the best."),
};

} // namespace

std::vector<Verb> training_verbs() {
  return {
      {"train",
       "train a card for a task",
       {},
       Flags{
           required(repeatable(
               option("task", "FILE", path, "Task file (page \"Task files\"); several are trained jointly."))),
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

} // namespace cuecard::host
