#include "engine/dev_metric.hpp"

#include <cuecard/error.hpp>

namespace cuecard {

void require_answer(const Method&, const Example& example) {
  if (example.label < 0)
    throw DataError("it has no label to compare with");
}

double dev_metric(const Method&, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions) {
  int64_t right = 0;
  for (std::size_t i = 0; i < examples.size(); ++i)
    right += predictions[i].label() == examples[i]->label;
  return static_cast<double>(right) / static_cast<double>(examples.size());
}

} // namespace cuecard
