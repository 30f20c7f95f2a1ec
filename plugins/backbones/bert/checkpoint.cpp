#include "checkpoint.hpp"

namespace cuecard::bert {

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The name as TensorFlow checkpoints had it.
std::string old_norm_name(std::string name) {
  for (const auto& [now, before] : {std::pair<std::string, std::string>{"LayerNorm.weight", "LayerNorm.gamma"},
                                    std::pair<std::string, std::string>{"LayerNorm.bias", "LayerNorm.beta"}})
    if (ends_with(name, now))
      return name.substr(0, name.size() - now.size()) + before;
  return name;
}

} // namespace

Checkpoint::Checkpoint(const Weights& source, std::map<std::string, at::Tensor>& taken)
    : source_(source), taken_(taken), prefixed_(source.has("bert.embeddings.word_embeddings.weight")) {}

std::string Checkpoint::spelled(const std::string& name) const {
  const std::string whole = prefixed_ && name.rfind("cls.", 0) != 0 ? "bert." + name : name;
  const std::string old = old_norm_name(whole);
  return !source_.has(whole) && source_.has(old) ? old : whole;
}

bool Checkpoint::has(const std::string& name) const {
  return source_.has(spelled(name));
}

at::Tensor Checkpoint::get(const std::string& name, at::IntArrayRef shape) {
  const std::string spelling = spelled(name);
  return taken_[spelling] = source_.get(spelling, shape);
}

} // namespace cuecard::bert
