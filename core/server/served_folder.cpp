#include "server/served_folder.hpp"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

#include <cuecard/error.hpp>

#include "card/card.hpp"
#include "data/text.hpp"
#include "server/log.hpp"

namespace cuecard::server {

ServedFolder::ServedFolder(const std::filesystem::path& folder, Serving& serving,
                           const registry::Registry& plugins, std::string base)
    : serving_(serving), plugins_(plugins), base_(std::move(base)),
      folder_(folder, {[this](const std::string& name, const std::filesystem::path& card) { load(name, card); },
                       [this](const std::string& name) { drop(name); },
                       [this](const std::string& sentence) { refused(sentence); }}) {}

void ServedFolder::scan() {
  folder_.scan();
  first_ = false;
}

void ServedFolder::load(const std::string& name, const std::filesystem::path& card) {
  if (name == base_)
    throw UsageError(card.string() + ": the model itself is served under this name; rename the folder.");
  std::string repaired = name;
  if (replace_invalid_utf8(repaired) > 0)
    throw DataError((card.parent_path() / repaired).string() + ": the folder's name is not UTF-8; rename it.");
  auto pipeline = std::make_shared<TaskPipeline>(pipeline_from_card(serving_.model, plugins_, read_card(card)));
  pipeline->name = name;
  const ServedCard entry = served(pipeline);
  const bool changed = serving_.scheduler.card(name) != nullptr;
  serving_.scheduler.set_card(std::move(pipeline));
  boost::asio::post(serving_.io, [&serving = serving_, entry] { serving.catalogue.set(entry); });
  loaded_ += !changed;
  if (!first_)
    log("the card \"" + name + "\" was " + (changed ? "changed." : "added."));
}

void ServedFolder::drop(const std::string& name) {
  boost::asio::post(serving_.io, [&serving = serving_, name] { serving.catalogue.drop(name); });
  serving_.scheduler.drop_card(name);
  --loaded_;
  log("the card \"" + name + "\" was removed.");
}

void ServedFolder::refused(const std::string& sentence) {
  boost::asio::post(serving_.io, [&serving = serving_] { serving.metrics.card_refused(); });
  log("refused: " + sentence);
}

} // namespace cuecard::server
