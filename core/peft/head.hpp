/// A classification head that PEFT saved with an adapter, as a verbalizer's tensors and back. What transformers
/// calls its parts depends on the model's class; this is the one place that knows:
///
///     SEQ_CLS    BertForSequenceClassification     classifier.{weight, bias} behind the pooler
///                RobertaForSequenceClassification  classifier.{dense, out_proj}.{weight, bias}, tanh between
///                causal models                     score.weight, at the last row
///     TOKEN_CLS  all                               classifier.{weight, bias} or, in Llama's family,
///     score.{weight,
///                                                  bias}, at each word's first token
///
/// Of a SEQ_CLS head of a model that sees the whole text PEFT reads the very first row, a learned one where
/// there are any.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/learned.hpp>
#include <cuecard/options.hpp>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// A verbalizer component, options of it that must be so, and what it learned.
struct Head {
  std::string verbalizer;
  std::vector<std::pair<std::string, std::string>> options;
  Learned learned;
  int64_t labels = 0;
};

/// DataError when a tensor is missing, unknown or of another shape than its neighbours and the model ask for,
/// and when the model lacks what the head reads.
Head head_of(const Adapter& adapter, const BackboneShape& shape);

/// A card's verbalizer, if it is one of the two that are heads.
bool is_head(const std::string& verbalizer);

/// Sets task, head and `modules_to_save` of `adapter` from a card's verbalizer; its configuration says already
/// whether it is a prefix. Returns why transformers' class for such a model can't hold it, or "".
std::string keep_head(Adapter& adapter, const std::string& verbalizer, const Options& options,
                      const TensorMap& learned, const BackboneShape& shape);

} // namespace cuecard::peft
