#include "server/cards/served_folder.hpp"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

#include <cuecard/error.hpp>

#include "card/card.hpp"
#include "data/text.hpp"
#include "server/log.hpp"

namespace cuecard::server {

ServedFolder::ServedFolder(const std::filesystem::path& folder, Serving& serving,
                           const registry::Registry& plugins, std::string base, std::size_t most)
    : serving_(serving), plugins_(plugins), base_(std::move(base)), most_(most),
      folder_(folder, {[this](const std::string& name, const std::filesystem::path& card) { take(name, card); },
                       [this](const std::string& name) { remove(name); },
                       [this](const std::string& sentence) { refused(sentence); }}) {}

void ServedFolder::scan() {
  folder_.scan();
  first_ = false;
}

std::shared_ptr<TaskPipeline> ServedFolder::pipeline_of(const std::filesystem::path& card) const {
  auto pipeline = std::make_shared<TaskPipeline>(pipeline_from_card(serving_.model, plugins_, read_card(card)));
  pipeline->name = card.filename().string();
  return pipeline;
}

void ServedFolder::take(const std::string& name, const std::filesystem::path& card) {
  if (name == base_)
    throw UsageError(card.string() + ": the model itself is served under this name; rename the folder.");
  std::string repaired = name;
  if (replace_invalid_utf8(repaired) > 0)
    throw DataError((card.parent_path() / repaired).string() + ": the folder's name is not UTF-8; rename it.");
  auto pipeline = pipeline_of(card);
  const ServedCard entry = served(*pipeline);
  const bool stays = in_memory_.contains(name) || in_memory_.size() < most_;
  if (stays) {
    serving_.scheduler.set_card(std::move(pipeline));
    in_memory_.insert(name);
  }
  boost::asio::post(serving_.io, [&serving = serving_, entry, stays] {
    serving.catalogue.set(entry);
    if (stays)
      serving.loaded.came(entry.name);
  });
  const bool added = names_.insert(name).second;
  ++(added ? changes_.added : changes_.changed);
  if (!first_)
    log("the card \"" + name + "\" was " + (added ? "added." : "changed."));
}

void ServedFolder::remove(const std::string& name) {
  boost::asio::post(serving_.io, [&serving = serving_, name] {
    serving.catalogue.drop(name);
    serving.loaded.removed(name);
  });
  forget(name);
  names_.erase(name);
  ++changes_.removed;
  log("the card \"" + name + "\" was removed.");
}

void ServedFolder::refused(const std::string& sentence) {
  boost::asio::post(serving_.io, [&serving = serving_] { serving.metrics.card_refused(); });
  changes_.refused.push_back(sentence);
  log("refused: " + sentence);
}

void ServedFolder::forget(const std::string& name) {
  if (in_memory_.erase(name) > 0)
    serving_.scheduler.drop_card(name);
}

void ServedFolder::read(const std::string& name) {
  std::string problem;
  try {
    if (!names_.contains(name))
      throw DataError("the card \"" + name + "\" was removed.");
    if (!in_memory_.contains(name)) {
      serving_.scheduler.set_card(pipeline_of(folder_.path_of(name)));
      in_memory_.insert(name);
    }
  } catch (const std::exception& error) {
    problem = error.what();
    log("a card could not be read again: " + problem);
  }
  boost::asio::post(serving_.io, [&serving = serving_, name, problem] {
    if (problem.empty())
      serving.loaded.came(name);
    else
      serving.loaded.failed(name, problem);
  });
}

void ServedFolder::drop(const std::string& name) {
  forget(name);
}

FolderChanges ServedFolder::refresh() {
  changes_ = {};
  folder_.scan_now();
  return std::exchange(changes_, {});
}

bool ServedFolder::load(const std::string& name) {
  return folder_.load_now(name);
}

void ServedFolder::unload(const std::string& name) {
  folder_.unload(name);
}

} // namespace cuecard::server
