#include "engine/generate/text_bounds.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The token ids under `key`, which holds one id or a list.
std::vector<int64_t> tokens_of(const Configuration& configuration, const char* key, int64_t vocabulary) {
  const auto found = configuration.values().find(key);
  if (found == configuration.values().end())
    return {};
  const auto* several = std::get_if<std::vector<int64_t>>(&found->second);
  const std::vector<int64_t> ids =
      several ? *several : std::vector<int64_t>{configuration.integer(key, -1)}; // some files have -1 for none
  for (const int64_t id : ids)
    if (id < -1 || id >= vocabulary)
      throw DataError(configuration.origin() + ": " + key + " is " + std::to_string(id) +
                      ", but the model's token ids are 0 to " + std::to_string(vocabulary - 1) + ".");
  return ids;
}

std::optional<int64_t> token_of(const Configuration& configuration, const char* key, int64_t vocabulary) {
  const std::vector<int64_t> ids = tokens_of(configuration, key, vocabulary);
  return ids.empty() || ids[0] < 0 ? std::nullopt : std::optional(ids[0]);
}

} // namespace

bool TextBounds::end(int64_t id) const {
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

TextBounds text_bounds(const Configuration& configuration, const SpecialTokens& special, int64_t vocabulary) {
  TextBounds bounds{tokens_of(configuration, "eos_token_id", vocabulary),
                    token_of(configuration, "forced_bos_token_id", vocabulary),
                    token_of(configuration, "forced_eos_token_id", vocabulary)};
  std::erase(bounds.ends, -1);
  if (special.eos && *special.eos < vocabulary && !bounds.end(*special.eos))
    bounds.ends.push_back(*special.eos);
  return bounds;
}

} // namespace cuecard
