/// A folder of this process alone among the temporary files, removed with this object.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <cuecard/error.hpp>

namespace cuecard {

class TemporaryFolder {
public:
  /// `purpose` is a part of its name. DataError if it can't be made.
  explicit TemporaryFolder(const std::string& purpose) {
    std::error_code missing;
    const std::filesystem::path among = std::filesystem::temp_directory_path(missing);
    if (missing)
      throw DataError("TMPDIR names no folder; set it to one that you can write to.");
    std::string name = (among / ("cuecard-" + purpose + "-XXXXXX")).string();
    if (!::mkdtemp(name.data()))
      throw DataError("no folder could be created in " + among.string() + " (" +
                      std::generic_category().message(errno) + "); set TMPDIR to a writable folder.");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace cuecard
