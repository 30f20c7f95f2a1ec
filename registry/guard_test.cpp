#include <doctest/doctest.h>

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "guard.hpp"

using namespace cuecard;
using namespace cuecard::registry;

namespace {

template <class Thrown>
void throwing(Thrown thrown) {
  guarded("sample", "tuner-x", "fit", [&] { throw thrown; });
}

/// An exception type defined in a plugin, whose virtual table is the plugin's.
struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct OwnUsageError : UsageError {
  using UsageError::UsageError;
};

} // namespace

TEST_CASE("values and references are returned unchanged") {
  int value = 1;
  CHECK(guarded("p", "c", "m", [] { return 5; }) == 5);
  int& same = guarded("p", "c", "m", [&]() -> int& { return value; });
  CHECK(&same == &value);
}

TEST_CASE("a std::exception becomes a PluginError that names plugin, component and method") {
  try {
    throwing(OwnError("no gradient"));
    FAIL("nothing was thrown");
  } catch (const PluginError& error) {
    CHECK(error.plugin() == "sample");
    CHECK(error.component() == "tuner-x");
    CHECK(error.method() == "fit");
    CHECK(error.kind() == Error::Kind::plugin);
    CHECK(
        std::string(error.what()) ==
        "plugin \"sample\", component \"tuner-x\", fit: no gradient; update or remove this plugin, and report this to "
        "its author.");
  }
}

TEST_CASE("an exception of another type becomes a PluginError, too") {
  CHECK_THROWS_AS(throwing(42), PluginError);
  CHECK_THROWS_WITH(
      throwing("text"),
      "plugin \"sample\", component \"tuner-x\", fit: it threw an object that is not a std::exception; "
      "update or remove this plugin, and report this to its author.");
}

TEST_CASE("errors about the user's input keep their kind but not the plugin's type") {
  CHECK_THROWS_AS(throwing(DataError("row 3 is empty")), DataError);
  CHECK_THROWS_WITH(throwing(DataError("row 3 is empty")), "row 3 is empty");
  try {
    throwing(OwnUsageError("bad option"));
    FAIL("nothing was thrown");
  } catch (const UsageError& error) {
    CHECK(typeid(error) == typeid(UsageError));
  }
}

TEST_CASE("wrong settings of a tuner or verbalizer name it") {
  const auto named = [](uint32_t kind, const std::string& text) {
    return naming_component(kind, "shop", "soft-x", text);
  };
  CHECK(named(CUECARD_TUNER, "length is odd.") == "tuner \"soft-x\" of the plugin \"shop\": length is odd.");
  CHECK(named(CUECARD_VERBALIZER, "length is odd.") ==
        "verbalizer \"soft-x\" of the plugin \"shop\": length is odd.");
  CHECK(named(CUECARD_TUNER, "soft-x needs one task.") == "soft-x needs one task.");
  CHECK(named(CUECARD_TEMPLATE, "line 1, column 2: \"}\" is missing.") ==
        "line 1, column 2: \"}\" is missing.");
}

TEST_CASE("a PluginError from an inner guard passes unchanged") {
  CHECK_THROWS_WITH(
      guarded("outer", "o", "m", [] { throwing(OwnError("inner")); }),
      "plugin \"sample\", component \"tuner-x\", fit: inner; update or remove this plugin, and report this to its "
      "author.");
}

TEST_CASE("Cancelled passes where the host threw it, and is a failure of the plugin elsewhere") {
  const auto stops = [] { guarded("inner", "i", "m", [] { GuardedCall::stop(); }); };
  CHECK_THROWS_AS(guarded("outer", "o", "m", stops), Cancelled);
  CHECK_THROWS_AS(guarded("outer", "o", "m",
                          [&] {
                            try {
                              stops();
                            } catch (const Cancelled&) { // the plugin cleans up
                              throw Cancelled();
                            }
                          }),
                  Cancelled);
  const std::string unasked =
      "plugin \"sample\", component \"tuner-x\", fit: it threw Cancelled, and no one asked to stop; expected it only "
      "where the host threw it";
  CHECK_THROWS_WITH_AS(throwing(Cancelled()), unasked.c_str(), PluginError);
  CHECK_THROWS_WITH_AS(guarded("outer", "o", "m", [&] { throwing(Cancelled()); }), unasked.c_str(),
                       PluginError);
  CHECK_THROWS_AS(GuardedCall::stop(), Cancelled); // outside of plugins
}

TEST_CASE("names that a plugin puts into a PluginError are replaced by its own") {
  CHECK_THROWS_WITH(throwing(PluginError("other", "thing", "fn", "boo.")),
                    "plugin \"sample\", component \"tuner-x\", fit: boo.");
  CHECK_THROWS_WITH(throwing(PluginError("boo.")), "plugin \"sample\", component \"tuner-x\", fit: boo.");
}

TEST_CASE("stack traces and line breaks are removed") {
  CHECK(sentence_of("sizes differ: 3\nand 4\nException raised from check at a.cpp:1 (most recent call "
                    "first):\nframe #0: x") == "sizes differ: 3 and 4");
  CHECK(sentence_of("") == "");
  CHECK(sentence_of(std::string(5000, 'x')).size() == 600);
}

TEST_CASE("texts are valid UTF-8") {
  CHECK(sentence_of("a\xff\nb") == "a\xEF\xBF\xBD b");
  const std::string cut =
      sentence_of(std::string(599, 'x') + "\xc3\xa4"); // the character would end at byte 601
  CHECK(cut == std::string(599, 'x'));
  CHECK_THROWS_WITH(throwing(DataError("row \xff")), "row \xEF\xBF\xBD");
  CHECK_THROWS_WITH(throwing(UsageError("\xc3(")), "\xEF\xBF\xBD(");
}

TEST_CASE("an error without a message names who failed") {
  const std::string sentence =
      "the component \"tuner-x\" of the plugin \"sample\" failed without an error message.";
  CHECK_THROWS_WITH_AS(throwing(UsageError("")), sentence.c_str(), UsageError);
  CHECK_THROWS_WITH_AS(throwing(DataError(" ")), sentence.c_str(), DataError);
  CHECK_THROWS_WITH(throwing(Error("")),
                    "plugin \"sample\", component \"tuner-x\", fit: failed without an error message");
  CHECK_THROWS_WITH(throwing(std::runtime_error("")),
                    "plugin \"sample\", component \"tuner-x\", fit: failed without an error message; update or "
                    "remove this plugin, and report this to its author.");
}

TEST_CASE("an accident says what to do; an error that the plugin words keeps its words") {
  const auto text = [](const auto& thrown) {
    try {
      throwing(thrown);
    } catch (const PluginError& error) {
      return std::string(error.what())
          .substr(std::string_view("plugin \"sample\", component \"tuner-x\", ").size());
    }
    return std::string();
  };
  const std::string remedy = "; update or remove this plugin, and report this to its author.";
  CHECK(text(std::out_of_range("map::at")) == "fit: map::at" + remedy);
  CHECK(text(std::logic_error("It is over.")) == "fit: It is over" + remedy);
  CHECK(text(Error("it returned 2 labels; expected 1")) == "fit: it returned 2 labels; expected 1");
  CHECK(text(std::bad_alloc()) == "fit: there is not enough memory; use smaller batches, or a smaller model.");
  CHECK(text(std::runtime_error("CUDA out of memory. ")) ==
        "fit: CUDA out of memory; use smaller batches, or a smaller model.");
}
