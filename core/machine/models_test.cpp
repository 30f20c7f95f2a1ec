#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "machine/models.hpp"

using namespace cuecard;

namespace {

/// Two folders of models: first/{Tiny-1M.Q8.gguf, tiny-2m/, notes.txt} and second/{encoder/, TINY-2M/}.
class Folders {
public:
  Folders() : root_(std::filesystem::temp_directory_path() / ("cuecard-models-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(root_);
    for (const char* folder : {"first/tiny-2m", "second/encoder", "second/TINY-2M", "second/empty"})
      std::filesystem::create_directories(root_ / folder);
    for (const char* file : {"first/Tiny-1M.Q8.gguf", "first/notes.txt", "first/tiny-2m/config.json",
                             "second/encoder/config.json", "second/TINY-2M/config.json"})
      std::ofstream(root_ / file) << "{}";
  }
  ~Folders() { std::filesystem::remove_all(root_); }

  std::vector<ModelFolder> list() const {
    return {{root_ / "first", "user"}, {root_ / "none", "user"}, {root_ / "second", "set-up"}};
  }
  /// Its place below the folders, or why it is refused.
  std::string found(const std::string& given) const {
    try {
      return model_path(given, list()).lexically_relative(root_).string();
    } catch (const DataError& error) {
      return error.what();
    }
  }
  std::filesystem::path root() const { return root_; }

private:
  std::filesystem::path root_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a model is found by its name, in any case, or by the beginning of one name") {
  const Folders folders;
  CHECK(folders.found("encoder") == "second/encoder");
  CHECK(folders.found("tiny-1m.q8") == "first/Tiny-1M.Q8.gguf");
  CHECK(folders.found("Tiny-1M.Q8.gguf") == "first/Tiny-1M.Q8.gguf");
  CHECK(folders.found("tiny-1M") == "first/Tiny-1M.Q8.gguf");
  CHECK(folders.found("tiny-2m") == "first/tiny-2m"); // the one of the first folder
  std::filesystem::create_directories(folders.root() / "second/other.model-3");
  std::ofstream(folders.root() / "second/other.model-3/config.json") << "{}";
  CHECK(folders.found("other") == "second/other.model-3");
  CHECK(contains(folders.found("tiny"), "several models have a name with this prefix (Tiny-1M.Q8, tiny-2m)"));
  CHECK(folders.found("enc") == "second/encoder");
}

TEST_CASE("the folder converted from a GGUF file takes precedence over the file, and both have a name") {
  const Folders folders;
  std::filesystem::create_directories(folders.root() / "first/Tiny-1M.Q8");
  std::ofstream(folders.root() / "first/Tiny-1M.Q8/config.json") << "{}";
  CHECK(folders.found("tiny-1m") == "first/Tiny-1M.Q8");
  CHECK(folders.found("tiny-1m.q8") == "first/Tiny-1M.Q8");
  CHECK(folders.found("tiny-1m.q8.gguf") == "first/Tiny-1M.Q8.gguf");
}

TEST_CASE("a path takes precedence over a name") {
  const Folders folders;
  CHECK(folders.found((folders.root() / "second/encoder").string()) == "second/encoder");
  CHECK(folders.found((folders.root() / "first/notes.txt").string()) == "first/notes.txt");
}

TEST_CASE("an unknown model: the names that there are, and the nearest one") {
  const Folders folders;
  const std::string unknown = folders.found("encodr");
  CHECK(contains(unknown, "prefix is enough): Tiny-1M.Q8, tiny-2m, encoder."));
  CHECK(contains(unknown, "Did you mean \"encoder\"?"));
  CHECK(contains(folders.found("there/is/none"), "no such file or folder"));
}

TEST_CASE("a name of the Hugging Face Hub: how to get the model") {
  const Folders folders;
  CHECK(contains(folders.found("org/Some_model-1.5"),
                 "`hf download org/Some_model-1.5 --local-dir Some_model-1.5`"));
  for (const char* path : {"./org", "/org", "org/", "a/b/c"})
    CHECK(!contains(folders.found(path), "hf download"));
}
