/// In-context learning (Brown et al. 2020): labelled examples, rendered with the task's template, precede the
/// input. Nothing is trained.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

#include "demonstrations.hpp"

namespace cuecard {

class InContext final : public Tuner {
public:
  explicit InContext(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  /// True only once the representations of the pool are known.
  bool wants_representation() const override { return representations_.defined(); }
  Conditioning condition(const ConditionArgs&) const override { return {}; }
  FitReport fit(Engine& engine) override;
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;

private:
  bool by_similarity() const { return choose_ == "similar"; }
  /// Size of the pool per label: the demonstrations shown, or those to choose from.
  int64_t pool_per_label() const;
  void select(const std::vector<Example>& train, uint64_t seed);
  /// Selects the examples of the lines in option `lines`, in that order.
  void select_lines(const std::vector<Example>& train);
  /// Shuffles the pool with the seed in option `order`.
  void shuffle();
  /// Computes the representations of the pool.
  void represent(Scorer& scorer);
  /// The first `k` demonstrations of each label in the order `order`, without those whose texts equal
  /// `excluded`.
  std::vector<std::size_t> first_of_each(const std::vector<int64_t>& order, const Example* excluded) const;
  std::vector<std::size_t> demonstrations_for(const EditArgs& args) const;

  int64_t k_, order_, pool_size_;
  std::string choose_, lines_, separator_;
  std::optional<Task> task_;
  const Vocabulary* vocabulary_ = nullptr;
  int64_t hidden_ = 0;
  std::vector<Demonstration> pool_; ///< the demonstrations; with choose=similar, those to choose from
  at::Tensor representations_;      ///< [pool, hidden] float32 on the CPU, unit norm; undefined: not known yet
};

} // namespace cuecard
