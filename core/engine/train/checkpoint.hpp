/// The state of an unfinished run, as a folder: `checkpoint.json` identifies the run, `checkpoint.safetensors`
/// holds the tensors needed to resume it. Both are written atomically (temporary file, then rename), so a run
/// that is killed at any moment leaves the last complete state.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <cuecard/component_state.hpp>
#include <cuecard/tuner.hpp>

#include "engine/model.hpp"
#include "engine/task_pipeline.hpp"
#include "files/run_lock.hpp"

namespace cuecard {

/// Everything that determines a run's result, under the names that users know.
using RunIdentity = std::map<std::string, std::string>;

/// Adds one task: components and options, the examples, and the initial tensors.
void describe_task(RunIdentity& run, const TaskPipeline& pipeline, const std::vector<Example>& train,
                   const std::vector<Example>& dev);
/// Model and settings, complete with defaults.
RunIdentity describe_run(const Model& model, const FitSettings& settings, uint64_t seed);
/// Without what processors of different kinds compute differently, by rounding.
RunIdentity without_initial_states(RunIdentity run);

class Checkpoint {
public:
  /// Creates the folder if there is none, and removes incomplete files of a killed run. UsageError when the
  /// folder holds anything else. DataError when it holds the state of another run (the error says what differs)
  /// or is in use by a running one.
  Checkpoint(std::filesystem::path directory, const RunIdentity& run);

  /// RunLock::remark.
  const std::string& remark() const { return lock_.remark(); }

  /// The last state written, on the CPU, in memory of its own; empty when there is none.
  TensorMap read() const;
  void write(const TensorMap& state) const;

private:
  void compare(const RunIdentity& here) const;

  std::filesystem::path directory_;
  RunLock lock_;
};

/// Removes the checkpoint of a finished run; does nothing if there is none.
void remove_checkpoint(const std::filesystem::path& directory);

} // namespace cuecard
