/// A golden model saved differently: with other tensor names, other tensors or another config.json.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "model/safetensors/safetensors.hpp"
#include "recorded.hpp"

namespace cuecard::test {

class SavedOtherwise {
public:
  explicit SavedOtherwise(std::string name) : name_(std::move(name)) {
    const SafetensorsFile file(golden / "models" / name_ / "model.safetensors");
    for (const auto& [tensor, entry] : file.entries())
      tensors[tensor] = file.tensor(tensor);
    std::ifstream(golden / "models" / name_ / "config.json") >> config;
    std::ifstream(golden / "models" / name_ / "tokenizer.json") >> tokenizer;
  }
  ~SavedOtherwise() { std::filesystem::remove_all(folder_); }
  SavedOtherwise(const SavedOtherwise&) = delete;
  SavedOtherwise& operator=(const SavedOtherwise&) = delete;

  const std::string& name() const { return name_; }

  std::map<std::string, at::Tensor> tensors;
  nlohmann::json config, tokenizer;
  std::map<std::string, std::string> metadata; ///< of the safetensors file

  /// Writes it to a folder of its own and opens that.
  Model load() const {
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(golden / "models" / name_ / "tokenizer_config.json",
                               folder_ / "tokenizer_config.json",
                               std::filesystem::copy_options::overwrite_existing);
    std::ofstream(folder_ / "tokenizer.json") << tokenizer.dump();
    std::ofstream(folder_ / "config.json") << config.dump();
    write_safetensors(folder_ / "model.safetensors", tensors, metadata);
    return Model::load(folder_, plugins(), {at::kCPU, at::kFloat});
  }

private:
  inline static int made_ = 0;

  std::string name_;
  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("cuecard-saved-" + std::to_string(getpid()) + "-" + std::to_string(made_++));
};

} // namespace cuecard::test
