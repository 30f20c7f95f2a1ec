/// Converts between a classification head saved with a PEFT adapter and a verbalizer's tensors. The tensor
/// names depend on the transformers model class:
///
///     SEQ_CLS    BertForSequenceClassification     classifier.{weight, bias} after the pooler
///                RobertaForSequenceClassification  classifier.{dense, out_proj}.{weight, bias}, tanh between
///                ElectraForSequenceClassification  the same names, GELU between
///                DistilBertForSequenceClassification  {pre_classifier, classifier}.{weight, bias}, ReLU between
///                causal models                     score.weight, at the last token
///                T5, BART                          classification_head, which PEFT does not save
///     TOKEN_CLS  Llama and similar models          score.{weight, bias}, at each word's first token
///                all others                        classifier.{weight, bias}, at each word's first token
///
/// In encoder models, a SEQ_CLS head reads the very first position, which is a virtual token for PEFT's soft
/// prompts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/options.hpp>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// A verbalizer component with the options that the head requires, and its state.
struct Head {
  std::string verbalizer;
  std::vector<std::pair<std::string, std::string>> options;
  ComponentState state;
  int64_t labels = 0;
};

/// Throws DataError when the adapter has a head and the model is an encoder-decoder: a card can't hold the heads of
/// transformers' classes for those.
void require_class_for_head(const Adapter& adapter, const BackboneShape& shape);

/// Throws DataError when a tensor is missing, unknown or has the wrong shape for the head or the model, and
/// when the model lacks the pooler that the head reads.
Head head_of(const Adapter& adapter, const BackboneShape& shape);

/// Whether the verbalizer component is one of the two classification heads.
bool is_head(const std::string& verbalizer);

/// Sets the task type, the head and `modules_to_save` of `adapter` from a card's verbalizer; the adapter type
/// must already be set. Returns why the transformers class of the model can't represent the head, or an empty
/// string.
std::string store_head(Adapter& adapter, const std::string& verbalizer, const Options& options,
                       const TensorMap& trained, const BackboneShape& shape);

} // namespace cuecard::peft
