// Frequencies against the formulas of the papers; models with each kind of scaling are compared with transformers in tests/parity.
#include <cuecard/parts/layers/rope.hpp>

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/packed_side.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;

namespace {

using Values = std::map<std::string, Configuration::Value>;

Configuration configuration_of(const Values& values) {
  Configuration configuration("config.json");
  for (const auto& [key, value] : values)
    configuration.set(key, value);
  return configuration;
}

at::Tensor plain(double theta, int64_t size) {
  return at::pow(theta, at::arange(0, size, 2, at::kDouble) / -static_cast<double>(size));
}

} // namespace

TEST_CASE("rotary frequencies are stretched as Llama 3.1 does") {
  // 8192 positions; wavelengths (2 pi / f) below 8192 / 4 are unchanged, above 8192 / 1 they are 8 times as long.
  const Values values{{"rope_parameters.rope_theta", 500000.0},
                      {"rope_parameters.rope_type", std::string("llama3")},
                      {"rope_parameters.factor", 8.0},
                      {"rope_parameters.low_freq_factor", 1.0},
                      {"rope_parameters.high_freq_factor", 4.0},
                      {"rope_parameters.original_max_position_embeddings", int64_t{8192}}};
  const Rope rope(configuration_of(values), 64);
  const at::Tensor got = rope.inverse_frequencies();
  REQUIRE(got.size(0) == 32);
  int between = 0;
  for (int64_t i = 0; i < 32; ++i) {
    const double plain = std::pow(500000.0, -static_cast<double>(i) / 32), wavelength = 2 * M_PI / plain;
    const double ratio = got[i].item<double>() / plain;
    if (wavelength < 2048)
      CHECK(ratio == doctest::Approx(1.0));
    else if (wavelength > 8192)
      CHECK(ratio == doctest::Approx(1.0 / 8));
    else
      CHECK((++between, ratio > 1.0 / 8 && ratio < 1.0));
  }
  CHECK(between == 3);
  const Values linear{
      {"rope_theta", 100.0}, {"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", int64_t{4}}};
  CHECK(at::allclose(Rope(configuration_of(linear), 4).inverse_frequencies(),
                     at::tensor({0.25, 0.025}, at::kDouble)));
}

TEST_CASE("yarn leaves fast frequencies, divides slow ones, and raises attention's temperature") {
  const Values values{{"max_position_embeddings", int64_t{4096}},
                      {"rope_scaling.type", std::string("yarn")},
                      {"rope_scaling.factor", 4.0},
                      {"rope_scaling.original_max_position_embeddings", int64_t{1024}}};
  const Rope rope(configuration_of(values), 64);
  const at::Tensor ratio = rope.inverse_frequencies() / plain(10000, 64);
  // Index of the frequency that turns b times in 1024 positions: 64 ln(1024 / (2 pi b)) / (2 ln 10000).
  const double first = std::floor(64 * std::log(1024 / (32 * 2 * M_PI)) / (2 * std::log(10000.0))),
               last = std::ceil(64 * std::log(1024 / (2 * M_PI)) / (2 * std::log(10000.0)));
  for (int64_t i = 0; i < 32; ++i) {
    const double ramp = std::min(1.0, std::max(0.0, (static_cast<double>(i) - first) / (last - first)));
    CHECK(ratio[i].item<double>() == doctest::Approx(1 - ramp + ramp / 4));
  }
  CHECK(rope.attention_factor() == doctest::Approx(0.1 * std::log(4.0) + 1));
  CHECK(rope.longest(4096) == 4096);
  CHECK(rope.longest(1024) == 4096); // Qwen 2.5's page has the scaling added to a file of 32,768 positions

  Values more = values;
  more["rope_scaling.mscale"] = 2.0;
  more["rope_scaling.mscale_all_dim"] = 0.5;
  CHECK(Rope(configuration_of(more), 64).attention_factor() ==
        doctest::Approx((0.2 * std::log(4.0) + 1) / (0.05 * std::log(4.0) + 1)));
  more["rope_scaling.attention_factor"] = 1.25;
  CHECK(Rope(configuration_of(more), 64).attention_factor() == 1.25);
}

TEST_CASE("dynamic scaling raises the base for texts beyond the model's positions") {
  const Rope rope(configuration_of({{"max_position_embeddings", int64_t{100}},
                                    {"rope_parameters.rope_type", std::string("dynamic")},
                                    {"rope_parameters.factor", 2.0}}),
                  8);
  CHECK(at::allclose(rope.inverse_frequencies(7), plain(10000, 8)));
  CHECK(at::allclose(rope.inverse_frequencies(100), plain(10000, 8)));
  const double base = 10000 * std::pow(2.0 * 150 / 100 - 1, 8.0 / 6);
  CHECK(at::allclose(rope.inverse_frequencies(150), plain(base, 8)));
  CHECK(rope.longest(100) == 200);
}

