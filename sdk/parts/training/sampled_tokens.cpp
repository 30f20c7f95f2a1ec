#include <cuecard/parts/training/sampled_tokens.hpp>

namespace cuecard {

namespace {

constexpr int64_t common_tokens = 5000;

} // namespace

std::vector<int64_t> sample_common_tokens(int64_t count, Random random, const Vocabulary& vocabulary) {
  std::vector<int64_t> ordinary;
  for (int64_t id = 0; id < vocabulary.size() && std::ssize(ordinary) < common_tokens; ++id)
    if (!vocabulary.is_special(id))
      ordinary.push_back(id);
  if (ordinary.empty())
    return {};
  const std::vector<int64_t> order = random.permutation(std::ssize(ordinary));
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(ordinary[static_cast<std::size_t>(order[static_cast<std::size_t>(i) % order.size()])]);
  return ids;
}

} // namespace cuecard
