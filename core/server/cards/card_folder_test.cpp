#include "server/cards/card_folder.hpp"

#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include <cuecard/error.hpp>

using namespace cuecard;
using namespace cuecard::server;

namespace {

/// A folder of cards, and the callbacks that were called.
struct Watched {
  Watched() {
    char name[] = "/tmp/cuecard-cards-XXXXXX";
    folder = ::mkdtemp(name);
  }
  ~Watched() { std::filesystem::remove_all(folder); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void write(const std::string& card, const std::string& text) {
    std::filesystem::create_directory(folder / card);
    std::ofstream(folder / card / "card.json") << text;
    std::ofstream(folder / card / "card.safetensors") << "tensors";
  }
  CardFolder watch() {
    return CardFolder(folder, {.load =
                                   [this](const std::string& name, const std::filesystem::path& card) {
                                     std::string text;
                                     std::getline(std::ifstream(card / "card.json"), text);
                                     if (text == "damaged")
                                       throw DataError(name + " is damaged.");
                                     said.push_back("load " + name + " " + text);
                                   },
                               .drop = [this](const std::string& name) { said.push_back("drop " + name); },
                               .refused = [this](const std::string& sentence) { said.push_back(sentence); }});
  }
  /// The callbacks since the last call.
  std::vector<std::string> news() { return std::exchange(said, {}); }

  std::filesystem::path folder;
  std::vector<std::string> said;
};

using News = std::vector<std::string>;

} // namespace

TEST_CASE("the first scan loads what is there; later ones what has settled") {
  Watched watched;
  watched.write("a", "one");
  watched.write(".b", "hidden");
  std::filesystem::create_directory(watched.folder / "empty");
  CardFolder cards = watched.watch();
  cards.scan();
  CHECK(watched.news() == News{"load a one"});
  cards.scan();
  CHECK(watched.news().empty());

  watched.write("c", "half");
  cards.scan();
  CHECK(watched.news().empty());
  watched.write("c", "the whole");
  cards.scan(); // differs from what the previous scan saw
  CHECK(watched.news().empty());
  cards.scan();
  CHECK(watched.news() == News{"load c the whole"});
}

TEST_CASE("a damaged card is refused once, and the old one stays") {
  Watched watched;
  watched.write("a", "one");
  watched.write("b", "damaged");
  CardFolder cards = watched.watch();
  cards.scan();
  CHECK(watched.news() == News{"load a one", "b is damaged."});
  watched.write("a", "damaged");
  for (int i = 0; i < 4; ++i)
    cards.scan();
  CHECK(watched.news() == News{"a is damaged. The card that was loaded before stays."});
  watched.write("a", "as good as new");
  watched.write("b", "as good as new");
  cards.scan();
  cards.scan();
  CHECK(watched.news() == News{"load a as good as new", "load b as good as new"});
}

TEST_CASE("a card that is gone twice is dropped; one that was never loaded is not") {
  Watched watched;
  watched.write("a", "one");
  watched.write("b", "damaged");
  CardFolder cards = watched.watch();
  cards.scan();
  watched.news();
  std::filesystem::remove_all(watched.folder / "a");
  std::filesystem::remove_all(watched.folder / "b");
  cards.scan();
  CHECK(watched.news().empty());
  cards.scan();
  CHECK(watched.news() == News{"drop a"});
  watched.write("a", "one");
  cards.scan();
  cards.scan();
  CHECK(watched.news() == News{"load a one"});
}

TEST_CASE("a folder that can't be read") {
  Watched watched;
  watched.write("a", "one");
  CardFolder cards = watched.watch();
  cards.scan();
  watched.news();
  std::filesystem::rename(watched.folder, watched.folder.string() + ".moved");
  for (int i = 0; i < 3; ++i)
    cards.scan();
  const News news = watched.news();
  REQUIRE(news.size() == 1); // reported once, and nothing was dropped
  CHECK(news[0].find("stay as they are") != std::string::npos);
  CHECK_THROWS_AS(watched.watch(), DataError);
  std::filesystem::rename(watched.folder.string() + ".moved", watched.folder);
  cards.scan();
  CHECK(watched.news().empty());
}

TEST_CASE("cards are taken as they are when that is requested") {
  Watched watched;
  watched.write("a", "one");
  CardFolder cards = watched.watch();
  cards.scan();
  watched.write("a", "changed");
  watched.write("b", "new");
  watched.news();
  cards.scan_now();
  CHECK(watched.news() == News{"load a changed", "load b new"});
  watched.write("a", "changed again");
  CHECK(cards.load_now("a"));
  CHECK(watched.news() == News{"load a changed again"});
  std::filesystem::remove_all(watched.folder / "b");
  cards.scan_now();
  cards.scan();
  CHECK(watched.news() == News{"drop b"}); // and "a" is not loaded again

  cards.unload("a");
  cards.scan();
  cards.scan_now();
  CHECK(watched.news() == News{"drop a"});
  CHECK_THROWS_AS(cards.unload("a"), UsageError);
  CHECK_THROWS_AS(cards.unload("never was"), UsageError);
  CHECK(cards.load_now("a"));
  CHECK(watched.news() == News{"load a changed again"});
  cards.unload("a");
  watched.write("a", "another");
  cards.scan();
  cards.scan();
  CHECK(watched.news() == News{"drop a", "load a another"});

  watched.write("c", "damaged");
  CHECK_THROWS_AS(cards.load_now("c"), DataError);
}

TEST_CASE("only cards of the folder are loaded, whatever the name") {
  Watched watched;
  watched.write("a", "one");
  watched.write(".hidden", "one");
  std::filesystem::create_directories(watched.folder / "a" / "inner");
  std::filesystem::copy(watched.folder / "a" / "card.json", watched.folder / "a" / "inner" / "card.json");
  CardFolder cards = watched.watch();
  for (const std::string& name : std::vector<std::string>{"", ".", "..", ".hidden", "a/inner",
                                                          "../" + watched.folder.filename().string() + "/a",
                                                          "/etc", "none", std::string("a\0", 2)}) {
    CAPTURE(name);
    CHECK_FALSE(cards.load_now(name));
  }
  CHECK(watched.news().empty());
}