TEST_CASE("longrope has divisors for short and for long texts, and may rotate a part of a head") {
  const Values values{{"max_position_embeddings", int64_t{64}},
                      {"original_max_position_embeddings", int64_t{16}},
                      {"partial_rotary_factor", 0.75},
                      {"rope_scaling.type", std::string("su")},
                      {"rope_scaling.short_factor", std::vector<double>{1.0, 1.5, 2.0}},
                      {"rope_scaling.long_factor", std::vector<int64_t>{2, 4, 8}}};
  const RopeFamily partly{.partial = true};
  const Rope rope(configuration_of(values), 8, partly);
  CHECK(rope.rotated() == 6);
  CHECK(at::allclose(rope.inverse_frequencies(16), plain(10000, 6) / at::tensor({1.0, 1.5, 2.0}, at::kDouble)));
  CHECK(at::allclose(rope.inverse_frequencies(17), plain(10000, 6) / at::tensor({2.0, 4.0, 8.0}, at::kDouble)));
  CHECK(rope.attention_factor() == doctest::Approx(std::sqrt(1 + std::log(4.0) / std::log(16.0))));

  // A batch of a short and a long text, and a parent whose longest child is long.
  const Batch batch = batch_of(
      {std::vector<int64_t>(5, 1), std::vector<int64_t>(17, 1), {1, 1}, {1}, std::vector<int64_t>(15, 1)},
      {-1, -1, -1, 2, 2});
  BackboneShape shape;
  shape.layers = 1;
  shape.causal = true;
  const BatchConditioning nothing;
  const ForwardPass pass({batch, nothing}, batch.input, shape, PrefixSite::self);
  CHECK(pass.lengths() == std::vector<int64_t>{5, 17, 17, 17, 17});
  const RotaryAngles angles = rope.angles(pass, batch.input, at::kDouble);
  REQUIRE(angles.sine.sizes() == at::IntArrayRef({40, 3}));
  for (const auto& [token, position, length] :
       {std::array<int64_t, 3>{4, 4, 5}, {8, 3, 17}, {23, 1, 17}, {24, 2, 17}})
    CHECK(at::allclose(angles.sine[token],
                       (rope.inverse_frequencies(length) * static_cast<double>(position)).sin() *
                           rope.attention_factor()));

  const at::Tensor x = at::arange(40 * 8, at::kDouble).view({40, 1, 8}).sin();
  const at::Tensor turned = rotate(x, angles);
  CHECK(at::equal(turned.narrow(2, 6, 2), x.narrow(2, 6, 2)));
  CHECK(at::allclose(turned[8][0][1],
                     x[8][0][1] * angles.cosine[8][1] - x[8][0][4] * angles.sine[8][1]));       // halves of 3
  CHECK(at::allclose(rotate(x.to(at::kBFloat16), angles).to(at::kDouble), turned, 2e-2, 2e-2)); // other code
}

TEST_CASE("layers of different kinds have parameters of their own") {
  const Configuration c = configuration_of({{"rope_parameters.full_attention.rope_theta", 1000000.0},
                                            {"rope_parameters.full_attention.rope_type", std::string("linear")},
                                            {"rope_parameters.full_attention.factor", 8.0},
                                            {"rope_parameters.sliding_attention.rope_theta", 100.0}});
  CHECK(at::allclose(Rope(c, 4, {.layers = "full_attention"}).inverse_frequencies(), plain(1e6, 4) / 8));
  CHECK(at::allclose(Rope(c, 4, {.layers = "sliding_attention"}).inverse_frequencies(), plain(100, 4)));
}

TEST_CASE("where a family rotates whole heads, a part has no effect without scaling, as in transformers") {
  for (const char* key : {"partial_rotary_factor", "rope_parameters.partial_rotary_factor"}) {
    const Rope rope(configuration_of({{key, 0.5}}), 8);
    CHECK(rope.rotated() == 8);
    CHECK(at::allclose(rope.inverse_frequencies(), plain(10000, 8)));
  }
}

TEST_CASE("a configuration that says too little or too much is refused with its key") {
  const auto refused = [](const Values& values, const char* with, bool partial = false) {
    CHECK_THROWS_WITH_AS(Rope(configuration_of(values), 8, {.partial = partial}), doctest::Contains(with),
                         DataError);
  };
  refused({{"partial_rotary_factor", 0.5},
           {"rope_scaling.type", std::string("linear")},
           {"rope_scaling.factor", 2.0}},
          "partial_rotary_factor is 0.5");
  refused({{"partial_rotary_factor", 0.1}}, "from 2 to all", true);
  refused({{"partial_rotary_factor", 2.0}}, "from 2 to all", true);
  refused({{"rope_scaling.type", std::string("spiral")}}, "\"spiral\"; known are \"default\"");
  refused({{"rope_scaling.type", std::string("linear")}}, "factor");
  refused({{"rope_scaling.type", std::string("linear")}, {"rope_scaling.factor", 0.0}},
          "rope_scaling.factor is 0");
  refused({{"rope_scaling.type", std::string("dynamic")}, {"rope_scaling.factor", 2.0}},
          "max_position_embeddings");
  refused({{"rope_theta", -1.0}}, "rope_theta is -1");
  refused({{"max_position_embeddings", int64_t{64}},
           {"rope_scaling.type", std::string("longrope")},
           {"rope_scaling.short_factor", std::vector<double>{1.0, 1.0}}},
          "short_factor has 2 numbers; expected one for each of the 4");
}
