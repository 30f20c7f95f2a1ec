#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

at::Tensor leaf(std::vector<int64_t> shape, at::ScalarType dtype, uint64_t seed) {
  return Random(seed).normal_tensor(shape, 1.5).to(dtype).set_requires_grad(true);
}

at::Tensor weighted_sum(const at::Tensor& y) {
  return (y * at::arange(y.numel(), y.options()).view(y.sizes()).cos()).sum();
}

/// Compares a fused function with LibTorch's composition, values and gradients.
template <class Fused, class Composed>
void same(std::vector<std::vector<int64_t>> shapes, Fused fused, Composed composed) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const double tolerance = dtype == at::kDouble ? 1e-11 : 1e-4;
    std::vector<at::Tensor> a, b;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      a.push_back(leaf(shapes[i], dtype, i));
      b.push_back(leaf(shapes[i], dtype, i));
    }
    const at::Tensor y = fused(a), z = composed(b);
    CHECK(at::allclose(y, z, tolerance, tolerance));
    weighted_sum(y).backward();
    weighted_sum(z).backward();
    for (std::size_t i = 0; i < shapes.size(); ++i)
      CHECK(at::allclose(a[i].grad(), b[i].grad(), tolerance, tolerance));
  }
}

} // namespace

TEST_CASE("rms_norm equals its definition, gradients included") {
  const at::Tensor weight = Random(3).normal_tensor({37}, 1.0);
  same(
      {{5, 37}}, [&](auto& x) { return rms_norm(x[0], weight.to(x[0].scalar_type()), 1e-5); },
      [&](auto& x) {
        return x[0] * at::rsqrt((x[0] * x[0]).mean({-1}, true) + 1e-5) * weight.to(x[0].scalar_type());
      });
}

TEST_CASE("LayerNorm equals its definition, gradients included") {
  const auto norm = [](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return LayerNorm{weight, bias, 1e-3}(x);
  };
  same(
      {{5, 37}, {37}, {37}}, [&](auto& x) { return norm(x[0], x[1], x[2]); },
      [](auto& x) {
        const at::Tensor centred = x[0] - x[0].mean({-1}, true);
        return centred * at::rsqrt((centred * centred).mean({-1}, true) + 1e-3) * x[1] + x[2];
      });
}

TEST_CASE("linear equals a matrix product and its gradients, whichever library computes it") {
  // 300 x 256 weights in float32 use oneDNN; 30 x 37, and float64, LibTorch's own matrix product.
  for (const int64_t rows : {0, 1, 2, 33})
    for (const auto& [out, in] : {std::pair<int64_t, int64_t>{300, 256}, {30, 37}}) {
      same(
          {{rows, in}, {out, in}, {out}}, [](auto& x) { return cuecard::linear(x[0], x[1], x[2]); },
          [](auto& x) { return x[0].matmul(x[1].t()) + x[2]; });
      same(
          {{rows, in}, {in, out}}, [](auto& x) { return cuecard::linear(x[0], x[1].t()); },
          [](auto& x) { return x[0].matmul(x[1]); });
      same(
          {{rows, in}, {in, 2 * out}},
          [out = out](auto& x) { return cuecard::linear(x[0], x[1].narrow(1, out / 2, out).t()); },
          [out = out](auto& x) { return x[0].matmul(x[1].narrow(1, out / 2, out)); });
    }
}

TEST_CASE("LibTorch still has the oneDNN operator that linear calls, with the same arguments") {
  // Without it results are correct but take twice as long (docs/decisions/014), so only this test would detect it.
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  REQUIRE(found.has_value());
  CHECK(found->schema().arguments().size() == 6);
}

