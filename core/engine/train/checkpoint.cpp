#include "engine/train/checkpoint.hpp"

#include <nlohmann/json.hpp>

#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "files/sha256.hpp"
#include "files/strict_json.hpp"
#include "model/safetensors/safetensors.hpp"

namespace cuecard {

namespace {

constexpr const char* json_name = "checkpoint.json";
constexpr const char* tensors_name = "checkpoint.safetensors";
constexpr const char* lock_name = ".lock";
constexpr std::size_t largest_json = std::size_t{16} << 20;

/// Whether `name` is a temporary file that a killed process left (atomic_write.hpp).
bool left_over(const std::string& name) {
  return name.starts_with(std::string(".") + json_name + ".") ||
         name.starts_with(std::string(".") + tensors_name + ".");
}

/// Creates the folder if there is none. Returns its lock file.
std::filesystem::path open_folder(const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directory(directory, failed);
  if (!std::filesystem::is_directory(directory))
    throw DataError(directory.string() + ": the folder for the checkpoint could not be created: " +
                    (failed ? failed.message() : std::string("there is a file of that name")) + ".");
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name != json_name && name != tensors_name && name != lock_name && !left_over(name))
      throw UsageError(directory.string() + ": holds \"" + name +
                       "\", which is not part of a checkpoint; name an empty or a new folder.");
  }
  return directory / lock_name;
}

/// SHA-256 of a list of texts, each preceded by its length.
class Digest {
public:
  Digest& add(const std::string& text) {
    bytes_ += std::to_string(text.size()) + ":" + text;
    return *this;
  }
  Digest& add(int64_t number) { return add(std::to_string(number)); }
  std::string hex() const { return sha256(bytes_); }

private:
  std::string bytes_;
};

std::string digest_of(const std::vector<Example>& examples) {
  Digest digest;
  for (const Example& example : examples) {
    digest.add(example.line).add(example.label);
    for (const auto& [name, text] : example.fields)
      digest.add(name).add(text);
    for (const auto& [name, words] : example.words) {
      digest.add(name);
      for (const std::string& word : words)
        digest.add(word);
    }
    for (const int64_t label : example.word_labels)
      digest.add(label);
    if (example.label_set) {
      digest.add(std::ssize(*example.label_set));
      for (const int64_t label : *example.label_set)
        digest.add(label);
    }
    if (example.unanswerable)
      digest.add("unanswerable");
    for (const auto& [name, value] : example.meta)
      digest.add(name).add(value);
    for (const std::string& answer : example.answers)
      digest.add(answer);
    for (const Example::Span& span : example.spans)
      digest.add(span.field).add(span.begin).add(span.end);
  }
  return std::to_string(examples.size()) + " examples, SHA-256 " + digest.hex();
}

std::string digest_of(const ComponentState& state) {
  Digest digest;
  for (const auto& [name, tensor] : state.tensors) {
    const at::Tensor bytes = tensor.detach().to(at::kCPU).contiguous();
    digest.add(name).add(sha256({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()}));
  }
  for (const auto& [name, text] : state.texts)
    digest.add(name).add(text);
  return "SHA-256 " + digest.hex();
}

std::string as_text(const Options::Value& value) {
  return std::visit([](const auto& v) { return nlohmann::json(v).dump(); }, value);
}

void describe(RunIdentity& run, const std::string& kind, const CardComponent& component) {
  run[kind] = component.plugin + "/" + component.component + " " + component.plugin_version;
  for (const auto& [name, value] : component.options.values())
    run[kind + " option " + name] = as_text(value);
}

