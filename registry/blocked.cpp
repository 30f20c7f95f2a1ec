#include "blocked.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cuecard::registry {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t largest_list = std::size_t{1} << 20;
thread_local int taken = 0;

/// Empty if there is no cache folder.
fs::path list_path() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return fs::path(cache) / "cuecard/blocked-plugins.json";
  if (const char* home = std::getenv("HOME"); home && *home == '/')
    return fs::path(home) / ".cache/cuecard/blocked-plugins.json";
  return {};
}

/// {SHA-256: {"library", "reason"}}; an empty object if there is none, or it can't be read.
json read_list() {
  std::ifstream file(list_path(), std::ios::binary);
  std::string text;
  char buffer[4096];
  while (file && text.size() <= largest_list) {
    file.read(buffer, sizeof buffer);
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
  }
  json list = text.size() > largest_list ? json() : json::parse(text, nullptr, false);
  return list.is_object() ? list : json::object();
}

bool write_list(const json& list) {
  const fs::path path = list_path();
  if (path.empty())
    return false;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  const fs::path part = path.string() + "." + std::to_string(::getpid()) + ".part";
  std::ofstream file(part, std::ios::binary);
  file << list.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  file.close();
  if (file)
    fs::rename(part, path, error);
  if (!file || error) {
    fs::remove(part, error);
    return false;
  }
  return true;
}

} // namespace

std::string blocked_reason(const std::string& sha256) {
  const json list = read_list();
  const auto found = list.find(sha256);
  if (sha256.empty() || found == list.end() || !found->is_object() || !found->contains("reason") ||
      !(*found)["reason"].is_string())
    return "";
  return (*found)["reason"].get<std::string>();
}

bool block(const std::string& sha256, const std::string& library, const std::string& reason) {
  if (sha256.empty())
    return false;
  json list = read_list();
  list[sha256] = {{"library", library}, {"reason", reason}};
  return write_list(list);
}

bool unblock(const std::string& sha256) {
  json list = read_list();
  return list.erase(sha256) == 0 || write_list(list);
}

BlockedAreTaken::BlockedAreTaken() {
  ++taken;
}
BlockedAreTaken::~BlockedAreTaken() {
  --taken;
}
bool BlockedAreTaken::now() {
  return taken > 0;
}

} // namespace cuecard::registry
