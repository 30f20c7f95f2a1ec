#include "conformance/use.hpp"

#include <mutex>
#include <thread>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>

#include <cuecard/error.hpp>
#include <cuecard/weights.hpp>

#include "conformance/planted_task.hpp"
#include "engine/tokenized_example.hpp"
#include "registry/options.hpp"

namespace cuecard::conformance {

namespace {

/// `subject` with a folder of its own below the case's.
Subject in_folder(const Subject& subject, const std::string& name) {
  Subject copy = subject;
  copy.folder /= name;
  std::filesystem::create_directories(copy.folder);
  return copy;
}

std::string use_with(const Subject& subject, const PlantedChoice& choice) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(6, subject.seed);
    TaskPipeline pipeline = planted_pipeline(subject, model, choice, rows);
    trained(model, pipeline, rows, short_training(2, 3), subject.seed);
    predictions(model, pipeline, rows);
  });
}

std::string use_backbone(const Subject& subject) {
  const std::string model_type = subject.info().model_types.at(0);
  const Model model = tiny_model(subject.folder / "model", model_type, subject.plugins, subject.seed);
  if (!model.shape().has_lm_head)
    return "it has no head over the vocabulary, so the planted task was not tried.";
  const std::vector<Example> rows = planted_rows(6, subject.seed);
  PlantedChoice choice = planted_with(subject);
  TaskPipeline pipeline = planted_pipeline(subject, model, choice, rows);
  predictions(model, pipeline, rows);
  return "";
}

/// Everything that two calls of a component must agree on, as text.
std::string prompt_text(const std::vector<TokenizedPrompt>& prompts) {
  std::string text;
  for (const TokenizedPrompt& prompt : prompts) {
    for (const auto* side : {&prompt.input, &prompt.output})
      for (const PromptToken& token : *side)
        text += std::to_string(token.id) + (token.soft_slot >= 0 ? "s" + std::to_string(token.soft_slot) : "") +
                " ";
    for (const int64_t position : prompt.answers)
      text += "a" + std::to_string(position);
    text += "|";
  }
  return text;
}

/// Runs `work` on `count` threads; Wrong with the first exception.
template <class Work>
void on_threads(int count, Work&& work) {
  std::mutex mutex;
  std::string failure;
  std::vector<std::thread> running;
  running.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    running.emplace_back([&] {
      try {
        const at::NoGradGuard no_gradients;
        work();
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        failure = error.what();
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = "an exception that is not a std::exception";
      }
    });
  for (std::thread& each : running)
    each.join();
  require(failure.empty(), "one object used by eight threads at once: " + failure);
}

/// Tolerance for probabilities: LibTorch's threads may add in another order.
constexpr double rounding = 1e-5;

/// The error of `call` must be a sentence. Returns false if there was none.
template <class Call>
bool fails_with_sentence(const std::string& what, Call&& call) {
  try {
    call();
  } catch (const Error& error) { // the engine's guard turns other exceptions into one that names the plugin
    const std::string text = error.what();
    require(text.find("that is not a std::exception") == std::string::npos,
            what + ": it throws an exception that is not a std::exception.");
    require(text.size() > 10 && text.find('\n') == std::string::npos,
            what + ": its error is not a sentence: \"" + text + "\".");
    return true;
  }
  return false;
}

/// A state with one thing wrong.
std::vector<std::pair<std::string, ComponentState>> damaged(const ComponentState& state, bool weights) {
  std::vector<std::pair<std::string, ComponentState>> states;
  ComponentState other = state;
  const std::string name = state.tensors.begin()->first;
  other.tensors.erase(name);
  if (!weights) // a card of weights may leave out those that are the model's
    states.emplace_back("a state without the tensor \"" + name + "\"", other);
  other.tensors[name] = at::ones({1, 2, 3, 1, 1});
  states.emplace_back("a state whose tensor \"" + name + "\" has another shape", other);
  return states;
}

/// Loads a damaged state into a prepared object, which must refuse it instead of computing with it.
template <class Object>
void check_damaged_states(Object& object, const ComponentState& state, bool weights) {
  if (state.tensors.empty())
    return;
  for (const auto& [what, wrong] : damaged(state, weights))
    require(
        fails_with_sentence("load_state with " + what, [&, &changed = wrong] { object.load_state(changed); }),
        "load_state takes " + what + " without an error.");
}

