#include <ATen/ATen.h>

#include <cmath>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/activation.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

Configuration with(const std::string& name) {
  Configuration c("config.json");
  c.set("hidden_act", name);
  return c;
}

double at_value(const std::string& name, double x) {
  return activate(activation_of(with(name), "hidden_act", "relu"), at::full({1}, x, at::kDouble))
      .item<double>();
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

} // namespace

TEST_CASE("each name is the same function as in transformers") {
  for (const double x : {-3.0, -0.7, 0.0, 0.4, 2.5}) {
    CAPTURE(x);
    const double exact = x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    const double by_tanh = 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    for (const char* name : {"gelu", "gelu_python"})
      CHECK(at_value(name, x) == doctest::Approx(exact).epsilon(1e-12));
    for (const char* name : {"gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh"})
      CHECK(at_value(name, x) == doctest::Approx(by_tanh).epsilon(1e-12));
    CHECK(at_value("quick_gelu", x) == doctest::Approx(x * sigmoid(1.702 * x)).epsilon(1e-12));
    CHECK(at_value("relu", x) == (x > 0 ? x : 0));
    for (const char* name : {"silu", "swish"})
      CHECK(at_value(name, x) == doctest::Approx(x * sigmoid(x)).epsilon(1e-12));
    CHECK(at_value("tanh", x) == doctest::Approx(std::tanh(x)).epsilon(1e-12));
  }
}

TEST_CASE("a missing name selects the fallback; an unknown one is rejected with the file and the known names") {
  CHECK(activation_of(Configuration("config.json"), "hidden_act", "tanh") == Activation::tanh);
  CHECK_THROWS_WITH_AS(activation_of(with("mish"), "hidden_act", "gelu"),
                       doctest::Contains("config.json: hidden_act is \"mish\"; known are gelu,"), DataError);
}
