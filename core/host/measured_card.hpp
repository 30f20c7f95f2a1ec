/// What came of one card's rows in `eval`: right and wrong, the measure, the worst mistakes.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/readers.hpp"
#include "engine/dev_metric.hpp"
#include "engine/predictor.hpp"
#include "host/json_line.hpp"

namespace cuecard::host {

/// A row, or a word of one, that was answered wrongly.
struct Mistake {
  int64_t line = 0;
  std::string gold, predicted;
  double probability = 0; ///< of what was predicted; NaN where a verbalizer gives none
  std::string text;
};

class MeasuredCard {
public:
  /// `method` must outlive it.
  MeasuredCard(const Method& method, RowReport report)
      : method_(method), rows_(method), report_(std::move(report)) {}

  /// Takes a row that has an answer.
  void add(const Example& example, const Prediction& prediction);

  const Method& method() const { return method_; }
  const MeasuredRows& rows() const { return rows_; }
  RowReport& report() { return report_; }
  const RowReport& report() const { return report_; }
  /// By line, and word where words have labels.
  const std::map<std::pair<int64_t, std::size_t>, bool>& correct() const { return correct_; }
  /// At most `count`, those first that the card was surest of.
  std::vector<Mistake> worst_mistakes(int64_t count) const;

private:
  void add_mistakes(const Example& example, const Prediction& prediction, const std::vector<bool>& right);

  const Method& method_;
  MeasuredRows rows_;
  RowReport report_;
  std::map<std::pair<int64_t, std::size_t>, bool> correct_;
  std::vector<Mistake> mistakes_;
};

/// One pass of the model over rows of one or several cards.
struct MeasuredPass {
  double seconds = 0;
  Counters counters;
};

/// The object that `eval` prints (docs/json-output.md), with at most `mistakes` of them; compared with `first`
/// where that is another card on the same rows.
Json as_json(const MeasuredCard& measured, const MeasuredPass& pass, int64_t mistakes,
             const MeasuredCard* first);

} // namespace cuecard::host
