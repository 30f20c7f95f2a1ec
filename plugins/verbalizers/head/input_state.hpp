/// The hidden state that represents a whole prompt: that of `[CLS]`, of a causal model's last token, or of the
/// very first token: as it is, after the model's pooler, or after the transform of its head over the vocabulary.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::head {

class InputState {
public:
  /// Reads `pooler` and `row`. `component` is named in errors.
  InputState(const Options& options, std::string component, bool transform = false);

  /// UsageError if the options request a pooler or a transform that the model lacks, or the first token of a causal model.
  void prepare(const BackboneShape& shape);
  OutputPositions output_positions() const;
  /// The pooler's output, the transformed state, or the last hidden state.
  OutputRequest output_request() const;

private:
  std::string component_, pooler_, position_;
  bool transform_, pooled_ = false;
};

/// UsageError if the model has no head over the vocabulary, whose transform `component` uses.
void require_transform(const BackboneShape& shape, const std::string& component);

/// Width of the states that a verbalizer classifies.
inline int64_t width_of_states(const BackboneShape& shape, bool transform) {
  return transform && shape.embedding_width > 0 ? shape.embedding_width : shape.hidden;
}

} // namespace cuecard::head
