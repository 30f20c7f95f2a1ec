#include "judge.hpp"

#include <cuecard/register.hpp>

namespace cuecard::registry {

namespace {

constexpr uint32_t oldest_cxx_std = 202002;

std::string dotted(uint32_t major, uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

uint32_t known_version(uint32_t kind) {
  switch (kind) {
  case CUECARD_BACKBONE: // NOLINT(bugprone-branch-clone): the versions happen to be equal today
    return CUECARD_BACKBONE_VERSION;
  case CUECARD_TEMPLATE:
    return CUECARD_TEMPLATE_VERSION;
  case CUECARD_VERBALIZER:
    return CUECARD_VERBALIZER_VERSION;
  case CUECARD_TUNER:
    return CUECARD_TUNER_VERSION;
  default:
    return 0;
  }
}

/// Wording for a build flag in which plugin and host differ.
struct FlagText {
  uint32_t bit;
  const char* with;
  const char* without;
};
constexpr FlagText flag_texts[] = {
    {CUECARD_CXX11_ABI, "the new string ABI (_GLIBCXX_USE_CXX11_ABI=1)",
     "the old string ABI (_GLIBCXX_USE_CXX11_ABI=0)"},
    {CUECARD_GLIBCXX_DEBUG, "_GLIBCXX_DEBUG", "no _GLIBCXX_DEBUG"},
    {CUECARD_ASAN, "the address sanitizer", "no address sanitizer"},
    {CUECARD_TSAN, "the thread sanitizer", "no thread sanitizer"},
    {CUECARD_MSAN, "the memory sanitizer", "no memory sanitizer"},
    {CUECARD_UBSAN, "the undefined-behaviour sanitizer", "no undefined-behaviour sanitizer"},
};

} // namespace

std::string interface_mismatch(const ComponentInfo& component, const std::string& file) {
  const uint32_t known = known_version(component.kind);
  if (component.kind_version == known)
    return "";
  return file + ": its " + kind_name(component.kind) + " \"" + component.name + "\" is written for version " +
         std::to_string(component.kind_version) + " of that interface; this host supports version " +
         std::to_string(known) + ". Use a matching version of Cuecard.";
}

HostBuild HostBuild::current() {
  return {CUECARD_ABI_MAJOR,   CUECARD_ABI_MINOR,         TORCH_VERSION_MAJOR,          TORCH_VERSION_MINOR,
          TORCH_VERSION_PATCH, cuecard::detail::stdlib(), cuecard::detail::abi_flags(), "linux-x86_64",
          "C++ " __VERSION__};
}

Verdict judge(const Manifest& manifest, const std::string& file, const HostBuild& host) {
  Verdict verdict;
  const auto refuse = [&](const std::string& was_built, const std::string& host_has,
                          const std::string& remedy) {
    verdict.mismatches.push_back(file + " was built " + was_built + "; this host " + host_has + ". " + remedy);
  };
  const std::string rebuild = "Rebuild it with this host's SDK (LibTorch " +
                              dotted(host.torch_major, host.torch_minor) + ", plugin ABI " +
                              dotted(host.abi_major, host.abi_minor) + ").";

  if (manifest.abi_kind != CUECARD_ABI_CXX) {
    refuse("for an unknown kind of plugin ABI", "supports the C++ ABI", rebuild);
    return verdict;
  }
  if (manifest.abi_major != host.abi_major || manifest.abi_minor > host.abi_minor) {
    refuse("for plugin ABI " + dotted(manifest.abi_major, manifest.abi_minor),
           "has " + dotted(host.abi_major, host.abi_minor),
           manifest.abi_major < host.abi_major ? rebuild : "Use a newer Cuecard, or r" + rebuild.substr(1));
    return verdict; // the rest of the manifest is unreadable
  }
  if (manifest.torch_major != host.torch_major || manifest.torch_minor != host.torch_minor)
    refuse("for LibTorch " + dotted(manifest.torch_major, manifest.torch_minor),
           "runs " + dotted(host.torch_major, host.torch_minor), rebuild);
  if (!manifest.platform.empty() && manifest.platform != host.platform)
    refuse("for " + manifest.platform, "is " + host.platform, rebuild);
  if (manifest.cxx_std < oldest_cxx_std)
    refuse("as C++ " + std::to_string(manifest.cxx_std), "needs C++20 (" + std::to_string(oldest_cxx_std) + ")",
           "Rebuild it with -std=c++20 or newer.");
  if (manifest.stdlib != host.stdlib)
    refuse("with " + stdlib_name(manifest.stdlib), "uses " + stdlib_name(host.stdlib), rebuild);
  for (const FlagText& flag : flag_texts) {
    const bool found = manifest.abi_flags & flag.bit;
    if (found != static_cast<bool>(host.abi_flags & flag.bit))
      refuse(std::string("with ") + (found ? flag.with : flag.without),
             std::string("with ") + (found ? flag.without : flag.with),
             "Build both with the same settings, using cuecard_add_plugin().");
  }

  for (const ComponentInfo& component : manifest.components)
    for (const OptionInfo& option : component.options)
      if (component.kind == CUECARD_TEMPLATE && option.type == CUECARD_CARD)
        verdict.mismatches.push_back(file + ": its template \"" + component.name + "\" declares the option \"" +
                                     option.name +
                                     "\" of type card, which only verbalizers and tuners can have. Declare a "
                                     "file option instead.");

  if (manifest.torch_patch != host.torch_patch)
    verdict.notes.push_back("built for LibTorch patch " + std::to_string(manifest.torch_patch) +
                            ", this host has " + std::to_string(host.torch_patch));
  if ((manifest.abi_flags ^ host.abi_flags) & CUECARD_NDEBUG)
    verdict.notes.emplace_back((manifest.abi_flags & CUECARD_NDEBUG)
                                   ? "built with NDEBUG, the host without it"
                                   : "built without NDEBUG, the host with it");
  if (manifest.compiler != host.compiler)
    verdict.notes.push_back("compiled by " + manifest.compiler + ", the host by " + host.compiler);
  return verdict;
}

} // namespace cuecard::registry
