#include "mined.hpp"

#include <cuecard/error.hpp>

#include <doctest/doctest.h>

using namespace cuecard;

namespace {

using Texts = std::vector<std::string>;

Texts mine(const std::string& text, const std::string& source = "{text} {trigger} {\"mask\"}",
           const std::vector<Example>& examples = {}, int64_t max_words = 2, int64_t count = 100) {
  const Gaps gaps(source);
  const Texts answers{" terrible", " great"};
  return mine_templates({text, gaps, answers, examples, max_words, count});
}

} // namespace

TEST_CASE("words before label words become templates: those of more labels first, each length in turn") {
  const Texts found = mine("The plot is great. It was terrible, and all of it\nwas great fun.\nIs it? Great!");
  CHECK(found == Texts{"{text} was {\"mask\"}", "{text} It was {\"mask\"}", "{text} is {\"mask\"}",
                       "{text} plot is {\"mask\"}"}); // sentences end at full stops and line ends
  CHECK(mine("The plot is great. It was terrible, and it was great.", "{text} {trigger} {\"mask\"}", {}, 2,
             1) == Texts{"{text} was {\"mask\"}"});
}

TEST_CASE("a gap after the answer is filled with the most frequent punctuation") {
  CHECK(mine("It is great, it is terrible. They say it is great, too", "{text} {trigger} {\"mask\"}{trigger}",
             {}, 1) == Texts{"{text} is {\"mask\"},"});
}

TEST_CASE("if an example's subject is in the sentence, the words between subject and label word are mined") {
  Example fact;
  fact.fields["sub_label"] = "Old Tom";
  fact.label = 1;
  const std::string text = "They say that Old Tom has always been great. Old Tom was terrible.";
  CHECK(mine(text, "{sub_label} {trigger}{\"mask\"}", {fact}, 3) ==
        Texts{"{sub_label} was{\"mask\"}", "{sub_label} Tom was{\"mask\"}", "{sub_label} Old Tom was{\"mask\"}",
              "{sub_label} has always been{\"mask\"}"});
}

TEST_CASE("templates in the file are candidates, without duplicates") {
  CHECK(mine("{text} In summary, it was {\"mask\"}.\r\nIt is great\n{text} In summary, it was {\"mask\"}.\n",
             "{text} {trigger} {\"mask\"}", {},
             1) == Texts{"{text} In summary, it was {\"mask\"}.", "{text} is {\"mask\"}"});
  CHECK(mine("nothing of use <mask> great").empty());
  CHECK_THROWS_WITH_AS(mine("", "{trigger} {text} {trigger} {\"mask\"}"), doctest::Contains("remove some"),
                       UsageError);
}
