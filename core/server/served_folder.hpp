/// Loads the cards of a folder into the scheduler and the catalogue.
#pragma once

#include <filesystem>
#include <string>

#include "server/call.hpp"
#include "server/card_folder.hpp"

namespace cuecard::registry {
class Registry;
}

namespace cuecard::server {

/// Threads: one, which is not the server's. All arguments must outlive it.
class ServedFolder {
public:
  /// DataError when the folder can't be read.
  ServedFolder(const std::filesystem::path& folder, Serving& serving, const registry::Registry& plugins,
               std::string base);

  /// Loads what is new or changed and drops what is gone. What is refused is logged; changes after the first scan, too.
  void scan();
  std::size_t loaded() const { return loaded_; }

private:
  void load(const std::string& name, const std::filesystem::path& card);
  void drop(const std::string& name);
  void refused(const std::string& sentence);

  Serving& serving_;
  const registry::Registry& plugins_;
  const std::string base_;
  CardFolder folder_;
  std::size_t loaded_ = 0;
  bool first_ = true;
};

} // namespace cuecard::server
