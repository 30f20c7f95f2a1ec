/// A run in the middle, as a folder: `checkpoint.json` says which run it is, `checkpoint.safetensors` holds
/// what going on from there needs. Each is written beside and renamed, so a run that is killed at any moment
/// leaves the last whole state.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <cuecard/learned.hpp>
#include <cuecard/tuner.hpp>

#include "engine/method.hpp"
#include "engine/model.hpp"

namespace cuecard {

/// All that decides how a run goes, in the words that a person would look it up under.
using RunIdentity = std::map<std::string, std::string>;

/// One task's share of it: components and options, the rows, and the tensors that learning starts from.
void describe_task(RunIdentity& run, const Method& method, const std::vector<Example>& train,
                   const std::vector<Example>& dev);
/// The rest: model and settings. They are complete (defaults filled in).
RunIdentity describe_run(const Model& model, const FitSettings& settings, uint64_t seed);

class Checkpoint {
public:
  /// Makes the folder when there is none and removes what a killed run left half-written. A folder that holds
  /// anything else is a UsageError; the state of another run, or a folder that a run at work uses, a DataError
  /// that says what differs.
  Checkpoint(std::filesystem::path directory, RunIdentity run);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// The state that was written last, on the CPU, in memory of its own; empty when there is none.
  TensorMap read() const;
  void write(const TensorMap& state) const;

private:
  void compare(const RunIdentity& here) const;

  std::filesystem::path directory_;
  int lock_ = -1;
};

/// Removes a checkpoint whose run is done; nothing where there is none.
void remove_checkpoint(const std::filesystem::path& directory);

} // namespace cuecard
