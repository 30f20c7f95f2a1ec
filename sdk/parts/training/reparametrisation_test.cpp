// Reparametrisation networks against LibTorch's own; dropout and initial values by counting.
#include <ATen/ATen.h>

#include <cmath>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

std::vector<at::Tensor> as_doubles(const std::vector<at::Tensor*>& tensors) {
  std::vector<at::Tensor> result;
  for (at::Tensor* tensor : tensors) {
    *tensor = tensor->to(at::kDouble).set_requires_grad(true);
    result.push_back(*tensor);
  }
  return result;
}

std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) {
    result.push_back(tensor.grad().clone());
    tensor.mutable_grad().zero_();
  }
  return result;
}

at::Tensor weighted_sum(const at::Tensor& y) {
  return (y * at::arange(y.numel(), y.options()).view(y.sizes()).cos()).sum();
}

} // namespace

TEST_CASE("the LSTM is LibTorch's, values and gradients") {
  for (const int64_t length : {1, 5}) {
    Random random(1);
    BidirectionalLstm lstm = BidirectionalLstm::initial(6, 4, 2, random);
    at::Tensor x = random.normal_tensor({length, 6}, 1.0);
    std::vector<at::Tensor*> tensors = lstm.tensors();
    tensors.push_back(&x);
    const std::vector<at::Tensor> trained = as_doubles(tensors);
    const at::Tensor ours = lstm(x);
    weighted_sum(ours).backward();
    const std::vector<at::Tensor> our_gradients = gradients(trained);

    std::vector<at::Tensor> flat; // LibTorch expects w_ih, w_hh, b_ih, b_hh
    for (const auto& both : lstm.layers)
      for (const auto& direction : both)
        for (const at::Tensor& tensor :
             {direction.input.weight, direction.hidden.weight, direction.input.bias, direction.hidden.bias})
          flat.push_back(tensor);
    const at::Tensor zero = at::zeros({4, 1, 4}, at::kDouble);
    const at::Tensor theirs =
        std::get<0>(at::lstm(x.unsqueeze(0), {zero, zero}, flat, true, 2, 0.0, false, true, true)).squeeze(0);
    CHECK(at::allclose(ours, theirs, 1e-12, 1e-12));
    weighted_sum(theirs).backward();
    const std::vector<at::Tensor> their_gradients = gradients(trained);
    for (std::size_t i = 0; i < trained.size(); ++i)
      CHECK(at::allclose(our_gradients[i], their_gradients[i], 1e-10, 1e-12));
  }
}

TEST_CASE("initial values are uniform within 1 / sqrt(in)") {
  Random random(2);
  const Linear linear = initial_linear(400, 25, random);
  CHECK(linear.weight.sizes() == at::IntArrayRef({400, 25}));
  CHECK(linear.weight.abs().max().item<double>() <= 0.2);
  CHECK(linear.bias.abs().max().item<double>() <= 0.2);
  CHECK(linear.weight.std().item<double>() == doctest::Approx(0.2 / std::sqrt(3.0)).epsilon(0.02));
  CHECK(std::abs(linear.weight.mean().item<double>()) < 0.005);
  const Linear normal = normal_linear(400, 25, 0.02, random);
  CHECK(normal.weight.std().item<double>() == doctest::Approx(0.02).epsilon(0.03));
  CHECK(at::equal(normal.bias, at::zeros({400})));
}

TEST_CASE(
    "dropout zeroes its share, keeps the mean, follows the seed, and does nothing unless the pass trains") {
  const at::Tensor x = at::ones({200, 50});
  const at::Tensor y = dropout(x, 0.25, {true, 7}, 1);
  CHECK((y == 0).to(at::kFloat).mean().item<double>() == doctest::Approx(0.25).epsilon(0.05));
  CHECK(at::equal(y.masked_select(y != 0), at::full({(y != 0).sum().item<int64_t>()}, 1 / 0.75f)));
  CHECK(at::equal(y, dropout(x, 0.25, {true, 7}, 1)));
  CHECK(!at::equal(y, dropout(x, 0.25, {true, 8}, 1)));
  CHECK(!at::equal(y, dropout(x, 0.25, {true, 7}, 2)));
  CHECK(at::equal(x, dropout(x, 0.25, {false, 7}, 1)));
  CHECK(at::equal(x, dropout(x, 0, {true, 7}, 1)));
}

