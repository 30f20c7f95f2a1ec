/// Signed indexes. The signature is a file beside the index. It shows whose index it is, not that it is the last one: what was seen of an
/// index before is remembered, so that an older one, one without its signature and one of another key are refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cuecard::shipping {

constexpr const char* index_signature_name = "index.json.sig";
constexpr uint64_t largest_index_signature = 64 << 10;

/// The key that signed these bytes of the index at `address`; "" if there is no signature. DataError if it is damaged or that of other bytes.
std::string signer_of(std::span<const unsigned char> index,
                      const std::optional<std::vector<unsigned char>>& signature, const std::string& address);

/// An index as it was seen.
struct SeenIndex {
  std::string place; ///< absolute folder, or address
  std::string key;   ///< that signed it; "": none
  uint64_t made = 0; ///< see PluginIndex
};

/// Signed indexes that this user has read.
class SeenIndexes {
public:
  /// The file need not exist; with an empty path nothing is remembered.
  explicit SeenIndexes(std::filesystem::path file) : file_(std::move(file)) {}
  /// $XDG_STATE_HOME/cuecard/plugin-indexes.json (~/.local/state/...).
  static SeenIndexes standard();

  /// Compares an index with what was seen at its place, and remembers it if it is signed. `key_is_judged`: a policy lists the keys that
  /// may sign, so one may take the place of another. Throws DataError that says how it differs.
  void check(const SeenIndex& now, bool key_is_judged) const;

private:
  std::vector<SeenIndex> read() const;
  void write(const std::vector<SeenIndex>& seen) const;

  std::filesystem::path file_;
};

} // namespace cuecard::shipping