void check_template_errors(const Subject& subject, const Model& model) {
  PlantedChoice choice = planted_with(subject);
  const std::vector<Example> rows = planted_rows(2, subject.seed);
  TaskPipeline pipeline = planted_pipeline(subject, model, choice, rows);
  const Example empty;
  if (!pipeline.prompt_template->fields().empty())
    require(fails_with_sentence("an example without any field",
                                [&] {
                                  pipeline.prompt_template->render({empty, nullptr});
                                }),
            "an example that lacks the field \"" + pipeline.prompt_template->fields()[0] +
                "\" is rendered without an error.");
  for (const char* source : {"{", "}", "{\"mask\"", "{\"no-such-key\": 1}", "{\"soft\": 3,", "\xff\xfe"})
    fails_with_sentence("the template's text " + std::string(source), [&] {
      PlantedChoice wrong = choice;
      wrong.template_set.emplace_back("text", source);
      pipeline.prompt_template->set_source(source);
    });
}

/// A checkpoint that lacks every weight.
class NoWeights final : public Weights {
public:
  bool has(std::string_view) const override { return false; }
  std::vector<std::string> names() const override { return {}; }
  at::Tensor get(std::string_view name, at::IntArrayRef) const override {
    throw DataError("model.safetensors: has no tensor \"" + std::string(name) + "\".");
  }
};

void check_backbone_errors(const Subject& subject) {
  const Configuration right = tiny_configuration(subject.info().model_types.at(0));
  bool any = false;
  for (const auto& [key, value] : right.values()) {
    Configuration wrong = right;
    wrong.set(key, std::vector<std::string>{"no value of this kind"});
    BackboneShape shape;
    any = fails_with_sentence("a configuration whose \"" + key + "\" is a list",
                              [&] { registry::describe(subject.entry(), wrong, shape); }) ||
          any;
  }
  require(any, "`describe` takes a configuration whatever its values are; sizes must come from it.");
  const NoWeights none;
  require(fails_with_sentence("a checkpoint without a weight",
                              [&] {
                                registry::make(subject.entry(), BackboneArguments{right, none});
                              }),
          "a backbone is made of a checkpoint without any weight.");
}

} // namespace

std::string use(const Subject& subject) {
  if (subject.info().kind == CUECARD_BACKBONE)
    return use_backbone(subject);
  return use_with(subject, planted_with(subject));
}

void use_without(const Subject& subject) {
  use_with(in_folder(subject, "others"), {});
  at::ones({1}).requires_grad_().sum().backward();
}

std::string use_on_threads(const Subject& subject, int count) {
  if (subject.info().kind == CUECARD_BACKBONE) {
    const Model model =
        tiny_model(subject.folder / "model", subject.info().model_types.at(0), subject.plugins, subject.seed);
    if (!model.shape().has_lm_head)
      return "";
    const std::vector<Example> rows = planted_rows(4, subject.seed);
    const TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    const std::vector<Prediction> alone = predictions(model, pipeline, rows);
    on_threads(count, [&] {
      require(largest_difference(alone, predictions(model, pipeline, rows), "eight threads") < rounding,
              "the results differ from those of one thread.");
    });
    return "";
  }
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(4, subject.seed);
    TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    trained(model, pipeline, rows, short_training(1, 4), subject.seed);
    const auto texts = [&] {
      std::vector<std::string> found;
      found.reserve(rows.size());
      for (const Example& row : rows)
        found.push_back(prompt_text(tokenized(pipeline, model, row)));
      return found;
    };
    const std::vector<std::string> alone = texts();
    const std::vector<Prediction> predicted = predictions(model, pipeline, rows);
    on_threads(count, [&] {
      require(texts() == alone, "the prompts differ from those of one thread.");
      require(largest_difference(predicted, predictions(model, pipeline, rows), "eight threads") < rounding,
              "the results differ from those of one thread.");
    });
  });
}

std::string errors_are_sentences(const Subject& subject) {
  if (subject.info().kind == CUECARD_BACKBONE) {
    check_backbone_errors(subject);
    return "";
  }
  return for_each_model(subject, [&](const Model& model, const Family&) {
    if (subject.info().kind == CUECARD_TEMPLATE)
      return check_template_errors(subject, model);
    const std::vector<Example> rows = planted_rows(6, subject.seed);
    TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    trained(model, pipeline, rows, short_training(1, 6), subject.seed);
    const bool weights = subject.info().trains == CUECARD_TRAINS_WEIGHTS;
    if (subject.info().kind == CUECARD_TUNER)
      check_damaged_states(*pipeline.tuner, pipeline.tuner->state(0), weights);
    else
      check_damaged_states(*pipeline.verbalizer, pipeline.verbalizer->state(), weights);
  });
}

} // namespace cuecard::conformance
