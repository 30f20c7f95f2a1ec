#include "input_state.hpp"

#include <cuecard/error.hpp>

namespace cuecard::head {

InputState::InputState(const Options& options, std::string component)
    : component_(std::move(component)), pooler_(options.text("pooler")), position_(options.text("row")) {}

void InputState::prepare(const BackboneShape& shape) {
  if (pooler_ == "yes" && !shape.has_pooler)
    throw UsageError(
        "the verbalizer \"" + component_ +
        "\" uses the pooler (option \"pooler\" yes), and this model has none: set it to auto or no.");
  if (position_ == "first" && shape.causal)
    throw UsageError(
        "the verbalizer \"" + component_ +
        "\" uses the first token (option \"row\" first), which does not attend to the text in a causal "
        "model: set it to sequence.");
  pooled_ =
      pooler_ == "yes" || (pooler_ == "auto" && shape.has_pooler && !shape.causal && !shape.encoder_decoder);
}

OutputPositions InputState::output_positions() const {
  return {position_ == "first" ? OutputPositions::Kind::first_token : OutputPositions::Kind::sequence, {}};
}

OutputRequest InputState::output_request() const {
  return {pooled_ ? OutputRequest::Kind::pooled : OutputRequest::Kind::hidden_states, {}};
}

} // namespace cuecard::head
