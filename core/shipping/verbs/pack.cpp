/// `plugin pack` and `plugin key`.
#include <iostream>

#include <cuecard/error.hpp>

#include "files/sha256.hpp"
#include "shipping/archive/archive.hpp"
#include "shipping/archive/signing_key.hpp"
#include "shipping/verbs/verbs.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

/// A text that an archive needs: as given, else of the working directory.
fs::path text_file(const host::Values& values, const std::string& flag, const std::string& name) {
  if (values.given(flag))
    return values.text(flag);
  std::error_code error;
  if (!fs::is_regular_file(name, error))
    throw UsageError("there is no " + name +
                     " in the working directory, and an archive needs one; name a file with --" + flag + ".");
  return name;
}

} // namespace

int pack(const host::Values& values) {
  PackSources sources{values.text("file"), text_file(values, "readme", "README.md"),
                      text_file(values, "license", "LICENSE"), std::nullopt};
  if (values.given("key"))
    sources.key = values.text("key");
  const fs::path archive = values.text("out");
  if (!archive.string().ends_with(".tar.gz"))
    throw UsageError("--out is \"" + archive.string() + "\"; expected a name that ends in .tar.gz.");
  const registry::SignedContents packed = pack_archive(sources, archive);
  std::cout << packed.contents.id << " " << packed.contents.version << " is packed in " << archive.string()
            << ": " << fs::file_size(archive) << " bytes, SHA-256 " << sha256_of_file(archive) << ", "
            << (packed.signature ? "signed by the key " + packed.signature->key : "not signed") << ".\n";
  return 0;
}

int key(const host::Values& values) {
  const fs::path file = values.text("file");
  if (values.text("action") == "show") {
    std::cout << SigningKey::read(file).public_key() << '\n';
    return 0;
  }
  const SigningKey made = SigningKey::create(file);
  std::cout << "The private key is in " << file.string()
            << "; keep it to yourself, and a copy of it safe. The public key is\n"
            << made.public_key() << '\n';
  return 0;
}

} // namespace cuecard::shipping