std::string joined(const std::vector<std::vector<std::string>>& words) {
  return nlohmann::json(words).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_initial_state(const std::string& what) {
  return what.find("initial state") != std::string::npos;
}

std::string shortened(const std::string& text) {
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

} // namespace

void describe_task(RunIdentity& run, const TaskPipeline& pipeline, const std::vector<Example>& train,
                   const std::vector<Example>& dev) {
  const std::string task = "task \"" + pipeline.name + "\": ";
  const Card& record = pipeline.record;
  describe(run, task + "template", record.prompt_template);
  describe(run, task + "verbalizer", record.verbalizer);
  describe(run, task + "tuner", record.tuner);
  run[task + "template text"] = pipeline.prompt_template->source();
  run[task + "labels"] = joined({pipeline.labels});
  run[task + "label words"] = joined(record.label_words);
  run[task + "metric"] = pipeline.metric;
  run[task + "max-length"] = std::to_string(pipeline.limit.max_length);
  run[task + "truncate"] = std::to_string(static_cast<int>(pipeline.limit.truncate));
  run[task + "training data"] = digest_of(train);
  run[task + "development data"] = digest_of(dev);
  run[task + "initial state of the tuner"] = digest_of(pipeline.tuner->state(pipeline.task));
  run[task + "initial state of the verbalizer"] = digest_of(pipeline.verbalizer->state());
}

namespace {

/// A run that continues in another format would have different results.
std::string number_format(const ModelSettings& settings) {
  const std::string dtype = std::to_string(static_cast<int>(settings.dtype));
  switch (settings.matrices) {
  case MatrixForm::converted:
    return dtype;
  case MatrixForm::stored:
    return dtype + " stored";
  case MatrixForm::int8:
    return dtype + " int8";
  }
  return dtype;
}

} // namespace

RunIdentity describe_run(const Model& model, const FitSettings& settings, uint64_t seed) {
  const ModelIdentity& identity = model.identity();
  const auto number = [](double value) { return nlohmann::json(value).dump(); };
  return {
      {"program", "cuecard " CUECARD_VERSION},
      {"model family", identity.family},
      {"model weights", identity.weights_sha256},
      {"model tokenizer", identity.tokenizer_sha256},
      {"dtype", number_format(model.settings())},
      {"device", model.settings().device.is_cpu() ? "cpu" : "cuda"},
      {"seed", std::to_string(seed)},
      {"steps", std::to_string(settings.steps)},
      {"lr", number(settings.learning_rate)},
      {"batch-size", std::to_string(settings.batch_size)},
      {"batch-tokens", std::to_string(settings.batch_tokens)},
      {"warmup", number(settings.warmup)},
      {"clip", number(settings.clip)},
      {"evaluate-every", std::to_string(settings.evaluate_every)},
      {"patience", std::to_string(settings.patience)},
      {"optimizer", settings.optimizer},
      {"schedule", settings.schedule},
      {"decay", number(settings.decay)},
  };
}

RunIdentity without_initial_states(RunIdentity run) {
  std::erase_if(run, [](const auto& entry) { return is_initial_state(entry.first); });
  return run;
}

Checkpoint::Checkpoint(std::filesystem::path directory, const RunIdentity& run)
    : directory_(std::move(directory)), lock_(open_folder(directory_), directory_, "checkpoint") {
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    if (left_over(entry.path().filename().string()))
      std::filesystem::remove(entry.path());
  if (std::filesystem::exists(directory_ / json_name))
    compare(run);
  else if (std::filesystem::exists(directory_ / tensors_name))
    throw DataError(directory_.string() + ": " + json_name +
                    " is missing, so it is unknown which run this checkpoint belongs to; remove the folder.");
  else
    write_file_atomically(directory_ / json_name, nlohmann::json(run).dump(2));
}

void Checkpoint::compare(const RunIdentity& here) const {
  const std::filesystem::path path = directory_ / json_name;
  const nlohmann::json saved = read_json(path, {largest_json, 2});
  const auto refuse = [&](const std::string& what, const std::string& there, const std::string& now) {
    throw DataError(directory_.string() + ": this checkpoint belongs to another run: " + what + " was " +
                    shortened(there) + " there and is " + shortened(now) +
                    " here; use the settings and data of that run, or name another folder.");
  };
  if (!saved.is_object())
    throw DataError(path.string() + ": expected a JSON object of strings; remove the folder and start again.");
  // Causes before their consequences: data and components change default settings, and a seed changes initial states.
  const auto rank = [](const std::string& what) {
    return is_initial_state(what) ? 2 : what.starts_with("task ") ? 0 : 1;
  };
  for (const int current : {0, 1, 2})
    for (const auto& [what, value] : here) {
      const auto found = saved.find(what);
      const bool text = found != saved.end() && found->is_string();
      const std::string there = text ? found->get<std::string>() : "nothing";
      if (rank(what) == current && there != value)
        refuse(what, there, value);
    }
  for (const auto& [what, value] : saved.items())
    if (!here.contains(what))
      refuse(shortened(what), value.is_string() ? value.get<std::string>() : "something", "nothing");
}

TensorMap Checkpoint::read() const {
  TensorMap state;
  if (!std::filesystem::exists(directory_ / tensors_name))
    return state;
  const SafetensorsFile file(directory_ / tensors_name);
  for (const auto& [name, entry] : file.entries())
    state[name] = file.tensor(name).clone();
  return state;
}

void Checkpoint::write(const TensorMap& state) const {
  write_safetensors(directory_ / tensors_name, state);
}

void remove_checkpoint(const std::filesystem::path& directory) {
  std::error_code ignored;
  // The tensors first: as long as they exist, the JSON file must say which run they belong to.
  for (const char* name : {tensors_name, json_name})
    std::filesystem::remove(directory / name, ignored);
  std::filesystem::remove(directory, ignored);
}

} // namespace cuecard