namespace {

const BackboneShape::Site three_layers{PrefixSite::self, 3, 2, 4};

TrainablePrefix with_network(int64_t length, int64_t middle) {
  Random random(3);
  return {three_layers, random.normal_tensor({length, 10}, 1.0),
          Mlp{initial_linear(middle, 10, random), initial_linear(48, middle, random)}};
}

} // namespace

TEST_CASE(
    "row p of the values holds the key and value of each layer in turn, and the conversion is reversible") {
  const at::Tensor values = at::arange(2 * 48, at::kFloat).view({2, 48});
  const Prefix prefix = as_prefix(values, three_layers);
  CHECK(prefix.key.sizes() == at::IntArrayRef({3, 2, 2, 4}));
  // Layer 2, row 1, head 1, element 3.
  CHECK(prefix.key[2][1][1][3].item<int64_t>() == 48 + 2 * 16 + 0 + 4 + 3);
  CHECK(prefix.value[2][1][1][3].item<int64_t>() == 48 + 2 * 16 + 8 + 4 + 3);
  CHECK(at::equal(as_values(prefix), values));
}

TEST_CASE("a network starts from given values exactly if it is wide enough, else as closely as possible") {
  const at::Tensor wanted = Random(4).normal_tensor({5, 48}, 1.0);
  TrainablePrefix wide = with_network(5, 16), narrow = with_network(5, 3);
  const double before = (narrow.values() - wanted).norm().item<double>();
  wide.start_from(wanted);
  narrow.start_from(wanted);
  CHECK(at::allclose(wide.values(), wanted, 1e-4, 1e-4));
  CHECK(wide.has_network());
  CHECK((narrow.values() - wanted).norm().item<double>() < before);
  CHECK(!at::allclose(narrow.values(), wanted, 1e-2, 1e-2));
}

TEST_CASE("prefixes count as positions in self-attention, and networks collapse when a state is loaded") {
  std::vector<TrainablePrefix> sites;
  for (const PrefixSite site : {PrefixSite::self, PrefixSite::encoder, PrefixSite::cross}) {
    BackboneShape::Site sized = three_layers;
    sized.site = site;
    sites.emplace_back(sized, Random(5 + static_cast<uint64_t>(site)).normal_tensor({4, 48}, 1.0));
  }
  TrainablePrefixes counted(sites, true, 0.5, at::kCPU), uncounted(sites, false, 0, at::kCPU);
  std::vector<int64_t> positions;
  for (const Prefix& prefix : counted.condition({}).prefixes)
    positions.push_back(prefix.positions);
  CHECK(positions == std::vector<int64_t>{4, 4, 0});
  for (const Prefix& prefix : uncounted.condition({}).prefixes)
    CHECK(prefix.positions == 0);
  const ComponentState state = counted.state();
  CHECK(state.tensors.size() == 6);
  CHECK(at::equal(state.tensors.at("cross.value"), counted.condition({}).prefixes[2].value));
  CHECK(!at::equal(state.tensors.at("cross.value"), counted.condition({true, 1}).prefixes[2].value));

  TrainablePrefixes networked({with_network(4, 8)}, true, 0, at::kCPU);
  CHECK(networked.parameters().size() == 5);
  networked.load_state(state);
  REQUIRE(networked.parameters().size() == 1);
  CHECK(networked.parameters()[0].requires_grad());
  CHECK(at::equal(networked.state().tensors.at("self.key"), state.tensors.at("self.key")));
}

TEST_CASE("only matching states are loaded or adopted") {
  TrainablePrefixes four({with_network(4, 8)}, true, 0, at::kCPU),
      five({with_network(5, 8)}, true, 0, at::kCPU), uncounted({with_network(4, 8)}, false, 0, at::kCPU);
  CHECK_THROWS_WITH_AS(five.load_state(four.state()), doctest::Contains("3 x 5 x 2 x 4"), DataError);
  CHECK_THROWS_AS(four.load_state({}), DataError);
  std::string why;
  CHECK(!five.adopt(four.condition({}), why));
  CHECK(why.find("3 x 5 x 2 x 4") != std::string::npos);
  CHECK(!uncounted.adopt(four.condition({}), why));
  CHECK(why.find("count-positions") != std::string::npos);
  CHECK(!four.adopt({}, why));
  TrainablePrefixes other({TrainablePrefix(three_layers, at::ones({4, 48}))}, true, 0, at::kCPU);
  CHECK(four.adopt(other.condition({}), why));
  CHECK(at::equal(four.state().tensors.at("self.key"), at::ones({3, 4, 2, 4})));
}
