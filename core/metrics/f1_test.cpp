#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "metrics/f1.hpp"
#include "metrics/task_metric.hpp"

using namespace cuecard;
using Tags = std::vector<std::string>;

TEST_CASE("precision, recall and F1 of labels, computed by hand") {
  // gold 0 0 0 1 1 2, predicted 0 0 1 1 2 none; label 3 never occurs.
  const std::vector<F1Counts> counts = count_labels({0, 0, 1, 1, 2, -1, 3}, {0, 0, 0, 1, 1, 2, -1}, 4);
  CHECK(counts[0].precision() == 1);
  CHECK(counts[0].recall() == doctest::Approx(2.0 / 3));
  CHECK(counts[0].f1() == doctest::Approx(0.8));
  CHECK(counts[1].f1() == doctest::Approx(0.5));
  CHECK(counts[2].f1() == 0);
  CHECK(counts[2].predicted == 1);
  CHECK(counts[3].predicted == 0);
  CHECK(macro_f1(counts) == doctest::Approx((0.8 + 0.5 + 0) / 3));
  CHECK(micro_f1(counts) == doctest::Approx(2 * 3.0 / (5 + 6)));
  CHECK(macro_f1({}) == 0);
  CHECK_THROWS_AS(count_labels({1}, {}, 2), std::logic_error);
}

TEST_CASE("entities of the IOB1, IOB2, IOE and BIOES schemes") {
  using Entities = std::vector<Entity>;
  // IOB2, including an I without a preceding B.
  CHECK(entities({"B-PER", "I-PER", "O", "B-PER", "B-PER"}) ==
        Entities{{"PER", 0, 2}, {"PER", 3, 4}, {"PER", 4, 5}});
  CHECK(entities({"O", "I-LOC", "I-LOC", "I-PER"}) == Entities{{"LOC", 1, 3}, {"PER", 3, 4}});
  // IOB1: B only separates adjacent entities of the same type.
  CHECK(entities({"I-PER", "B-PER", "I-PER"}) == Entities{{"PER", 0, 1}, {"PER", 1, 3}});
  CHECK(entities({"B-PER", "I-LOC"}) == Entities{{"PER", 0, 1}, {"LOC", 1, 2}});
  // IOE, BIOES.
  CHECK(entities({"I-PER", "E-PER", "I-PER", "O"}) == Entities{{"PER", 0, 2}, {"PER", 2, 3}});
  CHECK(entities({"S-PER", "B-PER", "I-PER", "E-PER", "S-PER", "E-PER"}) ==
        Entities{{"PER", 0, 1}, {"PER", 1, 4}, {"PER", 4, 5}, {"PER", 5, 6}});
  CHECK(entities({"B-first-name", "I-first-name"}) == Entities{{"first-name", 0, 2}});
  CHECK(entities({}).empty());
  CHECK(is_entity_tag("O"));
  CHECK(is_entity_tag("E-X"));
  CHECK(!is_entity_tag("person"));
  CHECK(!is_entity_tag("X-PER"));
  CHECK(!is_entity_tag("B-"));
}

TEST_CASE("entity counts of random tags match conlleval") {
  std::ifstream file(CUECARD_SOURCE_DIR "/tests/golden/metrics/entities.json");
  REQUIRE(file.is_open());
  for (const nlohmann::json& one : nlohmann::json::parse(file)) {
    CAPTURE(one["places"].get<std::string>());
    const auto counts =
        count_entities(one["predicted"].get<std::vector<Tags>>(), one["gold"].get<std::vector<Tags>>());
    REQUIRE(counts.size() == one["counts"].size());
    for (const auto& [type, expected] : one["counts"].items()) {
      CHECK(counts.at(type).correct == expected["correct"].get<int64_t>());
      CHECK(counts.at(type).predicted == expected["predicted"].get<int64_t>());
      CHECK(counts.at(type).gold == expected["gold"].get<int64_t>());
      CHECK(counts.at(type).correct > 10);
      CHECK(counts.at(type).correct < counts.at(type).gold);
    }
  }
  CHECK_THROWS_AS(count_entities({{"O"}}, {{"O", "O"}}), std::logic_error);
}

