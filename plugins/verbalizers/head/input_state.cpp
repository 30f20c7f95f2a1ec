#include "input_state.hpp"

#include <cuecard/error.hpp>

namespace cuecard::head {

InputState::InputState(const Options& options, std::string component)
    : component_(std::move(component)), pooler_(options.text("pooler")), row_(options.text("row")) {}

void InputState::prepare(const BackboneShape& shape) {
  if (pooler_ == "yes" && !shape.pools)
    throw UsageError("the verbalizer \"" + component_ +
                     "\" shall read the pooler (option \"pooler\" yes), and this model has none: set it to "
                     "auto or no");
  if (row_ == "first" && shape.causal)
    throw UsageError("the verbalizer \"" + component_ +
                     "\" shall read the first row (option \"row\" first), which sees nothing of the text in a "
                     "causal model: set it to sequence");
  pooled_ = pooler_ == "yes" || (pooler_ == "auto" && shape.pools && !shape.causal && !shape.encoder_decoder);
}

Reading InputState::reading() const {
  return {row_ == "first" ? Reading::Rows::first : Reading::Rows::sequence, {}};
}

Readout InputState::readout() const {
  return {pooled_ ? Readout::Kind::pooled : Readout::Kind::hidden, {}};
}

} // namespace cuecard::head
