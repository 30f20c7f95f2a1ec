/// Templates with trigger slots for the tiny models, and the exact loss of a prompt, computed directly: tokens
/// filled in, one example at a time.
#pragma once

#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

namespace cuecard::test {

/// `slots` trigger items after the text, the answer last or before a full stop.
inline std::string trigger_template(const Model& model, const std::string& slots) {
  return model.shape().causal ? "{text} so" + slots + " was{\"mask\"}"
                              : "{text} so " + slots + " was {\"mask\"} .";
}

struct ExactLoss {
  double sum = 0;
  int64_t correct = 0;
};

/// Of `examples` under the pipeline with these tokens in its trigger slots.
inline ExactLoss exact_loss(const Model& model, const TaskPipeline& pipeline,
                            const std::vector<int64_t>& triggers, const std::vector<const Example*>& examples) {
  const at::NoGradGuard no_grad;
  const std::vector<int64_t> before = pipeline.prompt_template->triggers();
  pipeline.prompt_template->set_triggers(triggers);
  ExactLoss exact;
  for (const Example* example : examples) {
    const TokenizedPrompt prompt = tokenized(pipeline, model, *example).at(0);
    const Batch batch = pack({{&prompt, example}}, {});
    const at::Tensor hidden = model.backbone().forward({batch, {}});
    const at::Tensor outputs = model.backbone().project({hidden, pipeline.verbalizer->output_request()});
    const Scores scores = pipeline.verbalizer->score({outputs, batch});
    exact.sum += pipeline.verbalizer->loss({scores, batch}).item<double>();
    exact.correct += scores.values.argmax(0).item<int64_t>() == example->label;
  }
  pipeline.prompt_template->set_triggers(before);
  return exact;
}

/// The first token of `word`.
inline int64_t token_of(const Model& model, const std::string& word) {
  return model.vocabulary().encode(word).at(0).id;
}

inline std::vector<int64_t> list_of(const at::Tensor& ids) {
  const at::Tensor host = ids.to(at::kLong).contiguous();
  return {host.const_data_ptr<int64_t>(), host.const_data_ptr<int64_t>() + host.numel()};
}

} // namespace cuecard::test
