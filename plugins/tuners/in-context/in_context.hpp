/// In-context learning (Brown et al. 2020): labelled rows stand in front of the input, laid out as it is, and
/// nothing is learned.
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
  /// Only once the rows to choose from have states of their own.
  bool wants_likeness() const override { return states_.defined(); }
  Conditioning condition(int64_t, const Pass&) const override { return {}; }
  FitReport fit(Engine& engine) override;
  Learned export_learned(int64_t task) const override;
  void import_learned(const Learned& learned) override;

private:
  bool by_likeness() const { return choose_ == "similar"; }
  /// How many rows of each label are kept: all that are shown, or all to choose from.
  int64_t kept_per_label() const;
  void keep_rows(const std::vector<Example>& train, uint64_t seed);
  /// The rows of the lines that were named, in that order.
  void keep_lines(const std::vector<Example>& train);
  /// Shuffled as the option `order` says.
  void put_in_order();
  void represent(Scorer& scorer);
  /// The first `k` of each label, in order.
  std::vector<std::size_t> first_of_each(const std::vector<int64_t>& order, const Example* but) const;
  std::vector<std::size_t> shown_for(const EditArgs& args) const;

  int64_t k_, order_, pool_;
  std::string choose_, lines_, separator_;
  std::optional<Task> task_;
  const Vocabulary* vocabulary_ = nullptr;
  int64_t hidden_ = 0;
  std::vector<Demonstration> rows_; ///< those that are shown; with choose=similar those to choose from
  at::Tensor states_; ///< [rows, hidden] float32 on the CPU, of length 1; undefined: not known yet
};

} // namespace cuecard
