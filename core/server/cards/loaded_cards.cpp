#include "server/cards/loaded_cards.hpp"

#include <utility>

namespace cuecard::server {

void LoadedCards::hold(const std::vector<std::string>& names, Then then) {
  const auto hold = std::make_shared<Hold>();
  hold->then = std::move(then);
  std::vector<std::string> away;
  for (const std::string& name : names) {
    Card& card = cards_[name];
    ++card.holds;
    if (card.state == Card::State::here) {
      order_.splice(order_.end(), order_, card.place);
      continue;
    }
    ++hold->missing;
    card.waiting.push_back(hold);
    if (std::exchange(card.state, Card::State::requested) == Card::State::away)
      away.push_back(name);
  }
  read_again_ += static_cast<std::int64_t>(away.size());
  for (const std::string& name : away)
    read_(name);
  if (hold->missing == 0)
    hold->then("");
}

void LoadedCards::release(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = cards_.find(name);
    if (found == cards_.end())
      continue;
    --found->second.holds;
    if (found->second.holds == 0 && found->second.state == Card::State::away)
      cards_.erase(found);
  }
  drop_unused();
}

void LoadedCards::came(const std::string& name) {
  Card& card = cards_[name];
  if (std::exchange(card.state, Card::State::here) != Card::State::here)
    card.place = order_.insert(order_.end(), name);
  arrived(card, "");
  drop_unused();
}

void LoadedCards::failed(const std::string& name, const std::string& problem) {
  const auto found = cards_.find(name);
  if (found == cards_.end() || found->second.state == Card::State::here)
    return;
  found->second.state = Card::State::away;
  arrived(found->second, problem);
}

void LoadedCards::removed(const std::string& name) {
  const auto found = cards_.find(name);
  if (found == cards_.end())
    return;
  leave(found->second);
  arrived(found->second, "the card \"" + name + "\" was removed.");
  if (const auto still = cards_.find(name); still != cards_.end() && still->second.holds == 0)
    cards_.erase(still);
}

/// The callbacks may hold and release cards.
void LoadedCards::arrived(Card& card, const std::string& problem) {
  for (const std::shared_ptr<Hold>& hold : std::exchange(card.waiting, {})) {
    if (!problem.empty())
      hold->problem = problem;
    if (--hold->missing == 0)
      hold->then(hold->problem);
  }
}

void LoadedCards::leave(Card& card) {
  if (std::exchange(card.state, Card::State::away) == Card::State::here)
    order_.erase(card.place);
}

void LoadedCards::drop_unused() {
  for (auto next = order_.begin(); order_.size() > most_ && next != order_.end();) {
    const auto found = cards_.find(*next++);
    if (found->second.holds > 0)
      continue;
    const std::string name = found->first;
    leave(found->second);
    cards_.erase(found);
    drop_(name);
  }
}

} // namespace cuecard::server
