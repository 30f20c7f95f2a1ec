/// Keeps cards in memory: those that rows wait for, and the most recently used ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cuecard::server {

/// Threads: the server's.
class LoadedCards {
public:
  /// Called when the cards are in memory (`problem` is empty), or when one can't be loaded.
  using Then = std::function<void(const std::string& problem)>;

  /// At most `most` cards are in memory, besides those that are held. `read` requests that a card be read, after which `came` or `failed`
  /// must be called; `drop` requests that one be dropped from memory. Requests are carried out later, in order.
  LoadedCards(std::size_t most, std::function<void(const std::string&)> read,
              std::function<void(const std::string&)> drop)
      : most_(most), read_(std::move(read)), drop_(std::move(drop)) {}

  /// Keeps cards in memory until they are released, and calls `then` when all are loaded, possibly before it
  /// returns.
  void hold(const std::vector<std::string>& names, Then then);
  void release(const std::vector<std::string>& names);

  /// A card is in memory from now on.
  void came(const std::string& name);
  void failed(const std::string& name, const std::string& problem);
  /// A card is no longer served.
  void removed(const std::string& name);

  std::int64_t size() const { return static_cast<std::int64_t>(order_.size()); }
  /// Cards that were read again because they had been dropped.
  std::int64_t read_again() const { return read_again_; }

private:
  struct Hold {
    std::size_t missing = 0;
    std::string problem;
    Then then;
  };
  struct Card {
    enum class State { away, requested, here } state = State::away;
    std::int64_t holds = 0;
    std::list<std::string>::iterator place; ///< in order_, when it is here
    std::vector<std::shared_ptr<Hold>> waiting;
  };

  void arrived(Card& card, const std::string& problem);
  void leave(Card& card);
  void drop_unused();

  const std::size_t most_;
  const std::function<void(const std::string&)> read_, drop_;
  std::map<std::string, Card> cards_; ///< that are here, requested or held
  std::list<std::string> order_;      ///< of those that are here, the one used least recently first
  std::int64_t read_again_ = 0;
};

} // namespace cuecard::server
