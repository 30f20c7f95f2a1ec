/// The contents of a plugin archive and their signature: the files CONTENTS and SIGNATURE in an archive and in the folder of an
/// installed plugin. Their format is described in registry/archive_format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cuecard::registry {

constexpr const char* contents_name = "CONTENTS";
constexpr const char* signature_name = "SIGNATURE";

struct PackedFile {
  std::string name;
  uint64_t size = 0;
  std::string sha256;

  bool operator==(const PackedFile&) const = default;
};

struct Contents {
  std::string id, version;
  std::vector<PackedFile> files; ///< those of `packed_names`, in that order

  bool operator==(const Contents&) const = default;
  const PackedFile& library() const { return files.back(); }
};

/// The files of a plugin's archive beside CONTENTS and SIGNATURE: LICENSE, README.md, ID.json, ID.so.
std::vector<std::string> packed_names(const std::string& id);

/// The size limit in bytes; larger files are rejected. For the library, `max_library_size`.
uint64_t largest_packed(const std::string& name);

struct Signature {
  std::string key;       ///< public key of the signer, see ed25519.hpp
  std::string signature; ///< of the bytes of CONTENTS

  bool operator==(const Signature&) const = default;
};

/// JSON text, ending with a newline; equal contents have equal texts.
std::string contents_text(const Contents& contents);
std::string signature_text(const Signature& signature);

/// Strict, see sdk/manifest/json_fields.hpp. `origin` is the prefix of errors. Throws DataError.
Contents read_contents(std::span<const unsigned char> bytes, const std::string& origin);
/// `advice` is the last sentence of an error about its contents.
Signature
read_signature(std::span<const unsigned char> bytes, const std::string& origin,
               const std::string& advice = "Pack the plugin again with `cuecard plugin pack --key FILE`.");

/// A plugin id: lower-case words joined by "-", at most 64 letters, and so a safe folder name.
bool is_plugin_id(const std::string& id);

/// CONTENTS and SIGNATURE in a folder.
struct SignedContents {
  Contents contents;
  std::optional<Signature> signature; ///< verified
};

/// `shown` names the folder in errors. Throws DataError if CONTENTS is missing or damaged, or if there is a SIGNATURE that does not
/// match its bytes.
SignedContents read_signed_contents(const std::filesystem::path& folder, const std::string& shown);

/// A file of the folder. Throws DataError if it is missing, not a regular file, or not the one that is listed.
std::vector<unsigned char> read_listed(const std::filesystem::path& folder, const PackedFile& listed,
                                       const std::string& shown);

} // namespace cuecard::registry
