// Each snippet in its context.
#include <cuecard/extensions/guarded_tuner.hpp>
#include <cuecard/extensions/token_search.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/register.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include "my_tuner.hpp"

namespace {

class InputDependent : public MyTuner {
  using MyTuner::MyTuner;
  // PIECE: cuecard::InputFeatures input_features() const override {
  at::Tensor map_;
};

class LowRank : public MyTuner {
  using MyTuner::MyTuner;
  struct Update {
    std::string weight;
    at::Tensor a, b;
  };
  // PIECE: cuecard::Conditioning condition(const cuecard::ConditionArgs&) const override {#2
  std::vector<Update> updates_;
};

class Late : public MyTuner {
  using MyTuner::MyTuner;
  // PIECE: void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {#2
  int64_t layer_ = 1;
};

class WithoutGradients : public MyTuner {
  using MyTuner::MyTuner;
  // PIECE: double loss_at(cuecard::Engine& engine, int64_t step) {
};

[[maybe_unused]] void search_once(cuecard::Engine& engine, const cuecard::Batch& batch,
                                  const cuecard::Conditioning& conditioning) {
  const int64_t task = 0;
  // PIECE: if (cuecard::TokenSearch* search = cuecard::find_extension<cuecard::TokenSearch>(engine)) {
}

namespace headed {
using namespace cuecard;
// PIECE: /// The same template with a line before it.
// PIECE: constexpr cuecard_option_v1 options[] = {
} // namespace headed

// PIECE: constexpr cuecard_option_v1 options[] = {#2

constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<MyTuner>("my-tuner", "The page's tuner", CUECARD_TRAINS_TENSORS, options),
    headed::components[0],
};

/// Fragments of classes, which do nothing: the conformance kit would refuse them.
[[maybe_unused]] constexpr cuecard_component_v1 compiled_only[] = {
    cuecard::tuner<InputDependent>("input-dependent", "", CUECARD_TRAINS_TENSORS, options),
    cuecard::tuner<LowRank>("low-rank", "", CUECARD_TRAINS_TENSORS, options),
    cuecard::tuner<WithoutGradients>("without-gradients", "", CUECARD_TRAINS_TENSORS, options),
    cuecard::tuner<Late>("late", "", CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("my-tuner", "1.0.0", "Apache-2.0", "", components)
