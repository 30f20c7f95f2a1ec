#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "data/sampling/sampler.hpp"
#include "data/sampling/shuffle.hpp"

using cuecard::FewShot;
using cuecard::SampleSize;
using Indices = std::vector<std::size_t>;

TEST_CASE("shuffle matches numpy.random.RandomState") {
  // numpy 2.4.6: RandomState(4294967295).shuffle(list(range(100)))
  std::vector<int> values(100);
  for (int i = 0; i < 100; ++i)
    values[static_cast<std::size_t>(i)] = i;
  cuecard::LegacyRandom(4294967295U).shuffle(values);
  values.resize(12);
  CHECK(values == std::vector<int>{92, 36, 80, 77, 31, 6, 69, 20, 21, 81, 29, 48});
}

TEST_CASE("sampling per label, with a dev set from the same random stream") {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 40; ++i)
    labels.push_back((i * i + 3 * i) / 4 % 4);
  // Computed with numpy 2.4.6's RandomState(2024) by the rule in sampler.hpp.
  const Indices train{9, 20, 10, 39, 33, 2, 29, 19, 34, 28, 4, 11}, dev{36, 6, 17, 3, 18, 13, 25, 8};
  CHECK(cuecard::sample(labels, {3, 0}, 2024) == train);
  const FewShot both = cuecard::sample_with_dev(labels, {3, 0}, {2, 0}, 2024);
  CHECK(both.train == train);
  CHECK(both.dev == dev);
}

TEST_CASE("a sample size must be per label or in total") {
  CHECK_THROWS_AS(cuecard::sample({0, 1}, {1, 1}, 0), cuecard::UsageError);
  CHECK_THROWS_AS(cuecard::sample({0, 1}, {0, 0}, 0), cuecard::UsageError);
}

TEST_CASE("samples match OpenPrompt's FewShotSampler") {
  const char* shared = std::getenv("CUECARD_SHARED");
  const std::filesystem::path file = std::filesystem::path(shared ? shared : CUECARD_SOURCE_DIR "/../shared") /
                                     "reference/template_cases.json";
  if (!std::filesystem::exists(file)) {
    MESSAGE("skipped: ", file.string(), " is absent");
    return;
  }
  std::ifstream stream(file);
  const auto cases = nlohmann::json::parse(stream).at("sampler_cases");
  REQUIRE(cases.size() == 6);
  for (const auto& one : cases) {
    CAPTURE(one.dump());
    const auto labels = one.at("labels").get<std::vector<int64_t>>();
    const auto seed = one.at("seed").get<uint32_t>();
    const auto& args = one.at("args");
    const SampleSize train{args.value("num_examples_per_label", 0), args.value("num_examples_total", 0)};
    SampleSize dev = train;
    if (args.contains("num_examples_per_label_dev"))
      dev = {args.at("num_examples_per_label_dev").get<int64_t>(), 0};
    const auto& expect = one.at("expect");
    if (!args.value("also_sample_dev", false)) {
      CHECK(cuecard::sample(labels, train, seed) == expect.get<Indices>());
    } else if (one.at("separate_valid").get<bool>()) {
      CHECK(cuecard::sample(labels, train, seed) == expect[0].get<Indices>());
      CHECK(cuecard::sample(labels, dev, seed) == expect[1].get<Indices>());
    } else {
      const FewShot both = cuecard::sample_with_dev(labels, train, dev, seed);
      CHECK(both.train == expect[0].get<Indices>());
      CHECK(both.dev == expect[1].get<Indices>());
    }
  }
}
