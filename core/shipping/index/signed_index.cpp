#include "shipping/index/signed_index.hpp"

#include <algorithm>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "files/atomic_write.hpp"
#include "registry/trust/contents.hpp"
#include "registry/trust/ed25519.hpp"
#include "sdk/manifest/file_bytes.hpp"
#include "sdk/manifest/json_fields.hpp"
#include "shipping/index/plugin_index.hpp"

namespace cuecard::shipping {

namespace fs = std::filesystem;

namespace {

constexpr const char* seen_format = "cuecard-seen-indexes/1";
constexpr uint64_t largest_seen = 1 << 20;

fs::path state_folder() {
  const char* const state = ::secure_getenv("XDG_STATE_HOME");
  if (state && *state == '/')
    return state;
  const char* const home = ::secure_getenv("HOME");
  return home && *home == '/' ? fs::path(home) / ".local/state" : fs::path();
}

} // namespace

std::string signer_of(std::span<const unsigned char> index,
                      const std::optional<std::vector<unsigned char>>& signature, const std::string& address) {
  if (!signature)
    return "";
  const std::string shown = address + ".sig";
  const registry::Signature read = registry::read_signature(
      *signature, shown, "Make the index again with `cuecard plugin index --key FILE`.");
  if (!registry::is_signed(index, read.key, read.signature))
    throw DataError(
        shown + " is not a signature of its " + index_name +
        ", which was changed or is being published at this moment. Try again later, or get both from "
        "their author.");
  return read.key;
}

SeenIndexes SeenIndexes::standard() {
  const fs::path state = state_folder();
  return SeenIndexes(state.empty() ? fs::path() : state / "cuecard/plugin-indexes.json");
}

void SeenIndexes::check(const SeenIndex& now, bool key_is_judged) const {
  std::vector<SeenIndex> seen = read();
  const auto known = std::ranges::find(seen, now.place, &SeenIndex::place);
  if (known == seen.end()) {
    if (now.key.empty())
      return;
    seen.push_back(now);
    return write(seen);
  }
  const std::string shown = now.place + "/" + index_name;
  const std::string otherwise =
      " If its author says that this is right, remove what " + file_.string() + " has of this place.";
  if (now.key.empty())
    throw DataError(shown + ": has no signature, and was signed by the key " + known->key +
                    " when it was read before." + otherwise);
  if (now.key != known->key && !key_is_judged)
    throw DataError(shown + ": is signed by the key " + now.key + ", and was signed by the key " + known->key +
                    " when it was read before." + otherwise);
  if (now.made < known->made)
    throw DataError(shown + ": is older than the one that was read before (made " + std::to_string(now.made) +
                    ", then " + std::to_string(known->made) +
                    " seconds after 1970), so it may hide newer versions." + otherwise);
  if (now.key == known->key && now.made == known->made)
    return;
  *known = now;
  write(seen);
}

std::vector<SeenIndex> SeenIndexes::read() const {
  std::error_code error;
  if (file_.empty() || !fs::exists(file_, error))
    return {};
  const JsonOrigin origin{file_.string(), "Remove the file if you can't tell what became of it."};
  const nlohmann::json json = parse_strict(file_bytes(file_, largest_seen), origin);
  JsonFields fields(json, origin);
  if (fields.text("format") != seen_format)
    fields.refuse("format", "is not \"" + std::string(seen_format) + "\"");
  std::vector<SeenIndex> seen;
  const nlohmann::json& indexes = fields.array("indexes");
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    JsonFields each(indexes[i], origin, "indexes[" + std::to_string(i) + "]");
    seen.push_back({each.text("place"), each.text("key"), each.whole("made", uint64_t{1} << 53)});
    each.nothing_else();
  }
  fields.nothing_else();
  return seen;
}

/// A home that can't be written to remembers nothing, and is no reason not to read an index.
void SeenIndexes::write(const std::vector<SeenIndex>& seen) const {
  if (file_.empty())
    return;
  nlohmann::ordered_json indexes = nlohmann::ordered_json::array();
  for (const SeenIndex& each : seen)
    indexes.push_back({{"place", each.place}, {"key", each.key}, {"made", each.made}});
  const nlohmann::ordered_json document{{"format", seen_format}, {"indexes", std::move(indexes)}};
  std::error_code error;
  fs::create_directories(file_.parent_path(), error);
  try {
    write_file_atomically(file_, document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } catch (const DataError&) {
  }
}

} // namespace cuecard::shipping
