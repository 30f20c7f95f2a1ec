/// Detects cards that are added to a folder, changed or removed.
///
/// A change takes effect when two scans have seen the same files, so that a card that is being copied is not loaded; the first scan
/// takes all cards. If a card can't be loaded, the one that is served under its name stays, and loading is tried again when the
/// files change.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace cuecard::server {

struct CardFolderCallbacks {
  std::function<void(const std::string& name, const std::filesystem::path& card)> load; ///< throws why it can't
  std::function<void(const std::string& name)> drop;
  std::function<void(const std::string& sentence)> refused; ///< what `load` threw, or why it was not called
};

/// Threads: one.
class CardFolder {
public:
  /// DataError when the folder can't be read.
  CardFolder(std::filesystem::path folder, CardFolderCallbacks callbacks);

  void scan();
  /// The same, but takes changes at once, without a second scan.
  void scan_now();
  /// Loads one card as it is, and throws what `load` throws. False when the folder has none of that name.
  bool load_now(const std::string& name);
  /// Drops a card until it is loaded or its files change. UsageError when it is not loaded.
  void unload(const std::string& name);

  std::filesystem::path path_of(const std::string& name) const { return folder_ / name; }

private:
  /// What tells one state of a card's files from another: device, inode, size, times of change.
  using State = std::array<std::int64_t, 10>;
  using States = std::map<std::string, State>;
  struct Known {
    std::optional<State> state; ///< that was acted upon
    bool loaded = false;
  };

  /// Nothing when the folder can't be read.
  std::optional<States> states() const;
  static std::optional<State> state_of(const std::filesystem::path& card);
  void scan(bool all_settled);
  void load(const std::string& name, const State& state);

  std::filesystem::path folder_;
  CardFolderCallbacks callbacks_;
  std::map<std::string, Known> known_;
  States previous_; ///< of the scan before
  bool readable_ = true, first_ = true;
};

} // namespace cuecard::server
