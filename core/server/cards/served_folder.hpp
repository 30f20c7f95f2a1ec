/// Loads the cards of a folder into the scheduler and the catalogue.
#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>

#include "server/call.hpp"
#include "server/cards/card_folder.hpp"

namespace cuecard::registry {
class Registry;
}

namespace cuecard::server {

/// Every card is read once when it appears or changes, so that errors are reported at once. Up to `most` cards stay in memory; the
/// others are read again when LoadedCards requests them.
///
/// Threads: one, which is not the server's. All arguments must outlive it.
class ServedFolder final : public CardReader {
public:
  /// DataError when the folder can't be read.
  ServedFolder(const std::filesystem::path& folder, Serving& serving, const registry::Registry& plugins,
               std::string base, std::size_t most);

  /// Loads what is new or changed and drops what is gone. Refused cards are logged, and so are changes after the first
  /// scan.
  void scan();
  /// Cards that are served.
  std::size_t served_cards() const { return names_.size(); }

  void read(const std::string& name) override;
  void drop(const std::string& name) override;
  FolderChanges refresh() override;
  bool load(const std::string& name) override;
  void unload(const std::string& name) override;

private:
  std::shared_ptr<TaskPipeline> pipeline_of(const std::filesystem::path& folder) const;
  void take(const std::string& name, const std::filesystem::path& card);
  void remove(const std::string& name);
  void refused(const std::string& sentence);
  /// Drops it from the scheduler, if it is there.
  void forget(const std::string& name);

  Serving& serving_;
  const registry::Registry& plugins_;
  const std::string base_;
  const std::size_t most_;
  CardFolder folder_;
  std::set<std::string> names_, in_memory_;
  FolderChanges changes_; ///< since the last call of `refresh`
  bool first_ = true;
};

} // namespace cuecard::server
