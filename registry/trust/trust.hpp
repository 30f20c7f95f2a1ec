/// Which plugins a user or an administrator trusts, besides the bundled ones.
///
/// A plugin is native code with the rights of its user. A hash identifies bytes that somebody chose, a signature their publisher;
/// neither means that they are harmless. The format of the files is described in docs/plugins.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "manifest/manifest.hpp"

namespace cuecard::registry {

/// One policy file.
struct TrustPolicy {
  enum class Level { any, listed, signed_by };

  Level level = Level::any;
  std::vector<std::string> hashes; ///< SHA-256 of libraries
  std::vector<std::string> keys;   ///< public keys
  bool locked = false;             ///< can't be overridden by later files
  std::filesystem::path file;

  /// Throws DataError if it can't be read, is damaged, or can be written by others.
  static TrustPolicy read(const std::filesystem::path& file);

  /// Why a library with this SHA-256, in a folder with or without the CONTENTS and SIGNATURE of its archive, is not trusted; "" if it is.
  std::string refusal(const std::string& sha256, const std::filesystem::path& folder) const;
  /// Why what this key has signed is not trusted, or, if it is "", what is not signed; "" if it is, or if the policy asks for no signatures.
  std::string signer_refusal(const std::string& key) const;
};

/// The policies in effect.
class Trust {
public:
  /// Trusts everything.
  Trust() = default;
  /// Reads those of the files that exist. All locked policies apply, and the last of the others. If a file can't be used, nothing
  /// is trusted.
  explicit Trust(const std::vector<std::filesystem::path>& files);

  /// /etc/cuecard/plugin-trust.json, PREFIX/etc/cuecard/plugin-trust.json, where PREFIX is the program's, and
  /// $XDG_CONFIG_HOME/cuecard/plugin-trust.json (~/.config/...).
  static Trust standard();

  /// See TrustPolicy::refusal. `shown` is the prefix of the sentence.
  std::string refusal(const std::string& shown, const std::string& sha256,
                      const std::filesystem::path& folder) const;

  /// See TrustPolicy::signer_refusal: for an index, which is judged by its signature alone.
  std::string signer_refusal(const std::string& shown, const std::string& key) const;
  /// Whether a policy lists the keys that may sign.
  bool wants_signatures() const;

  /// "signed by a listed key, by /etc/cuecard/plugin-trust.json (locked)"; "any plugin".
  std::string described() const;
  /// Why a policy file can't be used, so that nothing is trusted; "" if all can.
  const std::string& unusable() const { return unusable_; }

private:
  std::vector<TrustPolicy> policies_;
  std::string unusable_; ///< why a file can't be used
};

} // namespace cuecard::registry
