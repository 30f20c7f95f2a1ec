/// For tests: a temporary folder, removed by the destructor.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace cuecard::registry {

class TestFolder {
public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cuecard-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) // creates it with mode 0700, so plugins in it are trusted
      throw std::runtime_error("can't create a temporary folder");
    path_ = std::filesystem::canonical(name);
  }
  ~TestFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  static void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.close();
    std::filesystem::permissions(file,
                                 std::filesystem::perms::group_write | std::filesystem::perms::others_write,
                                 std::filesystem::perm_options::remove);
  }

private:
  std::filesystem::path path_;
};

} // namespace cuecard::registry
