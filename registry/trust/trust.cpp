#include "registry/trust/trust.hpp"

#include <algorithm>
#include <cstdlib>

#include <cuecard/error.hpp>

#include "manifest/file_bytes.hpp"
#include "manifest/json_fields.hpp"
#include "registry/search.hpp"
#include "registry/trust/contents.hpp"
#include "registry/trust/ed25519.hpp"

namespace cuecard::registry {

namespace fs = std::filesystem;

namespace {

using Level = TrustPolicy::Level;

constexpr uint64_t largest_policy = 1 << 20;

Level level_of(JsonFields& fields) {
  const std::string name = fields.text("trust");
  if (name == "any")
    return Level::any;
  if (name == "listed")
    return Level::listed;
  if (name == "signed")
    return Level::signed_by;
  fields.refuse("trust", "is \"" + name.substr(0, 60) + "\"; expected any, listed or signed");
}

std::string rule_name(const TrustPolicy& policy) {
  return policy.file.string() + (policy.locked ? " (locked)" : "");
}

std::string environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value ? value : "";
}

} // namespace

TrustPolicy TrustPolicy::read(const fs::path& file) {
  for (const fs::path& each : {file.parent_path(), file})
    if (const std::string reason = writable_by_others(each); !reason.empty())
      throw DataError(each.string() + " " + reason + "; run `chmod go-w` on it.");
  const JsonOrigin origin{file.string(), "The page \"Installing plugins\" describes the file."};
  const nlohmann::json json = parse_strict(file_bytes(file, largest_policy), origin);
  JsonFields fields(json, origin);
  TrustPolicy policy;
  policy.file = file;
  policy.level = level_of(fields);
  policy.locked = fields.truth("locked", false);
  if (fields.has("hashes"))
    policy.hashes = fields.texts("hashes");
  if (fields.has("keys"))
    policy.keys = fields.texts("keys");
  for (const std::string& hash : policy.hashes)
    if (!is_sha256(hash))
      fields.refuse("hashes",
                    "holds \"" + hash.substr(0, 80) + "\", which is not 64 lower-case hexadecimal digits");
  for (const std::string& key : policy.keys)
    if (!is_public_key(key))
      fields.refuse("keys",
                    "holds \"" + key.substr(0, 80) + "\", which is not an Ed25519 public key in base64");
  fields.nothing_else();
  return policy;
}

std::string TrustPolicy::refusal(const std::string& sha256, const fs::path& folder) const {
  if (level == Level::any || std::ranges::find(hashes, sha256) != hashes.end())
    return "";
  const std::string rule = rule_name(*this);
  if (level == Level::listed)
    return "its SHA-256, " + sha256 + ", is not among the hashes that " + rule +
           " lists. Install another plugin, or have it listed there.";
  std::error_code error;
  if (!fs::exists(folder / contents_name, error))
    return "it is not signed, and " + rule +
           " requires a signature by a listed key. Install it from a signed archive with `cuecard plugin install`.";
  try {
    const SignedContents found = read_signed_contents(folder, folder.string());
    if (!found.signature)
      return "its archive is not signed, and " + rule + " requires a signature by a listed key.";
    if (const std::string reason = signer_refusal(found.signature->key); !reason.empty())
      return reason;
    if (found.contents.library().sha256 != sha256)
      return "it is not the library that was signed; reinstall it.";
  } catch (const DataError& damaged) {
    return damaged.what();
  }
  return "";
}

std::string TrustPolicy::signer_refusal(const std::string& key) const {
  if (level != Level::signed_by)
    return "";
  if (key.empty())
    return "it is not signed, and " + rule_name(*this) + " requires a signature by a listed key.";
  if (std::ranges::find(keys, key) == keys.end())
    return "it is signed by the key " + key + ", which " + rule_name(*this) + " does not list.";
  return "";
}

Trust::Trust(const std::vector<fs::path>& files) {
  std::optional<TrustPolicy> last;
  for (const fs::path& file : files) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(file, error)))
      continue;
    try {
      TrustPolicy policy = TrustPolicy::read(file);
      if (policy.locked)
        policies_.push_back(std::move(policy));
      else
        last = std::move(policy);
    } catch (const DataError& unusable) {
      unusable_ = unusable.what();
    }
  }
  if (last)
    policies_.push_back(std::move(*last));
}

Trust Trust::standard() {
  std::vector<fs::path> files{"/etc/cuecard/plugin-trust.json"};
  if (const fs::path prefix = program_prefix(); !prefix.empty())
    files.push_back(prefix / "etc/cuecard/plugin-trust.json");
  const fs::path config = environment("XDG_CONFIG_HOME"), home = environment("HOME");
  if (config.is_absolute())
    files.push_back(config / "cuecard/plugin-trust.json");
  else if (home.is_absolute())
    files.push_back(home / ".config/cuecard/plugin-trust.json");
  return Trust(files);
}

std::string Trust::refusal(const std::string& shown, const std::string& sha256, const fs::path& folder) const {
  const std::string start = shown + " is not trusted: ";
  if (!unusable_.empty())
    return start + unusable_;
  for (const TrustPolicy& policy : policies_)
    if (const std::string reason = policy.refusal(sha256, folder); !reason.empty())
      return start + reason;
  return "";
}

std::string Trust::signer_refusal(const std::string& shown, const std::string& key) const {
  const std::string start = shown + " is not trusted: ";
  if (!unusable_.empty())
    return start + unusable_;
  for (const TrustPolicy& policy : policies_)
    if (const std::string reason = policy.signer_refusal(key); !reason.empty())
      return start + reason;
  return "";
}

bool Trust::wants_signatures() const {
  return std::ranges::any_of(policies_,
                             [](const TrustPolicy& policy) { return policy.level == Level::signed_by; });
}

std::string Trust::described() const {
  if (!unusable_.empty())
    return "no plugin, because " + unusable_;
  std::string text;
  for (const TrustPolicy& policy : policies_) {
    const char* rule = policy.level == Level::any      ? "any plugin"
                       : policy.level == Level::listed ? "listed hashes"
                                                       : "signed by a listed key";
    text += (text.empty() ? "" : "; ") + std::string(rule) + ", says " + policy.file.string() +
            (policy.locked ? " (locked)" : "");
  }
  return text.empty() ? "any plugin" : text;
}

} // namespace cuecard::registry
