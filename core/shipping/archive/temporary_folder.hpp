/// A folder of this process alone among the temporary files, removed with this object.
#pragma once

#include <cstdlib>
#include <filesystem>

#include <cuecard/error.hpp>

namespace cuecard::shipping {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cuecard-plugin-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw DataError(name + ": a temporary folder can't be made.");
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

} // namespace cuecard::shipping
