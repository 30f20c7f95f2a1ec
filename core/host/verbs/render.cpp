#include <algorithm>

#include <cuecard/error.hpp>

#include "data/text_fields.hpp"
#include "engine/tokenized_example.hpp"
#include "host/input_rows.hpp"
#include "host/loading.hpp"
#include "host/output/input_lines.hpp"
#include "host/output/json_line.hpp"
#include "host/verbs/verbs.hpp"
#include "program/failure.hpp"

namespace cuecard::host {

namespace {

/// One side of a prompt.
struct Rendered {
  std::vector<std::string> tokens;
  std::vector<int64_t> ids, soft;
};

/// Soft slots are numbered from 1 here: 0 means that the token is not a soft slot.
Rendered rendered(const std::vector<PromptToken>& tokens, const Vocabulary& vocabulary) {
  Rendered result;
  for (const PromptToken& token : tokens) {
    const bool soft = token.soft_slot >= 0, trigger = token.trigger_slot >= 0;
    result.tokens.push_back(soft      ? "<soft " + std::to_string(token.soft_slot + 1) + ">"
                            : trigger ? "<trigger " + std::to_string(token.trigger_slot + 1) + ">"
                                      : vocabulary.piece(token.id));
    result.ids.push_back(token.id);
    result.soft.push_back(token.soft_slot + 1);
  }
  return result;
}

Json as_json(int64_t number, const TokenizedPrompt& prompt, const Vocabulary& vocabulary) {
  const Rendered input = rendered(prompt.input, vocabulary);
  Json object{{"row", number}, {"tokens", input.tokens}, {"ids", input.ids}, {"soft", input.soft}};
  if (!prompt.output.empty()) {
    const Rendered output = rendered(prompt.output, vocabulary);
    object["output_tokens"] = output.tokens;
    object["output_ids"] = output.ids;
    object["output_soft"] = output.soft;
  }
  object["answers"] = prompt.answers;
  object["cut"] = prompt.cut.total();
  if (prompt.choice > 0)
    object["choice"] = prompt.choice;
  return object;
}

/// The tokens in a line, with `*` after those whose output is used.
std::string as_text(const TokenizedPrompt& prompt, const Vocabulary& vocabulary) {
  const auto line = [&](const std::vector<PromptToken>& tokens, bool has_answers) {
    std::string text;
    const Rendered side = rendered(tokens, vocabulary);
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
  return cut > 0 ? text + "   (" + std::to_string(cut) + " tokens cut)" : text;
}

} // namespace

int render(const Values& values) {
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, at::kCPU, false);
  const TaskPipeline pipeline = pipeline_of_template(values, model, plugins, true);
  const auto input = open_input(values, text_fields(pipeline.prompt_template->fields()));
  const bool json = values.given("json");
  int64_t number = 0, skipped = 0;
  SkippedInputs unusable(json, *input);
  for (auto rows = input->next(64); !rows.empty(); rows = input->next(64)) {
    for (InputRow& row : rows) {
      try {
        if (!row.problem.empty())
          throw DataError(row.problem);
        for (const TokenizedPrompt& prompt : tokenized(pipeline, model, row.example)) {
          if (json)
            print_line(as_json(number, prompt, model.vocabulary()));
          else
            std::cout << as_text(prompt, model.vocabulary()) << '\n';
        }
      } catch (const DataError& error) {
        if (values.given("strict"))
          throw skipped_row(row, error.what());
        ++skipped;
        unusable.print(number, row, error.what());
      }
      ++number;
    }
    std::cout.flush();
  }
  if (skipped > 0)
    std::cerr << "cuecard: " << skipped << " of " << number << " examples skipped.\n";
  return skipped > 0 ? exit_rows_failed : 0;
}

} // namespace cuecard::host
