#include "registry/trust/contents.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "manifest/file_bytes.hpp"
#include "manifest/json_fields.hpp"
#include "manifest/read_manifest.hpp"
#include "registry/trust/ed25519.hpp"

namespace cuecard::registry {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* contents_format = "cuecard-plugin/1";
constexpr std::size_t longest_id = 64, longest_version = 64;
constexpr uint64_t largest_text = 1 << 20;

} // namespace

std::vector<std::string> packed_names(const std::string& id) {
  return {"LICENSE", "README.md", id + ".json", id + ".so"};
}

uint64_t largest_packed(const std::string& name) {
  return name.ends_with(".so") ? max_library_size : largest_text;
}

bool is_plugin_id(const std::string& id) {
  const auto in_word = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
  };
  if (id.empty() || id.size() > longest_id || id.front() < 'a' || id.front() > 'z' || id.back() == '-' ||
      id.find("--") != std::string::npos)
    return false;
  return std::ranges::all_of(id, [&](char letter) { return letter == '-' || in_word(letter); });
}

std::string contents_text(const Contents& contents) {
  Json files = Json::array();
  for (const PackedFile& file : contents.files)
    files.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
  return Json{{"format", contents_format},
              {"id", contents.id},
              {"version", contents.version},
              {"files", std::move(files)}}
             .dump(2) +
         "\n";
}

std::string signature_text(const Signature& signature) {
  return Json{{"key", signature.key}, {"signature", signature.signature}}.dump(2) + "\n";
}

Contents read_contents(std::span<const unsigned char> bytes, const std::string& origin) {
  const JsonOrigin named{origin, "Pack the plugin again with `cuecard plugin pack`."};
  const nlohmann::json json = parse_strict(bytes, named);
  JsonFields fields(json, named);
  if (const std::string format = fields.text("format"); format != contents_format)
    fields.refuse("format", "is \"" + format.substr(0, 60) + "\"; this host reads \"" + contents_format + "\"");
  Contents contents;
  contents.id = fields.text("id");
  if (!is_plugin_id(contents.id))
    fields.refuse("id", "is not a valid plugin id, lower-case words joined by \"-\"");
  contents.version = fields.text("version");
  if (contents.version.empty() || contents.version.size() > longest_version)
    fields.refuse("version", "is empty or longer than " + std::to_string(longest_version) + " characters");
  const std::vector<std::string> names = packed_names(contents.id);
  const nlohmann::json& files = fields.array("files");
  if (files.size() != names.size())
    fields.refuse("files", "has " + std::to_string(files.size()) + " entries; expected " +
                               std::to_string(names.size()) + ": LICENSE, README.md, sidecar and library");
  for (std::size_t i = 0; i < names.size(); ++i) {
    JsonFields file(files[i], named, "files[" + std::to_string(i) + "]");
    if (file.text("name") != names[i])
      file.refuse("name", "is not " + names[i]);
    contents.files.push_back({names[i], file.whole("size", largest_packed(names[i])), file.sha256("sha256")});
    file.nothing_else();
  }
  fields.nothing_else();
  return contents;
}

Signature read_signature(std::span<const unsigned char> bytes, const std::string& origin,
                         const std::string& advice) {
  const JsonOrigin named{origin, advice};
  const nlohmann::json json = parse_strict(bytes, named);
  JsonFields fields(json, named);
  Signature signature{fields.text("key"), fields.text("signature")};
  if (!is_public_key(signature.key))
    fields.refuse("key", "is not an Ed25519 public key in base64");
  if (!is_signature(signature.signature))
    fields.refuse("signature", "is not an Ed25519 signature in base64");
  fields.nothing_else();
  return signature;
}

SignedContents read_signed_contents(const std::filesystem::path& folder, const std::string& shown) {
  const std::string contents_shown = shown + ": " + contents_name,
                    signature_shown = shown + ": " + signature_name;
  std::error_code error;
  const auto is_there = [&](const char* name) {
    return std::filesystem::exists(std::filesystem::symlink_status(folder / name, error));
  };
  if (!is_there(contents_name))
    throw DataError(contents_shown + " is missing; install the plugin from its archive again.");
  const std::vector<unsigned char> bytes = file_bytes(folder / contents_name, largest_text);
  SignedContents result{read_contents(bytes, contents_shown), std::nullopt};
  if (is_there(signature_name)) {
    result.signature = read_signature(file_bytes(folder / signature_name, largest_text), signature_shown);
    if (!is_signed(bytes, result.signature->key, result.signature->signature))
      throw DataError(
          signature_shown + " is not a signature of its " + contents_name +
          ", which was changed or belongs to another archive. Get the archive again from its author.");
  }
  return result;
}

std::vector<unsigned char> read_listed(const std::filesystem::path& folder, const PackedFile& listed,
                                       const std::string& shown) {
  const std::filesystem::path file = folder / listed.name;
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(file, error)))
    throw DataError(shown + ": " + listed.name + " is missing or not a regular file; reinstall the plugin.");
  std::vector<unsigned char> bytes = file_bytes(file, largest_packed(listed.name));
  const std::string digest = sha256(bytes);
  if (bytes.size() != listed.size || digest != listed.sha256)
    throw DataError(shown + ": " + listed.name + " was changed: its SHA-256 starts with " +
                    digest.substr(0, 12) + ", " + contents_name + " lists " + listed.sha256.substr(0, 12) +
                    ". Get the archive again from its author.");
  return bytes;
}

} // namespace cuecard::registry
