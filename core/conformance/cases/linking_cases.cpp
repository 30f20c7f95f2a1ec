// Cases of the plugin's file: what it asks of the dynamic loader, read without loading it.
#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include <dlfcn.h>

#include "conformance/case.hpp"
#include "program/one_line.hpp"
#include "sdk/manifest/linkage.hpp"

namespace cuecard::conformance {

namespace {

namespace fs = std::filesystem;

/// Of a damaged or hostile file, so short and in one line.
std::string quoted(const std::string& name) {
  constexpr std::size_t longest = 200;
  return "\"" + host::one_line(name.substr(0, longest)) + "\"";
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    list += (i ? ", " : "") + quoted(names[i]);
  return list + (names.size() > most ? " and others" : "");
}

/// The folders of its run paths; an empty one is the working directory for the loader.
std::vector<std::string> folders(const Linkage& linkage) {
  std::vector<std::string> all;
  for (const std::string& path : linkage.run_paths) {
    std::istringstream parts(path + ":");
    for (std::string folder; std::getline(parts, folder, ':');)
      all.push_back(folder);
  }
  return all;
}

/// What `folder` is below the plugin's own, "." for that itself; "" if it is another place.
fs::path below_origin(const std::string& folder) {
  for (const std::string origin : {"$ORIGIN", "${ORIGIN}"}) {
    if (folder != origin && !folder.starts_with(origin + "/"))
      continue;
    const fs::path below = "." + folder.substr(origin.size());
    const fs::path plain = below.lexically_normal();
    return *plain.begin() == ".." ? fs::path() : plain;
  }
  return {};
}

/// Libraries of the GNU C library, which every host has.
constexpr std::array of_the_c_library{"ld-linux-x86-64.so.2", "libc.so.6",       "libdl.so.2", "libm.so.6",
                                      "libmvec.so.1",         "libpthread.so.0", "librt.so.1", "libutil.so.1"};

/// This process has loaded what a host has, and nothing of the plugin.
bool is_of_the_host(const std::string& needed) {
  if (needed.find('/') != std::string::npos)
    return false;
  if (std::ranges::find(of_the_c_library, needed) != of_the_c_library.end())
    return true;
  void* const loaded = ::dlopen(needed.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  if (loaded)
    ::dlclose(loaded);
  return loaded;
}

bool lies_beside(const fs::path& library, const std::vector<std::string>& run_path, const std::string& needed) {
  return std::ranges::any_of(run_path, [&](const std::string& folder) {
    const fs::path below = below_origin(folder);
    return !below.empty() && fs::is_regular_file(library.parent_path() / below / needed);
  });
}

std::string linking(const Subject& subject) {
  const Linkage linkage = read_linkage(subject.plugin->library);
  require(!linkage.executable_stack,
          "it asks for an executable stack, for the whole process; link it without `-z execstack`, and give "
          "assembly a section .note.GNU-stack.");
  require(
      !linkage.text_relocations,
      "its code has relocations (TEXTREL), for which the loader makes code writable; compile all of it with "
      "-fPIC.");
  for (const std::string& folder : folders(linkage))
    require(!below_origin(folder).empty(),
            "its run path has " + quoted(folder) +
                "; expected no run path, or folders below $ORIGIN, the plugin's own.");
  std::vector<std::string> others = linkage.exported;
  std::erase(others, "cuecard_plugin");
  return others.empty() ? ""
                        : "It exports other symbols than cuecard_plugin: " + listed(others) +
                              "; cuecard_add_plugin links with a version script that hides them.";
}

std::string linking_needs(const Subject& subject) {
  const Linkage linkage = read_linkage(subject.plugin->library);
  const std::vector<std::string> run_path = folders(linkage);
  std::vector<std::string> missing, beside;
  for (const std::string& needed : linkage.needed) {
    if (is_of_the_host(needed))
      continue;
    const bool found =
        needed.find('/') == std::string::npos && lies_beside(subject.plugin->library, run_path, needed);
    (found ? beside : missing).push_back(needed);
  }
  require(
      missing.empty(),
      "it needs " + listed(missing) +
          ", which neither the host has nor a folder of the plugin's own; link it statically, or put it beside "
          "the plugin and link with the run path $ORIGIN.");
  return beside.empty() ? ""
                        : "It needs " + listed(beside) +
                              " beside it, which `cuecard plugin pack` does not put into an archive.";
}

} // namespace

std::vector<Case> linking_cases() {
  return {
      {"linking", 0,
       "it asks for no executable stack, has no relocations in its code and no run path outside its own folder",
       &linking},
      {"linking-needs", 0, "every library that it needs is one of the host's or lies in its own folder",
       &linking_needs},
  };
}

} // namespace cuecard::conformance
