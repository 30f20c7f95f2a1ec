#include "conformance/planted_task.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include <ATen/ops/equal.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

#include "registry/options.hpp"

namespace cuecard::conformance {

namespace {

/// Candidate template texts, the most likely to fit first.
std::vector<std::string> texts_for(const Model& model, const Asked& asked) {
  using Kind = OutputPositions::Kind;
  const std::string mask = model.shape().causal ? "{\"mask\"}" : " {\"mask\"}";
  const std::string field = asked.positions.field;
  if (asked.positions.kind == Kind::words || asked.positions.kind == Kind::tokens)
    return {"{" + (field.empty() ? "text" : field) + "} so", "so {" + (field.empty() ? "text" : field) + "}"};
  if (asked.positions.kind != Kind::answer_slots)
    return {"{text} so", "{text} {\"choice\": \"choices\"}"};
  std::vector<std::string> texts;
  for (int64_t slots = std::max<int64_t>(1, asked.slots); slots <= std::max<int64_t>(asked.slots, 2); ++slots)
    for (const char* triggers : {"", " {\"trigger\": None, \"duplicate\": 2}", " {\"trigger\"}"}) {
      std::string text = std::string("{text}") + triggers;
      for (int64_t slot = 0; slot < slots; ++slot)
        text += (slot ? " is" : " so") + mask;
      texts.push_back(text);
    }
  return texts;
}

bool sets(const std::vector<std::pair<std::string, std::string>>& set, const std::string& option) {
  return std::ranges::any_of(set, [&](const auto& each) { return each.first == option; });
}

PipelineChoice pipeline_choice(const PlantedChoice& planted) {
  PipelineChoice choice;
  choice.name = planted.name;
  choice.prompt_template = {planted.template_component, planted.template_set};
  choice.verbalizer = {planted.verbalizer, planted.verbalizer_set};
  choice.tuner = {planted.tuner, planted.tuner_set};
  choice.seed = planted.seed;
  const std::vector<std::string> two{"bad", "good"};
  for (int64_t label = 0; label < planted.labels; ++label) {
    const auto number = static_cast<std::size_t>(label);
    choice.labels.push_back(planted.labels == 2 ? two[number] : "label" + std::to_string(label));
    choice.label_words.push_back({planted.labels == 2 ? two[number] : tiny_words().at(number)});
  }
  if (!planted.label_words.empty())
    choice.label_words = planted.label_words;
  return choice;
}

} // namespace

std::vector<Example> planted_rows(int64_t count, uint64_t seed) {
  const std::vector<std::string> others{"the", "film", "was", "a", "plot", "of", "and"};
  Random random(seed, stream_id("planted"));
  std::vector<Example> rows(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    Example& row = rows[static_cast<std::size_t>(i)];
    row.label = i % 2;
    const std::string verdict = row.label ? "good" : "bad";
    std::vector<std::string> words;
    for (uint64_t n = 1 + random.below(4); n > 0; --n)
      words.push_back(others[random.below(others.size())]);
    words.insert(words.begin() + static_cast<std::ptrdiff_t>(random.below(words.size() + 1)), verdict);
    std::string text;
    for (const std::string& word : words) {
      if (word == verdict)
        row.spans = {{"context", static_cast<int64_t>(text.size() + (text.empty() ? 0 : 1)),
                      static_cast<int64_t>(text.size() + (text.empty() ? 0 : 1) + verdict.size())}};
      text += (text.empty() ? "" : " ") + word;
      row.word_labels.push_back(word == verdict);
    }
    row.fields["text"] = row.fields["context"] = text;
    row.fields["question"] = "the film";
    row.words["words"] = words;
    row.words["choices"] = {"bad film", "good film"};
    row.answers = {verdict};
    row.line = i + 1;
  }
  return rows;
}

PlantedChoice planted_with(const Subject& subject) {
  PlantedChoice choice;
  choice.seed = subject.seed;
  switch (subject.info().kind) {
  case CUECARD_TEMPLATE:
    choice.template_component = subject.name();
    choice.template_set = subject.options();
    break;
  case CUECARD_VERBALIZER:
    choice.verbalizer = subject.name();
    choice.verbalizer_set = subject.options();
    break;
  case CUECARD_TUNER:
    choice.tuner = subject.name();
    choice.tuner_set = subject.options();
    break;
  default:
    break;
  }
  return choice;
}

Asked asked_by(const registry::Registry& plugins, const PlantedChoice& choice) {
  const registry::Entry entry = plugins.find(CUECARD_VERBALIZER, choice.verbalizer);
  const auto verbalizer =
      registry::make<Verbalizer>(entry, registry::complete(entry.component(), choice.verbalizer_set));
  return {verbalizer->output_positions(), verbalizer->num_answer_slots()};
}

TaskPipeline planted_pipeline(const Subject& subject, const Model& model, const PlantedChoice& planted,
                              const std::vector<Example>& rows,
                              const std::function<void(const PipelineChoice&)>& trying) {
  std::string refusal;
  const registry::Entry prompt_template = subject.plugins.find(CUECARD_TEMPLATE, planted.template_component);
  std::vector<std::string> texts{""};
  if (registry::declares(prompt_template.component(), "text") && !sets(planted.template_set, "text"))
    texts = texts_for(model, asked_by(subject.plugins, planted));
  for (const std::string& text : texts) {
    PipelineChoice choice = pipeline_choice(planted);
    if (!text.empty())
      choice.prompt_template.set.emplace_back("text", text);
    if (trying)
      trying(choice);
    try {
      TaskPipeline pipeline = make_pipeline(model, subject.plugins, choice, &rows);
      if (texts.size() > 1 && pipeline.layout.positions.kind == OutputPositions::Kind::sequence &&
          text != texts.back())
        predictions(model, pipeline, {rows.at(0)}); // says whether it compares the prompts of an example
      return pipeline;
    } catch (const PluginError&) {
      throw;
    } catch (const Error& error) { // UsageError or DataError: the component's own message
      if (refusal.empty())
        refusal = error.what();
    }
  }
  throw Refused(refusal);
}

std::string for_each_model(const Subject& subject, const std::function<void(const Model&, const Family&)>& run,
                           const ModelSettings& settings) {
  std::string remarks;
  bool any_model = false, any_run = false;
  for (const Family& family : families()) {
    const auto remark = [&](const std::string& why) {
      remarks += (remarks.empty() ? "" : " ") + std::string(family.name) + ": " + why;
    };
    try {
      subject.plugins.find_backbone(family.model_type);
    } catch (const Error&) {
      remark("the backbone \"" + std::string(family.model_type) + "\" is not installed.");
      continue;
    }
    any_model = true;
    const Model model = tiny_model(subject.folder / family.name, family.model_type, subject.plugins,
                                   model_seed(subject.seed), settings);
    try {
      run(model, family);
      any_run = true;
    } catch (const Refused& refusal) {
      remark(refusal.what());
    } catch (const NotApplicable&) {
      throw;
    } catch (const std::exception& error) {
      throw Wrong(std::string(family.name) + " model: " + error.what());
    }
  }
  if (!any_model)
    throw NotApplicable(remarks);
  require(any_run,
          "it refuses the kit's task with every model; where it needs options, give them with --set. " +
              remarks);
  return remarks;
}

FitRequest short_training(int64_t steps, int64_t batch_size) {
  FitRequest request;
  request.steps = steps;
  request.batch_size = batch_size;
  request.evaluate_every = steps;
  return request;
}

TrainResult trained(const Model& model, TaskPipeline& pipeline, const std::vector<Example>& rows,
                    const FitRequest& request, uint64_t seed, const Checkpointing& checkpointing,
                    const Progress& progress) {
  TrainResult result = train(model, {{pipeline, rows, rows}}, request, seed, progress, {}, checkpointing);
  require(result.report.failure.empty(), result.report.failure); // with a state that was kept
  return result;
}

std::vector<const Example*> pointers(const std::vector<Example>& rows) {
  std::vector<const Example*> result;
  result.reserve(rows.size());
  for (const Example& row : rows)
    result.push_back(&row);
  return result;
}

std::vector<Prediction> predictions(const Model& model, const TaskPipeline& pipeline,
                                    const std::vector<Example>& rows) {
  return Predictor(model, {&pipeline}).predict(pointers(rows));
}

TaskPipeline after_saving(const Subject& subject, const Model& model, const TaskPipeline& pipeline,
                          const std::string& name) {
  const std::filesystem::path place = subject.folder / (name + ".card");
  save_card(to_card(pipeline, model), place);
  return pipeline_from_card(model, subject.plugins, read_card(place));
}

double difference_after_saving(const Subject& subject, const Model& model, const TaskPipeline& pipeline,
                               const std::vector<Example>& rows, const std::string& name) {
  const TaskPipeline read = after_saving(subject, model, pipeline, name);
  return largest_difference(predictions(model, pipeline, rows), predictions(model, read, rows),
                            "the card after saving and reading it");
}

double largest_difference(const std::vector<Prediction>& a, const std::vector<Prediction>& b,
                          const std::string& what) {
  require(a.size() == b.size(), what + ": another number of predictions.");
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string where = what + ", example " + std::to_string(i + 1);
    require(a[i].problem == b[i].problem, where + ": \"" + a[i].problem + "\" and \"" + b[i].problem + "\".");
    const std::vector<double>&one = a[i].decision.probabilities, &other = b[i].decision.probabilities;
    require(one.size() == other.size(), where + ": another number of probabilities.");
    for (std::size_t k = 0; k < one.size(); ++k) {
      require(std::isfinite(one[k]) && std::isfinite(other[k]), where + ": a probability is not finite.");
      largest = std::max(largest, std::abs(one[k] - other[k]));
    }
    if (one.empty())
      require(a[i].decision.text == b[i].decision.text && a[i].decision.labels == b[i].decision.labels,
              where + ": another decision.");
  }
  return largest;
}

std::string different_state(const ComponentState& a, const ComponentState& b) {
  for (const auto* each : {&a, &b})
    for (const auto& [name, tensor] : (each == &a ? b : a).tensors)
      if (!each->tensors.contains(name))
        return name;
  for (const auto& [name, tensor] : a.tensors)
    if (tensor.sizes() != b.tensors.at(name).sizes() || tensor.dtype() != b.tensors.at(name).dtype() ||
        !at::equal(tensor, b.tensors.at(name)))
      return name;
  return a.texts == b.texts ? "" : "a text";
}

std::string shown(double number) {
  std::ostringstream text;
  text.precision(3);
  text << number;
  return text.str();
}

} // namespace cuecard::conformance
