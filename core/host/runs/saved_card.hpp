/// Saving what was trained.
#pragma once

#include <filesystem>

#include "card/card.hpp"
#include "host/output/messages.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

/// `save_card_somewhere`, with a warning if the card is not where it belongs.
inline SavedCard save_trained_card(const Card& card, const std::filesystem::path& place) {
  SavedCard saved = save_card_somewhere(card, place);
  if (!saved.problem.empty())
    messages() << "cuecard: warning: " << one_line(without_full_stop(saved.problem)) << "; the card is in "
               << one_line(std::filesystem::absolute(saved.place).string()) << " instead.\n";
  return saved;
}

} // namespace cuecard::host
