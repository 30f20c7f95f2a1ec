/// A manifest read from a file must equal the loaded one, and damaged files must give a DataError.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <random>

#include <cuecard/error.hpp>

#include "installation.hpp"

using namespace cuecard;

namespace {

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, got);
  CHECK(::pclose(pipe) == 0);
  return text;
}

std::vector<unsigned char> bytes_of(const std::string& id) {
  return file_bytes(abi::library(id), uint64_t{1} << 30);
}

/// Any exception other than a DataError fails the test.
bool is_read(std::vector<unsigned char> bytes, Manifest& manifest) {
  try {
    manifest = read_library("damaged.so", std::move(bytes), "");
    return true;
  } catch (const DataError& error) {
    CHECK(std::strncmp(error.what(), "damaged.so: ", 12) == 0);
    return false;
  }
}

} // namespace

TEST_SUITE("reading") {
  TEST_CASE("a manifest read from the file equals the loaded one") {
    for (const char* id : {"good", "good-sysv-hash", "good-packed"}) {
      CAPTURE(id);
      if (!std::filesystem::exists(abi::library(id))) {
        MESSAGE(std::string(id) << " was not built: the linker doesn't support it");
        continue;
      }
      const Manifest from_file = read_library(abi::library(id));
      void* const handle = ::dlopen(abi::library(id).c_str(), RTLD_NOW | RTLD_LOCAL);
      REQUIRE(handle != nullptr);
      const auto* symbol = static_cast<const cuecard_plugin_v1*>(::dlsym(handle, "cuecard_plugin"));
      REQUIRE(symbol != nullptr);
      CHECK(from_file.id == symbol->id);
      CHECK(from_file.abi_flags == symbol->abi_flags);
      REQUIRE(from_file.components.size() == symbol->component_count);
      CHECK(from_file.components[4].name == symbol->components[4].name);
      CHECK(from_file.components[0].options[2].choices == std::vector<std::string>{"text", "vocabulary"});
      CHECK(from_file.components[0].options[0].minimum == 1);
      CHECK_FALSE(from_file.components[0].options[1].minimum);
      CHECK(difference(from_file, "file", read_symbol(*symbol, id), "memory") == "");
    }
  }

  TEST_CASE("cuecard-manifest prints the sidecar") {
    const abi::Installation installation;
    const std::string text = output_of(std::string(MANIFEST_TOOL) + " " + abi::library("good").string());
    const auto file = installation.folder() / "good.json";
    registry::TestFolder::write(file, text);
    CHECK(read_sidecar(file) == read_library(abi::library("good")));
    const std::string digest = output_of("sha256sum " + abi::library("good").string()).substr(0, 64);
    CHECK(text.find("\"sha256\": \"" + digest + "\"") != std::string::npos);
  }

  TEST_CASE("a truncated library is rejected unless the manifest is intact") {
    const std::vector<unsigned char> whole = bytes_of("good");
    const Manifest expected = read_library("damaged.so", whole, "");
    std::size_t read = 0;
    for (std::size_t size = 0; size < whole.size(); size += size < 1024 ? 1 : 97) {
      CAPTURE(size);
      Manifest found;
      if (is_read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, found)) {
        ++read;
        CHECK(found.components == expected.components);
      }
    }
    CHECK(read < whole.size() / 97 / 2); // only the section headers at the end are dispensable
  }

  TEST_CASE("a library with random byte changes is read or rejected") {
    for (const char* id : {"good", "good-sysv-hash", "good-packed"}) {
      if (!std::filesystem::exists(abi::library(id)))
        continue;
      const std::vector<unsigned char> whole = bytes_of(id);
      std::mt19937 random(7);
      int refused = 0;
      for (int round = 0; round < 3000; ++round) {
        std::vector<unsigned char> damaged = whole;
        // Headers, hash tables, symbols and relocations come first in a file.
        const std::size_t reach = round % 2 ? whole.size() : std::min<std::size_t>(whole.size(), 4096);
        for (int flips = 1 + round % 8; flips > 0; --flips)
          damaged[random() % reach] = static_cast<unsigned char>(random());
        Manifest found;
        refused += !is_read(std::move(damaged), found);
      }
      CHECK(refused > 500);
    }
  }

  TEST_CASE("tables and texts larger than the file are rejected before they are read") {
    const std::filesystem::path corpus = FUZZ_CORPUS;
    const auto refused = [&](const char* name, const char* with) {
      CHECK_THROWS_WITH_AS(read_library(corpus / name), doctest::Contains(with), DataError);
    };
    CHECK(read_library(corpus / "gnu-hash").id == "tiny");
    CHECK(read_library(corpus / "sysv-hash-packed").components[0].options[0].maximum == 100);
    refused("relocations-without-end", "larger than the file");
    refused("one-text-many-times", "in total");
    refused("many-segments", "loadable segments");
  }

  TEST_CASE("files that are not libraries") {
    Manifest found;
    CHECK_FALSE(is_read({}, found));
    CHECK_FALSE(is_read({'#', '!', '/', 'b', 'i', 'n'}, found));
    CHECK_FALSE(is_read(std::vector<unsigned char>(1000, 0), found));
    CHECK_THROWS_AS(read_library("/nowhere.so"), DataError);
    CHECK_THROWS_AS(read_library("/dev/zero"), DataError);
    CHECK_THROWS_AS(read_library("/proc/self/exe"), DataError); // an executable, not a plugin
  }
}
