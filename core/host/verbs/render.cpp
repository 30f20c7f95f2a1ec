#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"
#include "host/input_rows.hpp"
#include "host/json_line.hpp"
#include "host/loading.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

/// One side of a prompt: the decoder's where there is one, since answers are read there.
struct Rendered {
  std::vector<std::string> tokens;
  std::vector<int64_t> ids, soft;
};

/// Soft slots are numbered from 1 here: 0 says that the token is none.
Rendered rendered(const std::vector<TokenRow>& rows, const Vocabulary& vocabulary) {
  Rendered result;
  for (const TokenRow& row : rows) {
    const bool soft = row.soft_slot >= 0, trigger = row.trigger_slot >= 0;
    result.tokens.push_back(soft      ? "<soft " + std::to_string(row.soft_slot + 1) + ">"
                            : trigger ? "<trigger " + std::to_string(row.trigger_slot + 1) + ">"
                                      : vocabulary.piece(row.id));
    result.ids.push_back(row.id);
    result.soft.push_back(row.soft_slot + 1);
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
  object["cut"] = prompt.cut;
  if (prompt.choice > 0)
    object["choice"] = prompt.choice;
  return object;
}

/// Tokens in a line, `*` behind those that are read.
std::string as_text(const TokenizedPrompt& prompt, const Vocabulary& vocabulary) {
  const auto line = [&](const std::vector<TokenRow>& rows, bool read_here) {
    std::string text;
    const Rendered side = rendered(rows, vocabulary);
    for (std::size_t i = 0; i < side.tokens.size(); ++i) {
      const bool read = read_here && std::find(prompt.answers.begin(), prompt.answers.end(),
                                               static_cast<int64_t>(i)) != prompt.answers.end();
      text += (i ? " " : "") + side.tokens[i] + (read ? "*" : "");
    }
    return text;
  };
  std::string text = line(prompt.input, prompt.output.empty());
  if (!prompt.output.empty())
    text += " || " + line(prompt.output, true);
  return prompt.cut > 0 ? text + "   (" + std::to_string(prompt.cut) + " tokens cut)" : text;
}

} // namespace

int render(const Values& values) {
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, at::kCPU, false);
  const Method method = method_of_template(values, model, plugins, true);
  const auto input = open_input(values, text_fields(method.prompt_template->fields()));
  const bool json = values.given("json");
  int64_t number = 0, unusable = 0;
  for (auto rows = input->next(64); !rows.empty(); rows = input->next(64)) {
    for (InputRow& row : rows) {
      try {
        if (!row.problem.empty())
          throw DataError(row.problem);
        for (const TokenizedPrompt& prompt : tokenized(method, model, row.example)) {
          if (json)
            print_line(as_json(number, prompt, model.vocabulary()));
          else
            std::cout << as_text(prompt, model.vocabulary()) << '\n';
        }
      } catch (const DataError& error) {
        if (values.given("strict"))
          throw unusable_row(row, error.what());
        ++unusable;
        if (json)
          print_line(problem_json(number, row, error.what()));
        else
          std::cerr << "cuecard: " << unusable_row(row, error.what()).what() << '\n';
      }
      ++number;
    }
    std::cout.flush();
  }
  if (unusable > 0)
    std::cerr << "cuecard: " << unusable << " of " << number << " rows could not be used.\n";
  return 0;
}

} // namespace cuecard::host
