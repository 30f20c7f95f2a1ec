#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "metrics/mteval_tokens.hpp"
#include "metrics/task_metric.hpp"
#include "metrics/text_metrics.hpp"

using namespace cuecard;
using Tokens = std::vector<std::string>;

namespace {

/// Three rows, of three, two and one reference.
const WrittenTexts rows{{"The cat is on the mat .", "There is a cheap place, Alimentum, near 3.5 km.", "no"},
                        {{"The cat sat on the mat.", "There is a cat on the mat."},
                         {"Alimentum is a cheap place near it (3.5 km).", "A cheap place: Alimentum.",
                          "There is a cheap place called Alimentum near 3.5 km."},
                         {"yes", "no way"}}};

bool near(double a, double b) {
  return std::abs(a - b) < 1e-9;
}

} // namespace

TEST_CASE("words and marks as sacreBLEU 2.6 cuts them (13a)") {
  CHECK(mteval_tokens("Hello, world! It cost $3.50, or 1,000-2,000.") ==
        Tokens{"Hello", ",", "world", "!", "It", "cost", "$", "3.50", ",", "or", "1,000", "-", "2,000", "."});
  CHECK(mteval_tokens("a.. b") == Tokens{"a", ".", ".", "b"});
  CHECK(mteval_tokens("e.g. \"x\" &amp; y-z (3-4) it's") ==
        Tokens{"e", ".", "g", ".", "\"", "x", "\"", "&", "y-z", "(", "3", "-", "4", ")", "it's"});
  CHECK(mteval_tokens("A &lt;b&gt; ,5 5, end.") == Tokens{"A", "<", "b", ">", ",", "5", "5", ",", "end", "."});
  CHECK(mteval_tokens("naïve café, 12.") == Tokens{"naïve", "café", ",", "12", "."});
  CHECK(mteval_tokens("so-\ncalled new\nline") == Tokens{"socalled", "new", "line"});
  CHECK(mteval_tokens(" \t").empty());
}

TEST_CASE("BLEU, worked out by hand and as sacreBLEU 2.6 gives it") {
  // 6 of 6 words right, 5 of 5 pairs, ...: 1. The shorter reference is further away.
  CHECK(near(bleu({{"a b c d e f"}, {{"a b c d e f", "a b"}}}), 1));
  // 5 of 6, 3 of 5, 2 of 4, 1 of 3; 10 words wanted and 6 written.
  CHECK(near(bleu({{"one two three four five six"}, {{"one two three four nine six seven eight nine ten"}}}),
             std::pow(5.0 / 6 * 3 / 5 * 2 / 4 * 1 / 3, 0.25) * std::exp(1 - 10.0 / 6)));
  // "the" counts once, and the lengths of which nothing is right as a half, a quarter, an eighth of one.
  CHECK(near(bleu({{"the the the the"}, {{"the cat"}}}),
             std::pow(1.0 / 4 * 1 / (2 * 3) * 1 / (4 * 2) * 1 / (8 * 1), 0.25)));
  CHECK(near(bleu(rows), 0.5377462906177269));
  CHECK(near(
      bleu({{"It is a café in Ōsaka", "x"}, {{"The café is in Ōsaka", "It was a café at Osaka"}, {"xy z"}}}),
      0.21191828141393892));
  CHECK(bleu({{"a b c d e"}, {{"x y z"}}}) == 0);
  CHECK(bleu({{"a b c"}, {{"a b c"}}}) == 0); // no four words in a row
  CHECK(bleu({{""}, {{"a"}}}) == 0);
  CHECK(bleu({}) == 0);
}

TEST_CASE("SQuAD's exact match and F1, worked out by hand") {
  const WrittenTexts answers{
      {"The Eiffel-Tower!", "in  Paris, France", "1889", "an"},
      {{"Eiffel Tower", "eiffeltower"}, {"Paris"}, {"the year 1889 (1889)", "1890"}, {"a"}}};
  CHECK(near(squad_em(answers), 2.0 / 4)); // the first, and nothing beside nothing
  // 1; 1 of 3 and of 1: 0.5; 1 of 1 and of 3 (1889 counts once): 0.5; no word in common: 0.
  CHECK(near(squad_f1(answers), (1 + 0.5 + 0.5 + 0) / 4));
  CHECK(squad_f1({}) == 0);
}

TEST_CASE("chrF, worked out by hand and as sacreBLEU 2.6 gives it") {
  // abc beside abd, lengths 1 to 3: 2 of 3, 1 of 2, 0 of 1 on either side.
  CHECK(near(chrf({{"a b c"}, {{"ab d"}}}), (2.0 / 3 + 1.0 / 2 + 0) / 3));
  // ab beside abcd: precision 1, 1; recall 2 of 4, 1 of 3.
  const double recall = (2.0 / 4 + 1.0 / 3) / 2;
  CHECK(near(chrf({{"ab"}, {{"abcd"}}}), 5 * recall / (4 + recall)));
  CHECK(near(chrf(rows), 0.6944322306962942));
  CHECK(near(chrf({{"the the the the"}, {{"the cat"}}}), 0.17868921870125237));
  CHECK(near(
      chrf({{"It is a café in Ōsaka", "x"}, {{"The café is in Ōsaka", "It was a café at Osaka"}, {"xy z"}}}),
      0.488968100266083));
  CHECK(near(chrf({{"a b c"}, {{"a b c"}}}), 1));
  CHECK(chrf({{"a b c d e"}, {{"x y z"}}}) == 0);
  CHECK(chrf({}) == 0);
}

TEST_CASE("ROUGE-L, worked out by hand") {
  constexpr double beta = 1.2 * 1.2;
  const auto f = [](double precision, double recall) {
    return (1 + beta) * precision * recall / (recall + beta * precision);
  };
  // police the gunman: "police ... the gunman" is common, 3 of 4 and 3 of 5.
  CHECK(near(rouge_l({{"Police kill the gunman"}, {{"police ended, the old gunman"}}}), f(3.0 / 4, 3.0 / 5)));
  CHECK(near(rouge_l({{"the gunman kill police"}, {{"police killed the gunman"}}}), f(2.0 / 4, 2.0 / 4)));
  // The best precision is with one reference and the best recall with another.
  CHECK(near(rouge_l({{"a b c d"}, {{"a b c x y z", "d"}}}), f(3.0 / 4, 1)));
  CHECK(near(rouge_l({{"a b", "", "café!"}, {{"a b"}, {"x"}, {"Café", "x"}}}), 2.0 / 3));
  CHECK(rouge_l({}) == 0);
}

TEST_CASE("an exact text is one of the references, but for blanks at its ends") {
  CHECK(is_exact(" a b\n", {"x", "a b"}));
  CHECK(!is_exact("A b", {"a b"}));
  CHECK(!is_exact("a  b", {"a b"}));
  CHECK(is_exact("", {" "}));
  CHECK(near(exact_match(rows), 0));
  CHECK(near(exact_match({{"yes", "no"}, {{"no", "yes"}, {"yes"}}}), 0.5));
  CHECK(exact_match({}) == 0);
}

TEST_CASE("the metrics of texts by name") {
  CHECK(measure("bleu", rows) == bleu(rows));
  CHECK(measure("chrf", rows) == chrf(rows));
  CHECK(measure("rouge-l", rows) == rouge_l(rows));
  CHECK(measure("exact-match", rows) == exact_match(rows));
  CHECK_THROWS_AS(measure("accuracy", rows), std::logic_error);
  for (const std::string& metric : text_metric_names())
    CHECK_THROWS_AS(measure(metric, WrittenTexts{{"a"}, {}}), std::logic_error);
}
