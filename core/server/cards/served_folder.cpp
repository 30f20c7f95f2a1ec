#include "server/cards/served_folder.hpp"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

#include <cuecard/error.hpp>

#include "card/card.hpp"
#include "data/text.hpp"
#include "server/log.hpp"

namespace cuecard::server {

namespace {

/// Runs `action` on the card in `folder`, whose name was `name` when it was made. Its error becomes a DataError that names the folder, by
/// which the card is served, and the other name where it differs.
template <class Action>
auto naming(const std::filesystem::path& folder, const std::string& name, Action&& action) {
  try {
    return action();
  } catch (const Error& error) {
    const std::string what = error.what();
    const bool named = name == folder.filename().string() || what.find('"' + name + '"') != std::string::npos;
    throw DataError(folder.string() + (named ? "" : " (the card \"" + name + "\")") + ": " + what);
  }
}

} // namespace

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

std::shared_ptr<TaskPipeline> ServedFolder::pipeline_of(const std::filesystem::path& folder) const {
  const Card card = read_card(folder);
  return naming(folder, card.name, [&] {
    auto pipeline = std::make_shared<TaskPipeline>(pipeline_from_card(serving_.model, plugins_, card));
    pipeline->name = folder.filename().string();
    return pipeline;
  });
}

void ServedFolder::take(const std::string& name, const std::filesystem::path& card) {
  if (name == base_)
    throw DataError(card.string() + ": the model itself is served under this name; rename the folder.");
  std::string repaired = name;
  if (replace_invalid_utf8(repaired) > 0)
    throw DataError((card.parent_path() / repaired).string() + ": the folder's name is not UTF-8; rename it.");
  auto pipeline = pipeline_of(card);
  if (const std::string warning = unfitted_warning(pipeline->record); !warning.empty())
    serving_.log.warn(card.string() + ": " + warning);
  const ServedCard entry = served(*pipeline);
  const bool stays = in_memory_.contains(name) || in_memory_.size() < most_;
  if (stays) {
    naming(card, pipeline->record.name, [&] { serving_.scheduler.set_card(pipeline); });
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
    serving_.log.say("the card \"" + name + "\" was " + (added ? "added." : "changed."));
}

void ServedFolder::remove(const std::string& name) {
  boost::asio::post(serving_.io, [&serving = serving_, name] {
    serving.catalogue.drop(name);
    serving.loaded.removed(name);
  });
  forget(name);
  names_.erase(name);
  ++changes_.removed;
  serving_.log.say("the card \"" + name + "\" was removed.");
}

void ServedFolder::refused(const std::string& sentence) {
  boost::asio::post(serving_.io, [&serving = serving_] { serving.metrics.card_refused(); });
  changes_.refused.push_back(sentence);
  serving_.log.warn("refused: " + sentence);
}

void ServedFolder::forget(const std::string& name) {
  if (in_memory_.erase(name) > 0)
    serving_.scheduler.drop_card(name);
}

void ServedFolder::read(const std::string& name) {
  std::string problem; // clients are told it, so it has no path
  try {
    if (!names_.contains(name)) {
      problem = "the card \"" + name + "\" was removed.";
    } else if (!in_memory_.contains(name)) {
      const std::filesystem::path folder = folder_.path_of(name);
      const auto pipeline = pipeline_of(folder);
      naming(folder, pipeline->record.name, [&] { serving_.scheduler.set_card(pipeline); });
      in_memory_.insert(name);
    }
  } catch (const std::exception& error) {
    problem = "the card \"" + name + "\" could not be read again; the server's log says why.";
    serving_.log.warn("a card could not be read again: " + std::string(error.what()));
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
