/// A tiny model that was trained for a task: with the weights of a fine-tuned card, in a folder of its own.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <unistd.h>

#include "model/safetensors/safetensors.hpp"
#include "tasks.hpp"

namespace cuecard::test {

/// Removes the folder afterwards. `name` is the golden model that was trained.
class TaughtModel {
public:
  TaughtModel(const std::string& name, const Model& model, const TensorMap& trained) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json"})
      std::filesystem::copy_file(golden / "models" / name / file, path_ / file);
    std::map<std::string, at::Tensor> weights;
    for (const auto& [weight, tensor] : model.backbone().weights())
      weights[weight] = (trained.contains(weight) ? trained.at(weight) : tensor).detach().contiguous().clone();
    write_safetensors(path_ / "model.safetensors", weights);
  }
  ~TaughtModel() { std::filesystem::remove_all(path_); }
  TaughtModel(const TaughtModel&) = delete;
  TaughtModel& operator=(const TaughtModel&) = delete;

  Model load() const { return Model::load(path_, plugins(), {at::kCPU, at::kFloat}); }

private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("cuecard-taught-" + std::to_string(getpid()));
};

} // namespace cuecard::test
