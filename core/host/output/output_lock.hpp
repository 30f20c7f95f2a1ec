/// The lock of `--out`.
#pragma once

#include <filesystem>

#include "files/run_lock.hpp"
#include "host/output/messages.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

/// Keeps another run from writing to the same place; prints the lock's remark, if any.
class OutputLock {
public:
  /// The lock of a card is beside it, because the card is replaced as a whole; that of a folder of cards is inside.
  OutputLock(const std::filesystem::path& out, bool folder)
      : lock_(folder ? out / ".lock" : lock_file_beside(out), out, folder ? "folder" : "card") {
    if (!lock_.remark().empty())
      messages() << "cuecard: " << one_line(lock_.remark()) << '\n';
  }

private:
  RunLock lock_;
};

} // namespace cuecard::host