TEST_CASE("a frozen weight gets no gradient, and a bias alone can be trained") {
  const at::Tensor x = leaf({3, 256}, at::kFloat, 0), weight = leaf({300, 256}, at::kFloat, 1).detach(),
                   bias = leaf({300}, at::kFloat, 2);
  cuecard::linear(x.detach(), weight, bias).sum().backward();
  CHECK(at::allclose(bias.grad(), at::full({300}, 3.0f)));
  cuecard::linear(x, weight).sum().backward();
  CHECK(at::allclose(x.grad(), weight.sum({0}).expand({3, 256}), 1e-4, 1e-4));
  CHECK(!weight.grad().defined());
}

TEST_CASE("silu_gate equals silu times up") {
  same(
      {{9, 33}, {9, 33}}, [](auto& x) { return silu_gate(x[0] * 20, x[1]); },
      [](auto& x) { return at::silu(x[0] * 20) * x[1]; });
}

TEST_CASE("rotate rotates pairs of the two halves by their angle") {
  const at::Tensor positions = at::tensor({0, 1, 7, 300}, at::kLong);
  const at::Tensor frequencies = at::tensor({1.0, 0.1, 0.01}, at::kDouble);
  same(
      {{4, 2, 6}},
      [&](auto& x) { return rotate(x[0], rotary_angles(positions, frequencies, x[0].scalar_type())); },
      [&](auto& x) {
        // As multiplication of complex numbers by exp(i angle).
        const at::ScalarType dtype = x[0].scalar_type();
        const at::Tensor angles = at::outer(positions.to(dtype), frequencies.to(dtype)).unsqueeze(1);
        const at::Tensor turned =
            at::complex(x[0].slice(2, 0, 3), x[0].slice(2, 3, 6)) * at::polar(at::ones_like(angles), angles);
        return at::cat({at::real(turned), at::imag(turned)}, 2);
      });
}

TEST_CASE("the exponential inside the fused loops is exact to float32") {
  const at::Tensor x = at::linspace(-80, 80, 4001, at::kFloat);
  const at::Tensor ones = at::ones_like(x);
  CHECK(at::allclose(silu_gate(x, ones), at::silu(x.to(at::kDouble)).to(at::kFloat), 1e-5, 1e-30));
}

TEST_CASE("logits of requested tokens are products in float32, also with half precision weights") {
  const at::Tensor ids = at::tensor({3, 900, 17}, at::kLong);
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf, at::kFloat}) {
    // Logits of about 20, which bfloat16 would round to multiples of 1/8.
    const at::Tensor states = Random(5).normal_tensor({4, 64}, 1.0).to(dtype),
                     head = Random(6).normal_tensor({1000, 64}, 2.5).to(dtype),
                     bias = Random(7).normal_tensor({1000}, 1.0).to(dtype);
    const at::Tensor exact = states.to(at::kDouble).matmul(head.to(at::kDouble).t()) + bias.to(at::kDouble);
    const at::Tensor wanted = exact.index_select(1, ids);
    REQUIRE(exact.abs().max().item<double>() > 16);
    const OutputRequest logits{OutputRequest::Kind::logits, ids},
        log_probs{OutputRequest::Kind::log_probs, ids};
    const at::Tensor found = project_to_vocabulary(states, head, bias, {states, logits}, "test");
    CHECK((found.scalar_type() == at::kFloat));
    CHECK(at::allclose(found.to(at::kDouble), wanted, 1e-5, 1e-4));
    // Differences between words are those of the logits; their common offset has the precision of the normalisation over the
    // vocabulary.
    const at::Tensor p = project_to_vocabulary(states, head, bias, {states, log_probs}, "test").to(at::kDouble);
    CHECK(at::allclose(p - p.narrow(1, 0, 1), wanted - wanted.narrow(1, 0, 1), 1e-5, 1e-4));
    const double largest = exact.abs().max().item<double>();
    const double rounding = dtype == at::kBFloat16 ? largest / 256 : dtype == at::kHalf ? largest / 2048 : 1e-4;
    CHECK((p - exact.log_softmax(1).index_select(1, ids)).abs().max().item<double>() < rounding);
  }
}
