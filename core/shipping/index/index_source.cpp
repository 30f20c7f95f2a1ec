#include "shipping/index/index_source.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <cuecard/error.hpp>

#include "files/sha256.hpp"
#include "sdk/manifest/file_bytes.hpp"
#include "shipping/index/download.hpp"
#include "shipping/index/signed_index.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

std::vector<unsigned char> downloaded(const std::string& address, uint64_t limit) {
  std::vector<unsigned char> bytes;
  download(address, limit,
           [&](const char* block, std::size_t size) { bytes.insert(bytes.end(), block, block + size); });
  return bytes;
}

} // namespace

IndexSource::IndexSource(const std::string& place) : base_(place), remote_(is_address(place)) {
  if (remote_ && place.find_first_of("?#") != std::string::npos)
    throw UsageError(place + ": an address of an index has no \"?\" and no \"#\".");
  const std::string name = std::string("/") + index_name;
  if (base_.ends_with(name))
    base_.resize(base_.size() - name.size());
  else if (base_ == index_name)
    base_ = ".";
  while (base_.size() > 1 && base_.ends_with('/'))
    base_.pop_back();
}

std::vector<IndexSource> IndexSource::chosen(const std::vector<std::string>& given, bool required) {
  std::vector<IndexSource> sources(given.begin(), given.end());
  const char* const list = ::secure_getenv("CUECARD_PLUGIN_INDEX");
  if (sources.empty() && list) {
    std::istringstream places(list);
    for (std::string place; places >> place;) {
      if (!is_address(place) && !fs::path(place).is_absolute())
        throw UsageError("CUECARD_PLUGIN_INDEX holds \"" + place +
                         "\"; expected absolute folders and https:// addresses, separated by spaces.");
      sources.emplace_back(place);
    }
  }
  if (sources.empty() && required)
    throw UsageError(
        "no plugin index is configured; give a folder or an https:// address with --index, or set CUECARD_PLUGIN_INDEX.");
  return sources;
}

PluginIndex IndexSource::read(const registry::Trust& trust) const {
  const std::string address = base_ + "/" + index_name;
  const std::vector<unsigned char> bytes = index_bytes();
  const std::string key = signer_of(bytes, signature_bytes(), address);
  if (const std::string refusal = trust.signer_refusal(address, key); !refusal.empty())
    throw PluginError(refusal);
  PluginIndex index = read_index(bytes, address);
  if (!key.empty() && index.made == 0)
    throw DataError(address +
                    ": is signed and has no \"made\", so nobody can tell whether it is an old one. Make the "
                    "index again with `cuecard plugin index --key FILE`.");
  std::error_code error;
  const std::string place = remote_ ? base_ : fs::weakly_canonical(fs::absolute(base_, error), error).string();
  SeenIndexes::standard().check({place, key, index.made}, trust.wants_signatures());
  return index;
}

std::vector<unsigned char> IndexSource::index_bytes() const {
  const std::string address = base_ + "/" + index_name;
  if (remote_)
    return downloaded(address, largest_index);
  std::error_code error;
  if (!fs::exists(address, error))
    throw DataError(base_ + ": has no " + index_name + "; make one with `cuecard plugin index " + base_ + "`.");
  return file_bytes(address, largest_index);
}

std::optional<std::vector<unsigned char>> IndexSource::signature_bytes() const {
  const std::string address = base_ + "/" + index_signature_name;
  if (remote_) {
    try {
      return downloaded(address, largest_index_signature);
    } catch (const NotThere&) {
      return std::nullopt;
    }
  }
  std::error_code error;
  if (!fs::exists(fs::symlink_status(address, error)))
    return std::nullopt;
  return file_bytes(address, largest_index_signature);
}

void IndexSource::fetch(const IndexEntry& entry, const fs::path& to) const {
  const std::string from = place_of(entry);
  if (remote_) {
    std::ofstream stream(to, std::ios::binary);
    download(from, entry.size, [&](const char* block, std::size_t size) {
      stream.write(block, static_cast<std::streamsize>(size));
    });
    stream.close();
    if (!stream)
      throw DataError(to.string() + ": can't be written.");
  } else {
    std::error_code error;
    if (!fs::is_regular_file(from, error))
      throw DataError(
          from +
          ": is in the index, and there is no such file. Make the index again with `cuecard plugin index`.");
    fs::copy_file(from, to, error);
    if (error)
      throw DataError(from + ": can't be read (" + error.message() + ").");
  }
  const std::string digest = sha256_of_file(to);
  if (const uint64_t size = fs::file_size(to); size != entry.size || digest != entry.sha256)
    throw DataError(from + ": is not the archive that the index lists: " + std::to_string(size) +
                    " bytes with a SHA-256 that starts with " + digest.substr(0, 12) + ", expected " +
                    std::to_string(entry.size) + " bytes and " + entry.sha256.substr(0, 12) +
                    ". It was replaced or damaged; nothing was installed.");
}

} // namespace cuecard::shipping
