/// Plugins that crashed or hung when they were probed or checked: remembered by the SHA-256 of the library, in the user's cache
/// folder, and rejected until the file changes or a later probe or check succeeds.
#pragma once

#include <string>

namespace cuecard::registry {

/// Why the library with this SHA-256 is blocked, as a clause ("it crashed with SIGSEGV ..."); "" if it is not. A list that can't be read
/// blocks nothing.
std::string blocked_reason(const std::string& sha256);

/// Blocks or unblocks the library. Returns false, without a change, if the list could not be written.
bool block(const std::string& sha256, const std::string& library, const std::string& reason);
bool unblock(const std::string& sha256);

/// While an object of this class exists, Registry::scan on this thread accepts blocked plugins, to probe or check them again.
class BlockedAreTaken {
public:
  BlockedAreTaken();
  ~BlockedAreTaken();
  BlockedAreTaken(const BlockedAreTaken&) = delete;
  BlockedAreTaken& operator=(const BlockedAreTaken&) = delete;

  static bool now();
};

} // namespace cuecard::registry
