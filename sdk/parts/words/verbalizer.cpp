#include <cuecard/verbalizer.hpp>

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

std::vector<std::vector<std::string>> Verbalizer::given_answers(const GivenAnswersArgs&) const {
  return {};
}

double Verbalizer::weight(const Batch& batch) const {
  double examples = 0;
  for (int64_t e = 0; e < batch.size(); ++e)
    examples += batch.begins_example(e);
  return examples;
}

std::vector<Decision> Verbalizer::decide(const DecideArgs& args) const {
  const Scores& scores = args.scores;
  const Batch& batch = args.batch;
  const at::Tensor values = scores.values.to(at::kDouble).contiguous();
  const double* value = values.const_data_ptr<double>();
  std::vector<Decision> decisions;
  const auto entry_of = [&](std::size_t d) {
    return scores.entries.empty() ? static_cast<int64_t>(d) : scores.entries[d];
  };
  const std::size_t count = scores.offsets.size() - 1;
  std::size_t d = 0;
  for (int64_t e = 0; e < batch.size(); ++e) {
    if (batch.begins_example(e))
      decisions.emplace_back();
    Decision& decision = decisions.back();
    for (; d < count && entry_of(d) == e; ++d) {
      const double *first = value + scores.offsets[d], *last = value + scores.offsets[d + 1];
      if (first == last)
        throw Error("a decision without scores: the verbalizer returned no score for any label.");
      const double* best = std::max_element(first, last);
      decision.labels.push_back(best - first);
      decision.probabilities.clear();
      double sum = 0;
      for (const double* each = first; each != last; ++each)
        sum += std::exp(*each - *best);
      for (const double* each = first; each != last; ++each)
        decision.probabilities.push_back(std::exp(*each - *best) / sum);
    }
    if (decision.labels.size() > 1)
      decision.probabilities.clear();
  }
  return decisions;
}

} // namespace cuecard
