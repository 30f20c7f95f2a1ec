// The page's class, under the name that the page's test uses.
#pragma once

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/tuner.hpp>

#include <ATen/core/grad_mode.h>

#define HelloTuner MyTuner
class HelloTuner : public cuecard::Tuner {
public:
  // PIECE: explicit HelloTuner(const cuecard::Options& options) : length_(options.integer("length")) {}
  // PIECE: void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs&) const override {
  // PIECE: cuecard::Conditioning condition(const cuecard::ConditionArgs&) const override {
  // PIECE: std::vector<cuecard::ParameterGroup> parameters() override { return {{{prompt_}}}; }
  // PIECE: cuecard::ComponentState state(int64_t) const override { return {{{"prompt", prompt_.detach()}}}; }

protected:
  int64_t length_, first_slot_ = 0;
  at::Tensor prompt_;
};
#undef HelloTuner
