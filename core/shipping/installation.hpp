/// Installing archives into plugin folders: PLACE/ABI/ID/, a folder of its own for each plugin.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/error.hpp>

#include "registry/trust/trust.hpp"
#include "shipping/archive/plugin_folder.hpp"

namespace cuecard::shipping {

/// A plugin for another host.
class DoesNotFit : public PluginError {
public:
  DoesNotFit(std::string id, const std::string& text) : PluginError(text), id_(std::move(id)) {}
  const std::string& id() const { return id_; }

private:
  std::string id_;
};

/// A plugin that was installed from an archive.
struct InstalledPlugin {
  std::filesystem::path folder;
  std::string id, version;
  std::optional<registry::Signature> signature;
};

struct InstallRules {
  registry::Trust trust;
  bool downgrade = false; ///< an older version may replace a newer one
};

struct InstallResult {
  InstalledPlugin plugin;
  std::string library_sha256;
  std::string replaced; ///< the version that was installed before; "" for none
  bool unchanged = false;
  std::vector<std::string> remarks; ///< a sentence each
};

/// One plugin folder, such as ~/.local/share/cuecard/plugins.
class PluginPlace {
public:
  explicit PluginPlace(const std::filesystem::path& folder);
  /// `--dir`, `--system` (PREFIX/lib/cuecard/plugins) or the user's. Throws UsageError for both.
  static PluginPlace chosen(const std::string& folder, bool system);

  /// Unpacks the archive beside its place, checks everything, and renames: a failure leaves what was there. Throws DataError for what isn't an
  /// intact archive, DoesNotFit for another host's, PluginError for one that is not trusted, older than the installed one, of the same version with other bytes,
  /// or no longer signed by the key that the installed one is signed by.
  InstallResult install(const std::filesystem::path& archive, const InstallRules& rules) const;

  /// Returns what was there. Throws UsageError if no archive of this id was installed here.
  InstalledPlugin remove(const std::string& id) const;

  /// Those whose CONTENTS can be read, by id.
  std::vector<InstalledPlugin> installed() const;
  std::optional<InstalledPlugin> find(const std::string& id) const;

  /// The folder of this host's ABI in the place.
  const std::filesystem::path& folder() const { return folder_; }

private:
  void make_folder() const;
  std::filesystem::path folder_;
};

} // namespace cuecard::shipping
