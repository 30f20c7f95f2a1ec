/// Converts between a classification head saved with a PEFT adapter and a verbalizer's tensors. The tensor
/// names depend on the transformers model class:
///
///     SEQ_CLS    BertForSequenceClassification     classifier.{weight, bias} after the pooler
///                RobertaForSequenceClassification  classifier.{dense, out_proj}.{weight, bias}, tanh between
///                ElectraForSequenceClassification  the same names, GELU between
///                DistilBertForSequenceClassification  {pre_classifier, classifier}.{weight, bias}, ReLU between
///                causal models                     score.weight, at the last token
///                T5, BART                          classification_head, which PEFT does not save
///                DebertaV2ForSequenceClassification  {pooler.dense, classifier}.{weight, bias}, pooler_hidden_act between;
///                                                  PEFT saves the first only if it is in modules_to_save
///                ModernBertForSequenceClassification  classifier.{weight, bias} after the transform of the masked-LM head
///     TOKEN_CLS  Llama and similar models          score.{weight, bias}, at each word's first token
///                ModernBertForTokenClassification  classifier.{weight, bias} after the same transform
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

#include "model/model_files.hpp"
#include "peft/adapter.hpp"

namespace cuecard::peft {

/// A verbalizer component with the options that the head requires, and its state.
struct Head {
  std::string verbalizer;
  std::vector<std::pair<std::string, std::string>> options;
  ComponentState state;
  int64_t labels = 0;
};

/// What a model's own files say of the layers between its blocks and the classifier, which PEFT leaves frozen.
struct BaseLayers {
  TensorMap pooler; ///< DeBERTa's `pooler.dense.{weight, bias}`, float32 on the CPU; empty: in no file
  std::string pooler_activation = "gelu"; ///< DeBERTa's "pooler_hidden_act"
  std::string pooling = "cls";            ///< ModernBERT's "classifier_pooling"
};

/// Of the families whose heads have such layers; defaults for others. The model must have been opened with weights.
BaseLayers base_layers_of(const ModelFiles& files, const BackboneShape& shape);

/// Throws DataError when the adapter has a head and the model is an encoder-decoder: a card can't hold the heads of
/// transformers' classes for those.
void require_class_for_head(const Adapter& adapter, const BackboneShape& shape);

/// Throws DataError when a tensor is missing, unknown or has the wrong shape for the head or the model, and
/// when the model lacks the pooler or the transform that the head reads.
Head head_of(const Adapter& adapter, const BackboneShape& shape, const BaseLayers& base = {});

/// Whether the verbalizer component is one of the two classification heads.
bool is_head(const std::string& verbalizer);

/// Sets the task type, the head and `modules_to_save` of `adapter` from a card's verbalizer; the adapter type
/// must already be set. Layers that equal the model's own are not stored. Returns why the transformers class of the model can't represent the head, or an empty
/// string.
std::string store_head(Adapter& adapter, const std::string& verbalizer, const Options& options,
                       const TensorMap& trained, const BackboneShape& shape, const BaseLayers& base = {});

} // namespace cuecard::peft
