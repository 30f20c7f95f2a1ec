#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "metrics/mteval_tokens.hpp"
#include "metrics/python_strings.hpp"
#include "metrics/task_metric.hpp"
#include "metrics/text_metrics.hpp"

using namespace cuecard;
using Tokens = std::vector<std::string>;

namespace {

/// Three examples with two, three and two references.
const GeneratedTexts generated{
    {"The cat is on the mat .", "There is a cheap place, Alimentum, near 3.5 km.", "no"},
    {{"The cat sat on the mat.", "There is a cat on the mat."},
     {"Alimentum is a cheap place near it (3.5 km).", "A cheap place: Alimentum.",
      "There is a cheap place called Alimentum near 3.5 km."},
     {"yes", "no way"}}};

bool near(double a, double b) {
  return std::abs(a - b) < 1e-9;
}

} // namespace

TEST_CASE("tokenization matches sacreBLEU 2.6 (13a)") {
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

TEST_CASE("BLEU, computed by hand and matching sacreBLEU 2.6") {
  // All n-grams match: 1. The shorter reference is not the closest in length.
  CHECK(near(bleu({{"a b c d e f"}, {{"a b c d e f", "a b"}}}), 1));
  // Precisions 5/6, 3/5, 2/4, 1/3; reference length 10, hypothesis length 6.
  CHECK(near(bleu({{"one two three four five six"}, {{"one two three four nine six seven eight nine ten"}}}),
             std::pow(5.0 / 6 * 3 / 5 * 2 / 4 * 1 / 3, 0.25) * std::exp(1 - 10.0 / 6)));
  // "the" is clipped to 1; orders without matches are smoothed to 1/2, 1/4, 1/8 of a match.
  CHECK(near(bleu({{"the the the the"}, {{"the cat"}}}),
             std::pow(1.0 / 4 * 1 / (2 * 3) * 1 / (4 * 2) * 1 / (8 * 1), 0.25)));
  CHECK(near(bleu(generated), 0.5377462906177269));
  CHECK(near(
      bleu({{"It is a café in Ōsaka", "x"}, {{"The café is in Ōsaka", "It was a café at Osaka"}, {"xy z"}}}),
      0.21191828141393892));
  CHECK(bleu({{"a b c d e"}, {{"x y z"}}}) == 0);
  CHECK(bleu({{"a b c"}, {{"a b c"}}}) == 0); // too short for 4-grams
  CHECK(bleu({{""}, {{"a"}}}) == 0);
  CHECK(bleu({}) == 0);
}

TEST_CASE("SQuAD's exact match and F1, computed by hand") {
  const GeneratedTexts answers{
      {"The Eiffel-Tower!", "in  Paris, France", "1889", "an"},
      {{"Eiffel Tower", "eiffeltower"}, {"Paris"}, {"the year 1889 (1889)", "1890"}, {"a"}}};
  CHECK(near(squad_em(answers), 2.0 / 4)); // the first, and the last, where both are empty after normalization
  // 1; precision 1/3, recall 1: 0.5; precision 1, recall 1/3 (1889 is clipped to 1): 0.5; no word in common: 0.
  CHECK(near(squad_f1(answers), (1 + 0.5 + 0.5 + 0) / 4));
  CHECK(squad_f1({}) == 0);
}

TEST_CASE("chrF, computed by hand and matching sacreBLEU 2.6") {
  // abc against abd, orders 1 to 3: precision and recall are both 2/3, 1/2, 0/1.
  CHECK(near(chrf({{"a b c"}, {{"ab d"}}}), (2.0 / 3 + 1.0 / 2 + 0) / 3));
  // ab against abcd: precision 1, 1; recall 2/4, 1/3.
  const double recall = (2.0 / 4 + 1.0 / 3) / 2;
  CHECK(near(chrf({{"ab"}, {{"abcd"}}}), 5 * recall / (4 + recall)));
  CHECK(near(chrf(generated), 0.6944322306962942));
  CHECK(near(chrf({{"the the the the"}, {{"the cat"}}}), 0.17868921870125237));
  CHECK(near(
      chrf({{"It is a café in Ōsaka", "x"}, {{"The café is in Ōsaka", "It was a café at Osaka"}, {"xy z"}}}),
      0.488968100266083));
  CHECK(near(chrf({{"a b c"}, {{"a b c"}}}), 1));
  CHECK(chrf({{"a b c d e"}, {{"x y z"}}}) == 0);
  CHECK(chrf({}) == 0);
}

TEST_CASE("ROUGE-L, computed by hand") {
  const auto f = [](double precision, double recall) { return 2 * precision * recall / (recall + precision); };
  // The longest common subsequence is "police the gunman": precision 3/4, recall 3/5.
  CHECK(near(rouge_l({{"Police kill the gunman"}, {{"police ended, the old gunman"}}}), f(3.0 / 4, 3.0 / 5)));
  CHECK(near(rouge_l({{"the gunman kill police"}, {{"police killed the gunman"}}}), f(2.0 / 4, 2.0 / 4)));
  // The reference with the best F1: precision and recall are of the same one.
  CHECK(near(rouge_l({{"a b c d"}, {{"a b c x y z", "d"}}}), f(3.0 / 4, 3.0 / 6)));
  CHECK(near(rouge_l({{"a b", "", "Caf!"}, {{"a b"}, {"x"}, {"caf", "x"}}}), 2.0 / 3));
  CHECK(near(rouge_l({{"мир", "мир 1"}, {{"мир"}, {"1"}}}), 1.0 / 2)); // words are of ASCII letters and digits
  CHECK(rouge_l({}) == 0);
}

TEST_CASE("exact match ignores leading and trailing whitespace only") {
  CHECK(is_exact(" a b\n", {"x", "a b"}));
  CHECK(!is_exact("A b", {"a b"}));
  CHECK(!is_exact("a  b", {"a b"}));
  CHECK(is_exact("", {" "}));
  CHECK(near(exact_match(generated), 0));
  CHECK(near(exact_match({{"yes", "no"}, {{"no", "yes"}, {"yes"}}}), 0.5));
  CHECK(exact_match({}) == 0);
}

TEST_CASE("texts of all of Unicode are measured as sacreBLEU, rouge-score and SQuAD's script measure them") {
  std::ifstream file(CUECARD_SOURCE_DIR "/tests/golden/metrics/odd_texts.json");
  REQUIRE(file.is_open());
  std::map<std::string, std::set<double>> different; // values of each metric
  for (const nlohmann::json& row : nlohmann::json::parse(file)) {
    const GeneratedTexts given{row["texts"].get<std::vector<std::string>>(),
                               row["references"].get<std::vector<std::vector<std::string>>>()};
    for (const auto& [metric, value] : row["values"].items()) {
      INFO(metric << " of " << row["texts"].dump() << " against " << row["references"].dump());
      CHECK(measure(metric, given) == doctest::Approx(value.get<double>()).epsilon(1e-9));
      different[metric].insert(value.get<double>());
    }
  }
  CHECK(different.size() == text_metric_names().size());
  for (const auto& [metric, values] : different)
    CHECK(values.size() >= 4);
}

TEST_CASE("characters as Python's str has them") {
  CHECK(split_at_blanks("\u00a0a\u3000b\x1c\u0085c\u200bd ") == Tokens{"a", "b", "c\u200bd"});
  CHECK(stripped("\u2003\u00a0 x y\u2029\n") == "x y");
  CHECK(stripped_at_end(" x\u205f") == " x");
  CHECK(stripped("\u3000").empty());
  CHECK(lower_case("\u0130\u039f\u03a3 \u03a3\u212a\u1e9e") == "i\u0307\u03bf\u03c2 \u03c3k\u00df");
  CHECK(is_word_character("\u00bd"));
  CHECK(!is_word_character("\u0301"));
  CHECK(characters_of("a\u00e9\xff\U0001f600") ==
        std::vector<std::string_view>{"a", "\u00e9", "\xff", "\U0001f600"});
}

TEST_CASE("text metrics by name") {
  CHECK(measure("bleu", generated) == bleu(generated));
  CHECK(measure("chrf", generated) == chrf(generated));
  CHECK(measure("rouge-l", generated) == rouge_l(generated));
  CHECK(measure("exact-match", generated) == exact_match(generated));
  CHECK_THROWS_AS(measure("accuracy", generated), std::logic_error);
  for (const std::string& metric : text_metric_names())
    CHECK_THROWS_AS(measure(metric, GeneratedTexts{{"a"}, {}}), std::logic_error);
}

TEST_CASE("questions without an answer count as in SQuAD 2.0's evaluate-v2.0.py") {
  // Right abstention, wrong abstention, an article alone (no words are left), an answer where there is none, an answer.
  const GeneratedTexts answers{{"", "", "the", "Paris", "Paris, France"},
                               {{""}, {"Rome"}, {""}, {""}, {"Paris"}}};
  CHECK(near(squad_em(answers), 2.0 / 5));
  CHECK(near(squad_f1(answers), (1 + 0 + 1 + 0 + 2.0 / 3) / 5));
  const ByAnswer parts = by_answer(answers);
  CHECK(parts.no_answer.texts == std::vector<std::string>{"", "the", "Paris"});
  CHECK(near(squad_em(parts.no_answer), 2.0 / 3));
  CHECK(near(squad_f1(parts.no_answer), 2.0 / 3));
  CHECK(near(squad_em(parts.has_answer), 0));
  CHECK(near(squad_f1(parts.has_answer), 1.0 / 3));
}
