#include <algorithm>
#include <iostream>
#include <memory>

#include <cuecard/error.hpp>

#include "data/text_fields.hpp"
#include "engine/predict/batch_runner.hpp"
#include "engine/predict/prompt_json.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/word_field.hpp"
#include "host/input/input_loop.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/input_lines.hpp"
#include "host/output/json_line.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

/// The tokens in a line, with `*` after those whose output is used.
std::string as_text(const TokenizedPrompt& prompt, const Vocabulary& vocabulary) {
  const auto line = [&](const std::vector<PromptToken>& tokens, bool has_answers) {
    std::string text;
    const RenderedSide side = rendered(tokens, vocabulary);
    for (std::size_t i = 0; i < side.tokens.size(); ++i) {
      const bool selected = has_answers && std::find(prompt.answers.begin(), prompt.answers.end(),
                                                     static_cast<int64_t>(i)) != prompt.answers.end();
      text += (i ? " " : "") + side.tokens[i] + (selected ? "*" : "");
    }
    return text;
  };
  std::string text = line(prompt.input, prompt.output.empty());
  if (!prompt.output.empty())
    text += " || " + line(prompt.output, true);
  const int64_t cut = prompt.cut.total();
  return cut > 0 ? text + "   (" + counted(cut, "token") + " cut)" : text;
}

} // namespace

int render(const Values& values) {
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, at::kCPU, shows_more_than_a_template(values));
  const TaskPipeline pipeline = shown_pipeline(values, model, plugins, PromptUse::shown);
  check_roles(values, pipeline.prompt_template->fields());
  const auto input = open_input(values, text_fields(pipeline.prompt_template->fields()), columns_of(pipeline));
  std::unique_ptr<BatchRunner> runner; // for prompts that depend on the model's features of the input
  if (pipeline.tuner->wants_representation())
    runner =
        std::make_unique<BatchRunner>(model, std::vector<const TaskPipeline*>{&pipeline}, PredictSettings());

  const Interruptible work;
  const bool json = values.given("json");
  std::vector<std::vector<TokenizedPrompt>> prompts;
  const auto tokenize_all = [&](const std::vector<const Example*>& examples) {
    const std::vector<at::Tensor> representations =
        runner ? runner->representations_of(examples) : std::vector<at::Tensor>(examples.size());
    ExampleNotes notes(examples.size());
    prompts.assign(examples.size(), {});
    for (std::size_t i = 0; i < examples.size(); ++i)
      try {
        prompts[i] = tokenized(pipeline, model, *examples[i], false, representations[i]);
      } catch (const DataError& error) {
        notes.problems[i] = error.what();
      }
    return notes;
  };
  SkippedInputs skipped(json, *input);
  InputLoop loop(values, *input);
  loop.run({.prepare = [&](Example& example) { take_words(example, pipeline); },
            .run = tokenize_all,
            .print =
                [&](int64_t number, const InputRow& row, std::size_t index) {
                  for (const TokenizedPrompt& prompt : prompts[index])
                    if (json)
                      print_line(prompt_json(row_json(number, row), prompt, model.vocabulary()));
                    else
                      std::cout << as_text(prompt, model.vocabulary()) << '\n';
                },
            .skip = [&](int64_t number, const InputRow& row,
                        const std::string& problem) { skipped.print(number, row, problem); }});
  if (loop.skipped() > 0)
    std::cerr << "cuecard: " << loop.skipped() << " of " << loop.rows() << " examples skipped.\n";
  return loop.exit_code();
}

} // namespace cuecard::host
