#include <algorithm>
#include <chrono>
#include <map>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "engine/generate/generator.hpp"
#include "engine/generate/growing_text.hpp"
#include "engine/predict/predictor.hpp"
#include "host/device.hpp"
#include "host/input/input_loop.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/input_lines.hpp"
#include "host/output/json_line.hpp"
#include "host/runs/cut_context.hpp"
#include "host/verbs/verbs.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

/// The settings from flags; unset ones are those of the card's verbalizer, if it generates.
GenerateSettings settings_of(const Values& values, const TaskPipeline& pipeline, const Vocabulary& vocabulary) {
  GenerateSettings settings;
  if (pipeline.verbalizer)
    settings = pipeline.verbalizer->generation().value_or(settings);
  settings.max_length = values.integer("max-new-tokens", settings.max_length);
  settings.min_length = values.integer("min-new-tokens", settings.min_length);
  settings.beams = values.integer("beams", settings.beams);
  settings.returns = values.integer("sequences", settings.returns);
  settings.temperature = values.number("temperature", settings.temperature);
  settings.top_k = values.integer("top-k", settings.top_k);
  settings.top_p = values.number("top-p", settings.top_p);
  settings.min_p = values.number("min-p", settings.min_p);
  settings.repetition_penalty = values.number("repetition-penalty", settings.repetition_penalty);
  settings.length_penalty = values.number("length-penalty", settings.length_penalty);
  settings.no_repeat_ngram = values.integer("no-repeat-ngram", settings.no_repeat_ngram);
  settings.early_stop = settings.early_stop || values.given("early-stop");
  for (const char* flag : {"top-k", "top-p", "min-p", "seed"})
    if (values.given(flag) && settings.temperature == 0)
      throw UsageError(std::string("--") + flag +
                       " is for sampling, and the temperature is 0, which means none; " +
                       "give --temperature, such as 1, or omit --" + flag + ".");
  for (const char* flag : {"early-stop", "length-penalty"})
    if (values.given(flag) && settings.beams == 1)
      throw UsageError(
          std::string("--") + flag +
          " is for beam search, and there is one beam, which means none; give --beams, such as 4, or omit --" +
          flag + ".");
  for (const char* flag : {"ban", "stop"})
    for (const std::string& text : values.texts(flag))
      if (text.empty())
        throw UsageError(std::string("--") + flag +
                         " is an empty text; give a text of at least one character.");
  settings.seed = static_cast<uint64_t>(values.integer("seed", static_cast<int64_t>(settings.seed)));
  if (values.given("stop"))
    settings.stop = values.texts("stop");
  for (const std::string& text : values.texts("ban"))
    for (std::vector<int64_t>& sequence : banned_sequences(vocabulary, text))
      settings.banned.push_back(std::move(sequence));
  return settings;
}

/// Warns of the settings in the model's files that no flag sets. `--temperature` and `--beams` also say whether there is sampling or beam
/// search at all.
void warn_of_unused_settings(const Values& values, UnusedSettings unused) {
  static const std::map<std::string, std::vector<std::string>> keys_of_flags{
      {"max-new-tokens", {"max_new_tokens", "max_length"}},
      {"min-new-tokens", {"min_new_tokens", "min_length"}},
      {"beams", {"num_beams"}},
      {"sequences", {"num_return_sequences"}},
      {"temperature", {"do_sample", "temperature"}},
      {"top-k", {"top_k"}},
      {"top-p", {"top_p"}},
      {"min-p", {"min_p"}},
      {"repetition-penalty", {"repetition_penalty"}},
      {"length-penalty", {"length_penalty"}},
      {"no-repeat-ngram", {"no_repeat_ngram_size"}},
      {"early-stop", {"early_stopping"}},
      {"ban", {"bad_words_ids"}},
      {"stop", {"stop_strings"}},
  };
  for (const auto& [flag, keys] : keys_of_flags)
    if (values.given(flag))
      std::erase_if(unused.settings, [&keys = keys](const UnusedSettings::Setting& setting) {
        return std::ranges::find(keys, setting.key) != keys.end();
      });
  std::erase_if(unused.settings, [&](const UnusedSettings::Setting& setting) {
    return (setting.needs == "do_sample" && values.number("temperature", 1) == 0) ||
           (setting.needs == "num_beams" && values.integer("beams", 2) == 1);
  });
  show_warnings(unused.warnings());
}

/// Prints the new part of a text.
class GrowingLine {
public:
  void show(const std::string& text) {
    if (text.size() <= shown_)
      return;
    std::cout << text.substr(shown_) << std::flush;
    shown_ = text.size();
  }

  void finish(const std::string& text) {
    show(text);
    std::cout << std::endl;
  }

private:
  std::size_t shown_ = 0;
};

Json texts_json(const std::vector<Generated>& texts) {
  Json list = Json::array();
  for (const Generated& text : texts)
    list.push_back({{"text", text.text}, {"log_prob", finite(text.log_prob)}, {"tokens", text.ids.size()}});
  return list;
}

} // namespace

int generate(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, device);
  check(GenerateSettings(), model.shape()); // before errors about templates, since no template could fix this
  const TaskPipeline pipeline = shown_pipeline(values, model, plugins, PromptUse::continued);
  const GenerateSettings settings = settings_of(values, pipeline, model.vocabulary());
  check_roles(values, pipeline.prompt_template->fields());
  if (!pipeline.verbalizer || !pipeline.verbalizer->generation()) // else the card or the task has settings
    warn_of_unused_settings(values, model.files().unused_settings);
  const auto input = open_template_input(values, pipeline.prompt_template->fields(), columns_of(pipeline));
  Predictor predictor(model, {&pipeline}, {values.integer("batch-size"), values.integer("batch-tokens")});

  const Interruptible work;
  const bool json = values.given("json");
  const bool streams = !json && input->total() == 1 && settings.beams == 1 && settings.returns == 1 &&
                       ::isatty(STDOUT_FILENO) != 0;
  const GrowingText growing(model.vocabulary(), settings);
  GrowingLine line;
  const auto watch = [&](int64_t, std::span<const int64_t> ids) {
    if (streams)
      line.show(growing.so_far(ids));
    return !work.requested();
  };
  std::vector<std::vector<Generated>> texts;
  ExampleNotes notes;
  SkippedInputs skipped(json, *input);
  // Several batches at once, so that a text that ends early makes room for the next.
  InputLoop loop(values, *input, 4);
  const auto start = std::chrono::steady_clock::now();
  try {
    loop.run({.run =
                  [&](const std::vector<const Example*>& examples) {
                    texts = predictor.generate(examples, settings, &notes, watch);
                    return notes;
                  },
              .print =
                  [&](int64_t number, const InputRow& row, std::size_t index) {
                    if (json) {
                      Json object = row_json(number, row);
                      object["texts"] = texts_json(texts[index]);
                      add_cut(object, notes.cut[index]);
                      print_line(object);
                    } else if (streams) {
                      line.finish(texts[index][0].text);
                    } else {
                      for (const Generated& text : texts[index])
                        std::cout << text.text << '\n';
                    }
                  },
              .skip = [&](int64_t number, const InputRow& row,
                          const std::string& problem) { skipped.print(number, row, problem); }});
  } catch (const Cancelled&) { // unfinished texts are not printed
    if (streams)
      std::cout << std::endl;
  }
  if (json) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    print_summary(loop, predictor.counters(), seconds.count());
  }
  report_cut(loop.cut(), cut_context(pipeline, model, "", "examples", "--max-length", "--max-new-tokens"));
  return loop.exit_code();
}

} // namespace cuecard::host
