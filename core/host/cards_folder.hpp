/// A folder that several cards are written to.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::host {

/// Made when it is not there, at once, so that a place that can't be written to is told before anything is
/// learned; gone with this object when nothing was written into it.
class CardsFolder {
public:
  /// DataError when there is none and none can be made.
  explicit CardsFolder(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code failed;
    made_ = std::filesystem::create_directory(path_, failed);
    if (!std::filesystem::is_directory(path_))
      throw DataError(path_.string() + ": the folder for the cards could not be made: " +
                      (failed ? failed.message() : std::string("there is a file of that name")) + ".");
  }
  ~CardsFolder() {
    std::error_code not_empty;
    if (made_)
      std::filesystem::remove(path_, not_empty);
  }
  CardsFolder(const CardsFolder&) = delete;
  CardsFolder& operator=(const CardsFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
  bool made_ = false;
};

} // namespace cuecard::host