TEST_CASE("label metrics by name, and mismatched metrics") {
  // Two sentences; the last word was truncated and has no prediction.
  const LabelPredictions predictions{
      {"O", "B-PER", "I-PER", "B-LOC"}, {{1, 2, 0}, {0, 3, -1}}, {{1, 2, 2}, {0, 3, 3}}};
  CHECK(measure("accuracy", predictions).value == doctest::Approx(4.0 / 6));
  const MetricValue entity = measure("entity-f1", predictions);
  CHECK(entity.value == doctest::Approx(2 * 1.0 / (2 + 3))); // PER with a wrong boundary; one LOC of two
  REQUIRE(entity.parts.size() == 2);
  CHECK(entity.parts[0].first == "LOC");
  CHECK(entity.parts[0].second.precision() == 1);
  CHECK(entity.parts[0].second.recall() == 0.5);
  CHECK(entity.parts[1].second.f1() == 0);
  CHECK(measure("micro-f1", predictions).value == doctest::Approx(2 * 4.0 / (5 + 6)));
  CHECK(measure("macro-f1", predictions).value ==
        doctest::Approx((2 * 1.0 / 3 + 1 + 2 * 1.0 / 3 + 2 * 1.0 / 3) / 4));
  CHECK(measure("macro-f1", predictions).parts.size() == 4);
  CHECK_THROWS_AS(measure("f1", predictions), std::logic_error);
  CHECK_THROWS_AS(measure("bleu", predictions), std::logic_error);

  CHECK(metric_mismatch("entity-f1", predictions.labels, Predicts::words).empty());
  CHECK(metric_mismatch("macro-f1", {"person"}, Predicts::labels).empty());
  CHECK(
      metric_mismatch("entity-f1", predictions.labels, Predicts::labels).find("verbalizer that labels words") !=
      std::string::npos);
  CHECK(metric_mismatch("entity-f1", {"O", "person"}, Predicts::words).find("\"person\"") != std::string::npos);
  CHECK(metric_mismatch("bleu", {}, Predicts::texts).empty());
  CHECK(metric_mismatch("bleu", predictions.labels, Predicts::labels).find("predicts labels") !=
        std::string::npos);
  CHECK(metric_mismatch("accuracy", {}, Predicts::texts).find("predicts texts") != std::string::npos);
}

TEST_CASE("metrics of several labels per example are scikit-learn 1.9's with zero_division=0") {
  // f1_score(average=...) and accuracy_score of the binary matrices.
  struct Recorded {
    std::vector<std::vector<int64_t>> predicted, gold;
    std::vector<std::string> labels;
    double micro, macro, samples, accuracy;
  };
  const std::vector<Recorded> all{{{{0, 2}, {}, {1}, {0, 1, 2}},
                                   {{0}, {}, {1, 2}, {0, 1, 2}},
                                   {"a", "b", "c", "d"},
                                   0.8333333333333334,
                                   0.625,
                                   0.5833333333333333,
                                   0.5},
                                  {{{0, 1}, {2}, {}, {3}, {0, 3}},
                                   {{1}, {2}, {0}, {3}, {0, 1, 3}},
                                   {"a", "b", "c", "d", "e"},
                                   0.7692307692307693,
                                   0.6333333333333333,
                                   0.6933333333333334,
                                   0.4},
                                  {{{}, {}}, {{}, {}}, {"a", "b"}, 0, 0, 0, 1},
                                  {{{0}, {1}}, {{}, {}}, {"a", "b"}, 0, 0, 0, 0},
                                  {{{}, {}}, {{0}, {0, 1}}, {"a", "b"}, 0, 0, 0, 0}};
  for (const Recorded& each : all) {
    LabelPredictions predictions{each.labels, each.predicted, each.gold};
    predictions.sets = true;
    CHECK(measure("micro-f1", predictions).value == doctest::Approx(each.micro));
    CHECK(measure("macro-f1", predictions).value == doctest::Approx(each.macro));
    CHECK(measure("samples-f1", predictions).value == doctest::Approx(each.samples));
    CHECK(measure("accuracy", predictions).value == doctest::Approx(each.accuracy));
  }
  CHECK_THROWS_AS(samples_f1({{0}}, {}), std::logic_error);
  CHECK(default_metric(Predicts::label_sets) == "micro-f1");
  CHECK(metric_mismatch("samples-f1", {}, Predicts::label_sets).empty());
  CHECK(metric_mismatch("samples-f1", {}, Predicts::labels).find("\"multi_label\"") != std::string::npos);
  CHECK(metric_mismatch("entity-f1", {"O"}, Predicts::label_sets).find("labels whole examples") !=
        std::string::npos);
}

TEST_CASE("F1 without the negative label, as TACRED's scorer computes it") {
  // scikit-learn 1.9: f1_score(gold, predicted, labels=[1, 2], average=...)
  LabelPredictions predictions{{"no_relation", "founded", "born"},
                               {{0}, {1}, {0}, {2}, {1}, {2}, {1}},
                               {{0}, {1}, {2}, {1}, {0}, {2}, {1}}};
  predictions.negative = 0;
  // Five relations are predicted and five are gold; three are right.
  CHECK(measure("micro-f1", predictions).value == doctest::Approx(0.6));
  CHECK(measure("macro-f1", predictions).value == doctest::Approx(0.5833333333333333));
  CHECK(measure("micro-f1", predictions).all.predicted == 5);
  CHECK(measure("micro-f1", predictions).parts.size() == 3); // its own F1 is reported all the same
  CHECK(measure("accuracy", predictions).value == doctest::Approx(4.0 / 7));
}
