#include <cuecard/error.hpp>

#include "engine/predict/predictor.hpp"
#include "host/device.hpp"
#include "host/input_rows.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/output/table.hpp"
#include "host/runs/progress.hpp"
#include "host/verbs/verbs.hpp"
#include "program/failure.hpp"

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
  const TaskPipeline pipeline = pipeline_of_template(values, model, plugins, false);
  const auto input = open_template_input(values, pipeline.prompt_template->fields());
  Predictor predictor(model, {&pipeline}, {values.integer("batch-size"), values.integer("batch-tokens")});

  const Interruptible work;
  const bool json = values.given("json");
  ProgressBar progress("fill", input->total(), values.given("quiet") || input->total() < 0);
  const auto most = static_cast<std::size_t>(values.integer("batch-size"));
  int64_t number = 0, skipped = 0;
  for (auto rows = input->next(most); !rows.empty() && !work.requested(); rows = input->next(most)) {
    std::vector<const Example*> usable;
    for (const InputRow& row : rows)
      if (row.problem.empty())
        usable.push_back(&row.example);
    std::vector<std::string> problems;
    const auto filled = predictor.fill(usable, values.integer("topk"), &problems);
    std::size_t next = 0;
    for (const InputRow& row : rows) {
      const bool was_run = row.problem.empty();
      const std::string problem = was_run ? (next < problems.size() ? problems[next] : "") : row.problem;
      const Json slots = problem.empty() ? slots_json(filled[next], model.vocabulary()) : Json(nullptr);
      next += was_run;
      if (!problem.empty()) {
        if (values.given("strict"))
          throw skipped_row(row, problem);
        ++skipped;
      }
      if (json && problem.empty())
        print_line({{"row", number}, {"slots", slots}});
      else if (json)
        print_line(problem_json(number, row, problem));
      else if (problem.empty())
        std::cout << as_text(number, slots);
      else
        std::cerr << "cuecard: " << skipped_row(row, problem).what() << '\n';
      ++number;
    }
    std::cout.flush();
    progress.show(number);
  }
  if (json) {
    Json summary{{"rows", number}, {"skipped", skipped}};
    add_counters(summary, predictor.counters());
    print_line({{"summary", summary}});
  }
  return work.requested() ? exit_interrupted : skipped > 0 ? exit_rows_failed : 0;
}

} // namespace cuecard::host
