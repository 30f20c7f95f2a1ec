#include "server/cards/loaded_cards.hpp"

#include <set>

#include <doctest/doctest.h>

using namespace cuecard::server;

namespace {

using Names = std::vector<std::string>;

/// Records requests in order, and carries them out when the test says so.
struct Memory {
  explicit Memory(std::size_t most)
      : loaded(
            most, [this](const std::string& name) { asked.push_back("+" + name); },
            [this](const std::string& name) { asked.push_back("-" + name); }) {}

  /// Asks for cards, without holding them after that.
  void use(const Names& names) {
    loaded.hold(names, [](const std::string&) {});
    for (const std::string& name : names)
      loaded.came(name);
    loaded.release(names);
  }
  Names told() { return std::exchange(asked, {}); }

  Names asked;
  LoadedCards loaded;
};

} // namespace

TEST_CASE("the cards that were used last stay in memory") {
  Memory memory(2);
  memory.use({"a"});
  memory.use({"b"});
  CHECK(memory.told() == Names{"+a", "+b"});
  memory.use({"a"});
  memory.use({"c"});
  CHECK(memory.told() == Names{"+c", "-b"});
  memory.use({"b"});
  CHECK(memory.told() == Names{"+b", "-a"});
  CHECK(memory.loaded.size() == 2);
  CHECK(memory.loaded.read_again() == 4);
}

TEST_CASE("a request waits for all of its cards, and two requests read a card once") {
  Memory memory(10);
  memory.loaded.came("a");
  Names done;
  memory.loaded.hold({"a", "b", "c"}, [&](const std::string& problem) { done.push_back("first" + problem); });
  memory.loaded.hold({"b"}, [&](const std::string& problem) { done.push_back("second" + problem); });
  memory.loaded.hold({"a"}, [&](const std::string& problem) { done.push_back("third" + problem); });
  CHECK(done == Names{"third"});
  CHECK(memory.told() == Names{"+b", "+c"});
  memory.loaded.came("c");
  CHECK(done == Names{"third"});
  memory.loaded.came("b");
  CHECK(std::set<std::string>(done.begin(), done.end()) == std::set<std::string>{"first", "second", "third"});
}

TEST_CASE("held cards are kept beyond the bound, and dropped when they are released") {
  Memory memory(1);
  memory.loaded.hold({"a", "b", "c"}, [](const std::string&) {});
  for (const char* name : {"a", "b", "c"})
    memory.loaded.came(name);
  CHECK(memory.loaded.size() == 3);
  memory.told();
  memory.loaded.release({"a", "b", "c"});
  CHECK(memory.told() == Names{"-a", "-b"});
  CHECK(memory.loaded.size() == 1);
}

TEST_CASE(
    "a card that can't be read, or was removed, is a problem of those that wait, and is read again for the next") {
  Memory memory(10);
  Names problems;
  const auto then = [&](const std::string& problem) { problems.push_back(problem); };
  memory.loaded.came("b");
  memory.loaded.hold({"a", "b"}, then);
  memory.loaded.failed("a", "damaged");
  memory.loaded.release({"a", "b"});
  memory.loaded.hold({"a"}, then);
  CHECK(memory.told() == Names{"+a", "+a"});
  memory.loaded.removed("a");
  memory.loaded.release({"a"});
  memory.loaded.removed("b");
  CHECK(problems == Names{"damaged", "the card \"a\" was removed."});
  CHECK(memory.loaded.size() == 0);
  memory.loaded.hold({"b"}, then);
  CHECK(memory.told() == Names{"+b"});
}
