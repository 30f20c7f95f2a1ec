/// The interface through which the server's thread has cards loaded and dropped from memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cuecard::server {

/// The result of a scan of the card folder.
struct FolderChanges {
  std::int64_t added = 0, changed = 0, removed = 0;
  std::vector<std::string> refused; ///< why cards could not be loaded
};

/// Threads: one, which is not the server's.
class CardReader {
public:
  virtual ~CardReader() = default;

  /// Reads a card that is served into memory, and tells the server's thread.
  virtual void read(const std::string& name) = 0;
  /// Drops a card from memory; it is still served.
  virtual void drop(const std::string& name) = 0;

  /// Takes the folder as it is now, without waiting for changes to settle.
  virtual FolderChanges refresh() = 0;
  /// Serves a card of the folder as it is now. False when there is none of that name, Error when it can't be served.
  virtual bool load(const std::string& name) = 0;
  /// Stops serving a card until it is loaded or its files change. UsageError when it is not served.
  virtual void unload(const std::string& name) = 0;
};

} // namespace cuecard::server
