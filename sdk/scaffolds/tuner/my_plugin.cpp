#include "my_plugin.hpp"

#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/named_tensors.hpp>

namespace my_plugin {

MyPlugin::MyPlugin(const cuecard::Options& options) : length_(options.integer("length")) {}

void MyPlugin::prepare(const cuecard::Problem& problem) {
  first_slot_ = static_cast<int64_t>(problem.tasks.at(0).prompt_template.soft_slots().size());
  const int64_t width = problem.backbone.shape().embedding_width;
  cuecard::Random random(problem.seed);
  prompt_ = random.normal_tensor({first_slot_ + length_, width}, 0.1).to(problem.backbone.device());
  prompt_.requires_grad_();
}

cuecard::FitRequest MyPlugin::defaults(const cuecard::FitRequest& request) const {
  cuecard::FitRequest usual;
  usual.learning_rate = 0.02;
  usual.epochs = 6;
  usual.min_steps = 100;
  return cuecard::filled_in(request, usual);
}

void MyPlugin::edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const {
  for (cuecard::Prompt& prompt : prompts)
    for (int64_t i = 0; i < length_; ++i)
      prompt.prepended.push_back(cuecard::Piece::soft_slot(first_slot_ + i));
}

cuecard::Conditioning MyPlugin::condition(const cuecard::ConditionArgs&) const {
  cuecard::Conditioning conditioning;
  conditioning.embeddings = prompt_;
  return conditioning;
}

std::vector<cuecard::ParameterGroup> MyPlugin::parameters() {
  return {{{prompt_}}};
}

cuecard::ComponentState MyPlugin::state(int64_t) const {
  return cuecard::state_of({{"prompt", prompt_}});
}

void MyPlugin::load_state(const cuecard::ComponentState& state) {
  cuecard::copy_state({{"prompt", prompt_}}, state, "soft prompt does not fit");
}

} // namespace my_plugin
