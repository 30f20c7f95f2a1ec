#include <cuecard/parts/training/named_tensors.hpp>

#include <ATen/Functions.h>
#include <doctest/doctest.h>

#include <cuecard/error.hpp>

using namespace cuecard;

TEST_CASE("a state that fits is copied, and one that doesn't leaves all tensors as they were") {
  const NamedTensors tensors{{"a", at::zeros({2, 3})}, {"b", at::zeros({4})}};
  const auto untouched = [&] { return at::equal(tensors[0].second, at::zeros({2, 3})); };

  ComponentState state{{{"a", at::ones({2, 3})}}};
  CHECK_THROWS_WITH_AS(copy_state(tensors, state, "prompts don't fit"),
                       "the card's prompts don't fit: expected a tensor \"b\" of 4, found none.", DataError);
  CHECK(untouched());
  state.tensors["b"] = at::ones({4, 2});
  CHECK_THROWS_WITH_AS(copy_state(tensors, state, "prompts don't fit"),
                       "the card's prompts don't fit: expected a tensor \"b\" of 4, found one of 4 x 2.",
                       DataError);
  CHECK(untouched());
  state.tensors["b"] = at::ones({4}, at::kLong);
  CHECK_THROWS_AS(copy_state(tensors, state, "prompts don't fit"), DataError);
  CHECK(untouched());

  state.tensors["b"] = at::full({4}, 2.0);
  copy_state(tensors, state, "prompts don't fit");
  const ComponentState kept = state_of(tensors);
  CHECK(kept.tensors.size() == 2);
  CHECK(at::equal(kept.tensors.at("a"), at::ones({2, 3})));
  CHECK(at::equal(kept.tensors.at("b"), at::full({4}, 2.0)));
}
