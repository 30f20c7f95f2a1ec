#include "input_state.hpp"

#include <cuecard/error.hpp>

namespace cuecard::head {

void require_transform(const BackboneShape& shape, const std::string& component) {
  if (!shape.has_lm_head)
    throw UsageError(
        "the verbalizer \"" + component +
        "\" uses the transform of the model's head over the vocabulary (option \"transform\" true), and "
        "this model has no such head: set it to false.");
}

InputState::InputState(const Options& options, std::string component, bool transform)
    : component_(std::move(component)), pooler_(options.text("pooler")), position_(options.text("row")),
      transform_(transform) {}

void InputState::prepare(const BackboneShape& shape) {
  if (pooler_ == "yes" && !shape.has_pooler)
    throw UsageError(
        "the verbalizer \"" + component_ +
        "\" uses the pooler (option \"pooler\" yes), and this model has none: set it to auto or no.");
  if (transform_) {
    require_transform(shape, component_);
    if (pooler_ == "yes")
      throw UsageError(
          "the verbalizer \"" + component_ +
          "\" uses either the pooler or the transform (options \"pooler\" yes and \"transform\" true): set "
          "one of them to no or false.");
  }
  if (position_ == "first" && shape.causal)
    throw UsageError(
        "the verbalizer \"" + component_ +
        "\" uses the first token (option \"row\" first), which does not attend to the text in a causal "
        "model: set it to sequence.");
  pooled_ = pooler_ == "yes" ||
            (pooler_ == "auto" && !transform_ && shape.has_pooler && !shape.causal && !shape.encoder_decoder);
}

OutputPositions InputState::output_positions() const {
  return {position_ == "first" ? OutputPositions::Kind::first_token : OutputPositions::Kind::sequence, {}};
}

OutputRequest InputState::output_request() const {
  return {pooled_      ? OutputRequest::Kind::pooled
          : transform_ ? OutputRequest::Kind::transformed_states
                       : OutputRequest::Kind::hidden_states,
          {}};
}

} // namespace cuecard::head
