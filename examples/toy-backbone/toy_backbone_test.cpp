#include "toy_backbone.hpp"

#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>
#include <cuecard/testing/random_weights.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using toy::ToyBackbone;

namespace {

constexpr int64_t hidden = 12, heads = 3, inner = 20, layers = 3, size = hidden / heads;

Configuration configuration(const std::map<std::string, Configuration::Value>& more = {}) {
  return testing::configuration_of({{"hidden_size", hidden},
                                    {"num_hidden_layers", layers},
                                    {"num_attention_heads", heads},
                                    {"intermediate_size", inner},
                                    {"vocab_size", int64_t{16}},
                                    {"max_position_embeddings", int64_t{32}},
                                    {"rope_theta", 100.0}},
                                   more);
}

using Row = std::vector<double>;

Row row_of(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kDouble).contiguous();
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

/// The paper's formulas on scalars, without the SDK.
class Formula {
public:
  Formula(const std::map<std::string, at::Tensor>& weights, std::size_t window) : window_(window) {
    for (const auto& [name, tensor] : weights)
      weights_[name] = {row_of(tensor), tensor.dim() == 2 ? static_cast<std::size_t>(tensor.size(1)) : 0};
  }

  /// The final hidden state of each token.
  std::vector<Row> operator()(const std::vector<int64_t>& ids) const {
    std::vector<Row> x;
    for (const int64_t id : ids)
      x.push_back(column_block("words.weight", static_cast<std::size_t>(id)));
    for (int64_t i = 0; i < layers; ++i)
      x = layer("layers." + std::to_string(i) + ".", x, i % 2 == 1 ? window_ : 0);
    for (Row& row : x)
      row = normed("norm", row);
    return x;
  }

private:
  struct Matrix {
    Row values;
    std::size_t width;
  };

  Row column_block(const std::string& name, std::size_t row) const {
    const Matrix& matrix = weights_.at(name);
    const auto begin = matrix.values.begin() + static_cast<std::ptrdiff_t>(row * matrix.width);
    return {begin, begin + static_cast<std::ptrdiff_t>(matrix.width)};
  }
  Row times(const std::string& name, const Row& x) const {
    const Matrix& matrix = weights_.at(name + ".weight");
    Row y(matrix.values.size() / matrix.width, 0.0);
    for (std::size_t i = 0; i < y.size(); ++i)
      for (std::size_t j = 0; j < x.size(); ++j)
        y[i] += matrix.values[i * matrix.width + j] * x[j];
    return y;
  }
  Row normed(const std::string& name, const Row& x) const {
    double mean = 0, variance = 0;
    for (const double each : x)
      mean += each / static_cast<double>(x.size());
    for (const double each : x)
      variance += (each - mean) * (each - mean) / static_cast<double>(x.size());
    Row y = x;
    for (std::size_t i = 0; i < x.size(); ++i)
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * weights_.at(name + ".weight").values[i];
    return y;
  }
  /// Head `head` of `x`, with elements i and i + size / 2 rotated by position * theta^(-2 i / size).
  static Row turned(const Row& x, std::size_t head, std::size_t position) {
    Row y(size);
    constexpr std::size_t half = size / 2;
    for (std::size_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) *
                           std::pow(100.0, -2.0 * static_cast<double>(i) / static_cast<double>(size));
      const double a = x[head * size + i], b = x[head * size + i + half];
      y[i] = a * std::cos(angle) - b * std::sin(angle);
      y[i + half] = b * std::cos(angle) + a * std::sin(angle);
    }
    return y;
  }
  std::vector<Row> layer(const std::string& name, const std::vector<Row>& x, std::size_t window) const {
    std::vector<Row> keys, values, result;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Row own = normed(name + "norm", x[t]), query = times(name + "query", own);
      keys.push_back(turned(times(name + "key", own), 0, t));
      values.push_back(times(name + "value", own));
      Row mixed(hidden, 0.0);
      for (std::size_t head = 0; head < heads; ++head) {
        const Row q = turned(query, head, t);
        Row weights;
        double sum = 0;
        const std::size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
        for (std::size_t s = first; s <= t; ++s) {
          double product = 0;
          for (std::size_t i = 0; i < size; ++i)
            product += q[i] * keys[s][i];
          weights.push_back(std::exp(product / std::sqrt(static_cast<double>(size))));
          sum += weights.back();
        }
        for (std::size_t s = first; s <= t; ++s)
          for (std::size_t i = 0; i < size; ++i)
            mixed[head * size + i] += weights[s - first] / sum * values[s][i];
      }
      const Row attended = times(name + "output", mixed), gate = times(name + "gate", own);
      Row raised = times(name + "up", own);
      for (std::size_t i = 0; i < raised.size(); ++i)
        raised[i] *= gate[i] / (1 + std::exp(-gate[i]));
      const Row lowered = times(name + "down", raised);
      Row& sum = result.emplace_back(x[t]);
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += attended[i] + lowered[i];
    }
    return result;
  }

  std::map<std::string, Matrix> weights_;
  std::size_t window_;
};

} // namespace

// Batches, caches, prefixes, updates and gradients are checked by `cuecard plugin check`, in the test toy-backbone-check.
TEST_CASE("hidden states are those of the paper's formulas, with and without a window") {
  const std::vector<int64_t> ids{3, 14, 1, 5, 9, 2, 6};
  for (const int64_t window : {int64_t{0}, int64_t{3}}) {
    const testing::RandomWeights weights(1);
    const Configuration c = window ? configuration({{"sliding_window", window}}) : configuration();
    const ToyBackbone model(BackboneArguments{c, weights});
    const std::vector<Row> expected = Formula(model.weights(), static_cast<std::size_t>(window))(ids);
    const at::Tensor found = model.forward({testing::batch_of({ids}), {}, nullptr, true});
    REQUIRE(found.sizes() == at::IntArrayRef({7, hidden}));
    for (int64_t t = 0; t < found.size(0); ++t)
      for (int64_t i = 0; i < hidden; ++i)
        CHECK(
            found[t][i].item<double>() ==
            doctest::Approx(expected[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)]).epsilon(1e-4));
    const at::Tensor logits = model.project({found, {OutputRequest::Kind::logits, {}}});
    CHECK(at::allclose(logits, found.matmul(model.weights().at("words.weight").t()), 1e-5, 1e-5));
  }
}

TEST_CASE("sizes that do not fit each other are refused") {
  CHECK_THROWS_WITH_AS(ToyBackbone::describe(configuration({{"num_attention_heads", int64_t{5}}})),
                       doctest::Contains("hidden_size is 12"), DataError);
  CHECK_THROWS_WITH_AS(ToyBackbone::describe(configuration({{"num_attention_heads", int64_t{4}}})),
                       doctest::Contains("an even multiple"), DataError);
  CHECK_THROWS_WITH_AS(ToyBackbone::describe(configuration({{"sliding_window", int64_t{0}}})),
                       doctest::Contains("sliding_window"), DataError);
}

TEST_CASE("every second layer has the window") {
  CHECK(ToyBackbone::describe(configuration()).windows.empty());
  CHECK(ToyBackbone::describe(configuration({{"sliding_window", int64_t{5}}})).windows ==
        std::vector<int64_t>{0, 5, 0});
}
