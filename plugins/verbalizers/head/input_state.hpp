/// The hidden state that represents a whole prompt: that of `[CLS]`, of a causal model's last token, or of the
/// very first token, with or without the model's pooler.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::head {

class InputState {
public:
  /// Reads `pooler` and `row`. `component` is named in errors.
  InputState(const Options& options, std::string component);

  /// UsageError if the options request a pooler that the model lacks, or the first token of a causal model.
  void prepare(const BackboneShape& shape);
  OutputPositions output_positions() const;
  /// The pooler's output, or the last hidden state.
  OutputRequest output_request() const;

private:
  std::string component_, pooler_, position_;
  bool pooled_ = false;
};

} // namespace cuecard::head
