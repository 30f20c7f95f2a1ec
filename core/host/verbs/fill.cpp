#include <cuecard/error.hpp>

#include "engine/predict/predictor.hpp"
#include "host/device.hpp"
#include "host/input/input_loop.hpp"
#include "host/input/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/input_lines.hpp"
#include "host/output/json_line.hpp"
#include "host/output/table.hpp"
#include "host/runs/cut_context.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

Json slots_json(const std::vector<SlotTokens>& slots, const Vocabulary& vocabulary) {
  Json list = Json::array();
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    Json top = Json::array();
    for (std::size_t k = 0; k < slots[slot].ids.size(); ++k)
      top.push_back({{"id", slots[slot].ids[k]},
                     {"token", vocabulary.piece(slots[slot].ids[k])},
                     {"log_prob", finite(slots[slot].log_probs[k])}});
    list.push_back({{"index", slot}, {"top", top}});
  }
  return list;
}

std::string as_text(int64_t number, const Json& slots) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& slot : slots)
    for (const Json& top : slot["top"])
      rows.push_back({top["token"].get<std::string>(), top["id"].dump(),
                      rounded(top["log_prob"].get<double>(), 4), std::to_string(number), slot["index"].dump()});
  return table({"token", "id", "log-prob", "row", "slot"}, rows);
}

} // namespace

int fill(const Values& values) {
  const at::Device device = open_device(values);
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, device);
  if (!model.shape().has_lm_head)
    throw UsageError(values.text("model") +
                     ": this model has no head over the vocabulary, so it can't predict tokens; use one with a "
                     "language-model or masked-LM head.");
  TaskPipeline pipeline = shown_pipeline(values, model, plugins, PromptUse::filled);
  if (pipeline.layout.positions.kind != OutputPositions::Kind::answer_slots)
    throw UsageError("`cuecard fill` shows what a model predicts at answer slots, and the verbalizer \"" +
                     pipeline.record.verbalizer.component +
                     "\" uses none; see its prompts with `cuecard render`.");
  pipeline.verbalizer = nullptr; // slots stay open, also where the verbalizer compares given answers
  check_roles(values, pipeline.prompt_template->fields());
  const auto input = open_template_input(values, pipeline.prompt_template->fields(), columns_of(pipeline));
  Predictor predictor(model, {&pipeline}, {values.integer("batch-size"), values.integer("batch-tokens")});

  const Interruptible work;
  const bool json = values.given("json");
  std::vector<std::vector<SlotTokens>> filled;
  ExampleNotes notes;
  SkippedInputs skipped(json, *input);
  InputLoop loop(values, *input);
  loop.run({.run =
                [&](const std::vector<const Example*>& examples) {
                  filled = predictor.fill(examples, values.integer("top-k"), &notes);
                  return notes;
                },
            .print =
                [&](int64_t number, const InputRow& row, std::size_t index) {
                  const Json slots = slots_json(filled[index], model.vocabulary());
                  Json object = row_json(number, row);
                  object["slots"] = slots;
                  add_cut(object, notes.cut[index]);
                  if (json)
                    print_line(object);
                  else
                    std::cout << as_text(number, slots);
                },
            .skip = [&](int64_t number, const InputRow& row,
                        const std::string& problem) { skipped.print(number, row, problem); }});
  if (json)
    print_summary(loop, predictor.counters());
  report_cut(loop.cut(), cut_context(pipeline, model, "", "examples", "--max-length"));
  return loop.exit_code();
}

} // namespace cuecard::host
