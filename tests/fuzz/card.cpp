// card.json. A card that was read must survive a round trip.
#include "card/card_json.hpp"
#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  return fuzz::read_or_refuse([&] {
    std::string digest, again;
    const std::string text = card_text(parse_card(fuzz::text_of(bytes, size), "fuzzed", digest), digest);
    fuzz::require(card_text(parse_card(text, "again", again), again) == text,
                  "a card doesn't survive a round trip");
  });
}
