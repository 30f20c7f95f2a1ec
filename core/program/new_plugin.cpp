#include "program/new_plugin.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <unistd.h>

#include <cuecard/error.hpp>

namespace cuecard::host {

namespace {

namespace fs = std::filesystem;

/// Names that can't be a namespace or a target of CMake.
const std::set<std::string> reserved{
    "all",      "clean",     "edit",      "help",      "install",  "package",  "program",  "test",
    "alignas",  "alignof",   "and",       "asm",       "at",       "auto",     "bitand",   "bitor",
    "bool",     "break",     "case",      "catch",     "char",     "class",    "compl",    "concept",
    "const",    "consteval", "constexpr", "constinit", "continue", "cuecard",  "decltype", "default",
    "delete",   "do",        "double",    "else",      "enum",     "explicit", "export",   "extern",
    "false",    "float",     "for",       "friend",    "goto",     "if",       "inline",   "int",
    "long",     "main",      "mutable",   "namespace", "new",      "noexcept", "not",      "nullptr",
    "operator", "or",        "private",   "protected", "public",   "register", "requires", "return",
    "short",    "signed",    "sizeof",    "static",    "std",      "struct",   "switch",   "template",
    "this",     "throw",     "torch",     "true",      "try",      "typedef",  "typeid",   "typename",
    "union",    "unsigned",  "using",     "virtual",   "void",     "volatile", "while",    "xor"};

/// The forms of a name: `my-plugin`, `my_plugin`, `MyPlugin`.
struct Names {
  std::string id, identifier, type;
};

Names names_of(const std::string& id) {
  Names names{id, id, ""};
  bool begins = true;
  for (char& letter : names.identifier) {
    const bool legal = std::islower(static_cast<unsigned char>(letter)) ||
                       (std::isdigit(static_cast<unsigned char>(letter)) && !names.type.empty()) ||
                       (letter == '-' && !begins);
    if (!legal)
      throw UsageError(
          "\"" + id +
          "\" is not a valid plugin id: expected lower-case words joined by \"-\", such as prefix-tuning.");
    if (letter == '-')
      letter = '_';
    else
      names.type += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(letter))) : letter;
    begins = letter == '_';
  }
  constexpr std::size_t longest = 64;
  if (id.size() > longest)
    throw UsageError("the plugin id has " + std::to_string(id.size()) + " letters; expected at most " +
                     std::to_string(longest) + ".");
  if (begins)
    throw UsageError(
        "\"" + id +
        "\" is not a valid plugin id: it ends in \"-\" or is empty; expected lower-case words joined by \"-\".");
  if (reserved.contains(names.identifier))
    throw UsageError("\"" + id + "\" is reserved in C++ or CMake; choose a name of two words, such as my-" +
                     id + ".");
  return names;
}

fs::path prefix() {
  std::error_code unreadable;
  return (fs::read_symlink("/proc/self/exe", unreadable).parent_path() / "..").lexically_normal();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string renamed(std::string text, const Names& names) {
  text = replaced(std::move(text), "my-plugin", names.id);
  text = replaced(std::move(text), "my_plugin", names.identifier);
  return replaced(std::move(text), "MyPlugin", names.type);
}

void copy_renamed(const fs::path& from, const fs::path& to, const Names& names,
                  const std::string& installed_in) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(from)) {
    const fs::path place = to / renamed(entry.path().lexically_relative(from).string(), names);
    if (entry.is_directory()) {
      fs::create_directories(place);
      continue;
    }
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    std::ofstream file(place, std::ios::binary);
    file << replaced(renamed(text.str(), names), "@CUECARD_PREFIX@", installed_in);
    file.close();
    if (!file)
      throw DataError(place.string() + ": can't be written.");
  }
}

} // namespace

int new_plugin(const Values& values) {
  const Names names = names_of(values.text("name"));
  const fs::path folder = values.given("out") ? fs::path(values.text("out")) : fs::path(names.id);
  const fs::path scaffolds = prefix() / "share/cuecard/scaffolds";
  if (!fs::is_directory(scaffolds))
    throw DataError(scaffolds.string() + ": there is no such folder; reinstall cuecard.");
  if (fs::exists(fs::symlink_status(folder)))
    throw UsageError(folder.string() + ": already exists; choose another folder with --out.");

  const fs::path partial = folder.string() + ".partial-" + std::to_string(::getpid());
  try {
    fs::create_directories(partial);
    copy_renamed(scaffolds / "common", partial, names, prefix().string());
    copy_renamed(scaffolds / values.text("kind"), partial, names, prefix().string());
    fs::rename(partial, folder);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw DataError(folder.string() + ": can't be made (" + error.code().message() + ").");
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
  std::cout << "The " << values.text("kind") << " " << names.id << " is in " << folder.string()
            << ". Build and test it there:\n"
            << "    cmake --preset default && cmake --build --preset default && ctest --preset default\n";
  return 0;
}

} // namespace cuecard::host
