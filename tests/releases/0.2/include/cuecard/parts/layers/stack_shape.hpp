/// Shapes of models with one stack of self-attention layers, in which each head has its own keys and values and the heads share the
/// hidden size evenly: BERT and its descendants, GPT-2, GPT-NeoX, OPT. Functions of this file may be called from several threads at once.
#pragma once

#include <cstdint>
#include <string>

#include <cuecard/backbone.hpp>
#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// The sizes of such a stack. An embedding width of 0 means the hidden size; 0 positions mean no limit.
struct StackSizes {
  /// `heads`: of attention; `vocabulary`: rows of the word embeddings.
  int64_t layers, hidden, heads, vocabulary, max_positions;
  int64_t embedding_width = 0;
};

/// DataError that names the file and both keys if `heads`, the value of `heads_key`, does not divide `hidden`, that of `hidden_key`.
CUECARD_API void check_heads(const Configuration& configuration, int64_t hidden, int64_t heads,
                             const std::string& hidden_key = "hidden_size",
                             const std::string& heads_key = "num_attention_heads");

/// The shape of an encoder without heads over its states. `heads` divides `hidden` (`check_heads`).
CUECARD_API BackboneShape encoder_shape(const std::string& family, const StackSizes& sizes);

/// The shape of a causal language model, with a head over the vocabulary. `heads` divides `hidden`.
CUECARD_API BackboneShape causal_shape(const std::string& family, const StackSizes& sizes);

} // namespace cuecard
