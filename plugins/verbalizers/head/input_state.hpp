/// The state that stands for a whole prompt: of `[CLS]`, of a causal model's last row, or of the very first
/// one, behind the model's pooler or not.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::head {

class InputState {
public:
  /// Reads `pooler` and `row`. `component`: whose options they are, for errors.
  InputState(const Options& options, std::string component);

  /// UsageError when a pooler is asked for that the model hasn't, or the first row of a model in which that row
  /// sees nothing.
  void prepare(const BackboneShape& shape);
  Reading reading() const;
  /// The pooler's output, or the last hidden state.
  Readout readout() const;

private:
  std::string component_, pooler_, row_;
  bool pooled_ = false;
};

} // namespace cuecard::head
