#include "server/cards/card_folder.hpp"

#include <exception>
#include <utility>

#include <sys/stat.h>

#include <cuecard/error.hpp>

namespace cuecard::server {

namespace {

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

} // namespace

CardFolder::CardFolder(std::filesystem::path folder, CardFolderCallbacks callbacks)
    : folder_(std::move(folder)), callbacks_(std::move(callbacks)) {
  if (!states())
    throw DataError(folder_.string() +
                    ": the folder of cards could not be read; give --cards a folder that holds card folders.");
}

std::optional<CardFolder::State> CardFolder::state_of(const std::filesystem::path& card) {
  State state{};
  std::size_t next = 0;
  for (const char* file : {"card.json", "card.safetensors"}) {
    struct stat found = {};
    if (::stat((card / file).c_str(), &found) != 0) {
      if (next == 0)
        return std::nullopt; // not a card, or not yet
      break;
    }
    for (const std::int64_t each :
         {static_cast<std::int64_t>(found.st_dev), static_cast<std::int64_t>(found.st_ino),
          std::int64_t{found.st_size}, nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)})
      state[next++] = each;
  }
  return state;
}

std::optional<CardFolder::States> CardFolder::states() const {
  States states;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with('.')) // a card that is being written has a hidden name
      continue;
    if (const std::optional<State> state = state_of(at->path()))
      states[name] = *state;
  }
  if (error)
    return std::nullopt;
  return states;
}

void CardFolder::scan() {
  scan(first_);
}

void CardFolder::scan_now() {
  scan(true);
}

bool CardFolder::load_now(const std::string& name) {
  // The name comes from a client: it must be the name of a card folder in this folder, and must not lead
  // outside it.
  const bool plain = !name.empty() && !name.starts_with('.') && name.find('/') == std::string::npos &&
                     name.find('\0') == std::string::npos;
  const std::optional<State> state = plain ? state_of(folder_ / name) : std::nullopt;
  if (!state)
    return false;
  Known& known = known_[name];
  known.state = *state;
  callbacks_.load(name, folder_ / name);
  return known.loaded = true;
}

void CardFolder::unload(const std::string& name) {
  const auto known = known_.find(name);
  if (known == known_.end() || !known->second.loaded)
    throw UsageError("there is no card \"" + name.substr(0, 80) + "\" to unload.");
  known->second.loaded = false; // its state stays known, so that a scan leaves it alone
  callbacks_.drop(name);
}

void CardFolder::scan(bool all_settled) {
  const std::optional<States> found = states();
  if (!found) {
    if (std::exchange(readable_, false))
      callbacks_.refused(folder_.string() +
                         ": the folder of cards can't be read any more; the cards stay as they are.");
    return;
  }
  readable_ = true;
  for (const auto& [name, state] : *found) {
    const auto before = previous_.find(name);
    const bool settled = all_settled || (before != previous_.end() && before->second == state);
    if (settled && known_[name].state != state)
      load(name, state);
  }
  for (auto known = known_.begin(); known != known_.end();) {
    if (found->contains(known->first) || (!all_settled && previous_.contains(known->first))) {
      ++known;
      continue;
    }
    if (known->second.loaded)
      callbacks_.drop(known->first);
    known = known_.erase(known);
  }
  previous_ = *found;
  first_ = false;
}

void CardFolder::load(const std::string& name, const State& state) {
  Known& known = known_[name];
  known.state = state;
  try {
    callbacks_.load(name, folder_ / name);
    known.loaded = true;
  } catch (const std::exception& error) {
    callbacks_.refused(error.what() +
                       std::string(known.loaded ? " The card that was loaded before stays." : ""));
  }
}

} // namespace cuecard::server
