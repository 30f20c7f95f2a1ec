/// What the cases of backbones are run on: a backbone that a registry made, in the form that the checks of
/// <cuecard/testing/backbone_conformance.hpp> take, and doctest's checks as exceptions.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "conformance/case.hpp"
#include "conformance/kept_weights.hpp"
#include "conformance/tiny_model.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <cuecard/testing/backbone_conformance.hpp>

namespace cuecard::conformance {

namespace checks = testing::conformance;

/// A check of the header that failed, as a Wrong that names its place.
[[noreturn]] inline void fail(const doctest::AssertData& failed) {
  const std::string file = failed.m_file;
  std::ostringstream text;
  text << failed.m_expr << " does not hold (" << file.substr(file.rfind('/') + 1) << ", line " << failed.m_line
       << ", says what it means).";
  throw Wrong(text.str());
}

/// Makes the header's checks throw instead of ending the process.
class Checking {
public:
  Checking() {
    context_.setAsDefaultForAssertsOutOfTestCases();
    context_.setAssertHandler(&fail);
  }

private:
  doctest::Context context_;
};

/// A backbone that a registry made, in the form that the header's checks take.
class Made final : public Backbone {
public:
  explicit Made(std::shared_ptr<Backbone> made) : made_(std::move(made)) {}

  const BackboneShape& shape() const override { return made_->shape(); }
  at::Device device() const override { return made_->device(); }
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override {
    return made_->token_vectors(table, ids);
  }
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const override {
    return made_->token_dot_products(table, vectors);
  }
  at::Tensor forward(const ForwardArgs& args) const override { return made_->forward(args); }
  at::Tensor project(const ProjectArgs& args) const override { return made_->project(args); }
  const std::map<std::string, at::Tensor>& weights() const override { return made_->weights(); }
  const std::vector<LinearLayer>& linear_layers() const override { return made_->linear_layers(); }

private:
  std::shared_ptr<Backbone> made_;
};

/// What every check is given.
struct Checked {
  testing::MakeBackbone make;
  KeptWeights weights;
  std::unique_ptr<Backbone> model, precise; ///< in float32 and float64
  BackboneShape described;

  explicit Checked(const Subject& subject, int64_t layers = 2)
      : Checked(subject, tiny_configuration(subject.info().model_types.at(0), layers)) {}
  Checked(const Subject& subject, const Configuration& configuration) : weights(subject.seed) {
    make = [configuration, entry = subject.entry()](const Weights& from) {
      return std::make_unique<Made>(registry::make(entry, BackboneArguments{configuration, from}));
    };
    registry::describe(subject.entry(), configuration, described);
    model = make(weights);
    precise = make(checks::DoubleWeights(weights));
  }

  bool pairs() const { return model->shape().encoder_decoder; }
  bool causal() const { return model->shape().causal; }
  Batch batch() const {
    return pairs() ? of_pairs({0, 1})
                   : testing::batch_of({checks::joined(checks::front, checks::first), checks::second});
  }
  checks::MakeBatch batches() const {
    return pairs() ? checks::MakeBatch(of_pairs) : [](const std::vector<std::size_t>& which) {
      std::vector<std::vector<int64_t>> chosen;
      chosen.reserve(which.size());
      for (const std::size_t s : which)
        chosen.push_back(inputs().at(s));
      return testing::batch_of(chosen);
    };
  }

private:
  static std::vector<std::vector<int64_t>> inputs() {
    return {checks::joined(checks::front, checks::first), checks::second, checks::first};
  }
  static Batch of_pairs(const std::vector<std::size_t>& which) {
    const std::vector<std::vector<int64_t>> outputs{{5, 7}, {5, 8, 9}, {5, 10, 11, 12}};
    std::vector<std::vector<int64_t>> of_encoder, of_decoder;
    for (const std::size_t s : which) {
      of_encoder.push_back(inputs().at(s));
      of_decoder.push_back(outputs.at(s));
    }
    return testing::batch_of_pairs(of_encoder, of_decoder);
  }
};

// Cases with a file of their own.
std::string backbone_windows(const Subject& subject);
std::string backbone_pairs(const Subject& subject);
std::string backbone_device(const Subject& subject);
std::string backbone_dtype(const Subject& subject);

} // namespace cuecard::conformance
