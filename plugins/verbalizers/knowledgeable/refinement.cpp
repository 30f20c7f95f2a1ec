#include "refinement.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/sort.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard::knowledgeable {

WordMask unambiguous(const std::vector<std::vector<std::string>>& words) {
  std::map<std::string, std::set<std::size_t>> labels_of;
  for (std::size_t label = 0; label < words.size(); ++label)
    for (const std::string& word : words[label])
      labels_of[word].insert(label);
  WordMask keep;
  for (const std::vector<std::string>& of_label : words) {
    std::set<std::string> seen;
    keep.emplace_back();
    for (std::size_t w = 0; w < of_label.size(); ++w)
      keep.back().push_back(seen.insert(of_label[w]).second && (w == 0 || labels_of[of_label[w]].size() == 1));
  }
  return keep;
}

WordMask frequent_words(const LabelWords& words, const at::Tensor& prior, double fraction) {
  const at::Tensor host = prior.to(at::kCPU, at::kDouble).contiguous();
  const int64_t dropped = static_cast<int64_t>(fraction * static_cast<double>(host.size(0)));
  const at::Tensor sorted = std::get<0>(at::sort(host));
  const double least = sorted.const_data_ptr<double>()[std::min(dropped, host.size(0) - 1)];
  WordMask keep;
  for (const std::vector<LabelWord>& of_label : words) {
    keep.emplace_back();
    for (const LabelWord& word : of_label)
      keep.back().push_back(std::none_of(word.tokens.begin(), word.tokens.end(), [&](int64_t token) {
        return host.const_data_ptr<double>()[token] < least;
      }));
  }
  return keep;
}

WordMask relevant_words(const LabelWords& words, const at::Tensor& log_probs, double least) {
  std::vector<int64_t> first;
  int64_t count = 0;
  for (const std::vector<LabelWord>& of_label : words) {
    first.push_back(count);
    count += std::ssize(of_label);
  }
  const int64_t labels = std::ssize(words);
  at::Tensor q = log_probs.to(at::kDouble).exp();
  q = q / q.norm(2, {0}, true).clamp_min(1e-300);
  const at::Tensor similarity =
      q.t().matmul(q.index_select(1, index_tensor(first, q.device()))).to(at::kCPU).contiguous(); // [W, labels]
  WordMask keep;
  const double* r = similarity.const_data_ptr<double>();
  for (std::size_t label = 0; label < words.size(); ++label) {
    keep.emplace_back();
    for (std::size_t w = 0; w < words[label].size(); ++w, r += labels) {
      double others = 0;
      for (int64_t y = 0; y < labels; ++y)
        others += y == static_cast<int64_t>(label) ? 0 : r[y];
      keep.back().push_back(labels == 1 || r[label] * static_cast<double>(labels - 1) >= least * others);
    }
  }
  return keep;
}

} // namespace cuecard::knowledgeable
