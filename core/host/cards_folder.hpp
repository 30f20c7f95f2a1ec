/// A folder that several cards are written to.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::host {

/// Created at once if it does not exist, so that a place that is not writable is reported before training;
/// removed with this object if nothing was written into it.
class CardsFolder {
public:
  /// DataError if it does not exist and can't be created.
  explicit CardsFolder(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code failed;
    created_ = std::filesystem::create_directory(path_, failed);
    if (!std::filesystem::is_directory(path_))
      throw DataError(path_.string() + ": the folder for the cards could not be created: " +
                      (failed ? failed.message() : std::string("there is a file of that name")) + ".");
  }
  ~CardsFolder() {
    std::error_code not_empty;
    if (created_)
      std::filesystem::remove(path_, not_empty);
  }
  CardsFolder(const CardsFolder&) = delete;
  CardsFolder& operator=(const CardsFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
  bool created_ = false;
};

} // namespace cuecard::host
