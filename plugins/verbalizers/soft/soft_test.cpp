// Initial vectors, and scores and gradients against their definition.
#include "soft.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::soft;

namespace {

const testing::WordVocabulary vocabulary({{"bad", {0}}, {"so-so", {1, 2}}, {"good", {3}}, {"fair", {2, 1}}}, 5);
const at::Tensor table = at::arange(20, at::kFloat).view({5, 4}).sin();

class TableBackbone final : public testing::NoBackbone {
public:
  at::Tensor token_vectors(TokenTable which, const at::Tensor& ids) const override {
    REQUIRE((which == TokenTable::output));
    return table.index_select(0, ids);
  }
};
const TableBackbone backbone;

Soft made(std::vector<std::vector<std::string>> words = {{"bad"}, {"so-so", "fair"}, {"good"}}) {
  Options options;
  options.set("prefix", std::string(" "));
  options.set("lr-scale", 3.0);
  Soft verbalizer(options);
  verbalizer.prepare({vocabulary, backbone, {"no", "perhaps", "yes"}, std::move(words)});
  return verbalizer;
}

} // namespace

TEST_CASE("vectors are initialised to the mean output embedding of the first word's tokens") {
  Soft verbalizer = made();
  const at::Tensor vectors = verbalizer.state().tensors.at("vectors");
  CHECK(vectors[0].equal(table[0]));
  CHECK(at::allclose(vectors[1], (table[1] + table[2]) / 2));
  CHECK(vectors[2].equal(table[3]));
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::transformed_states));
  CHECK(verbalizer.parameters().at(0).learning_rate_scale == 3);
  CHECK(verbalizer.answer_text(1) == std::vector<std::string>{" so-so"});
  CHECK_THROWS_AS(made({{"bad"}, {"unheard"}, {"good"}}), UsageError);
}

TEST_CASE("scores are dot products with the vectors, and gradients reach the vectors") {
  Soft verbalizer = made();
  const at::Tensor values = at::randn({3, 4}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({2, -1, 0}, at::kLong);
  const Scores scores = verbalizer.score({values, batch, {true, 1}});
  CHECK(scores.offsets == std::vector<int64_t>{0, 3, 6, 9});
  const at::Tensor vectors = verbalizer.state().tensors.at("vectors");
  CHECK(at::allclose(scores.values.view({3, 3}), values.matmul(vectors.t())));
  verbalizer.loss({scores, batch}).backward();
  // d loss / d vector c = mean over labelled examples of (p_c - [label is c]) h.
  const at::Tensor h = values.detach(), p = h.matmul(vectors.t()).softmax(1);
  const at::Tensor gold = at::zeros({3, 3});
  gold[0][2] = 1;
  gold[2][0] = 1;
  const at::Tensor wrong = (p - gold) * at::tensor({0.5f, 0.0f, 0.5f}).view({3, 1});
  CHECK(at::allclose(verbalizer.parameters().at(0).tensors.at(0).grad(), wrong.t().matmul(h)));
  CHECK(at::allclose(values.grad(), wrong.matmul(vectors)));
  CHECK((verbalizer.score({h.to(at::kDouble), batch}).values.scalar_type() == at::kDouble));
  CHECK((verbalizer.score({h.to(at::kBFloat16), batch}).values.scalar_type() == at::kFloat));
}

TEST_CASE("a card restores the vectors, and is refused when their shape differs") {
  Soft verbalizer = made(), other = made();
  const at::Tensor trained = at::randn({3, 4}), values = at::randn({2, 4});
  verbalizer.load_state({{{"vectors", trained}}, {}});
  other.load_state(verbalizer.state());
  CHECK(at::allclose(other.score({values, {}}).values.view({2, 3}), values.matmul(trained.t())));
  CHECK(other.parameters().at(0).tensors.at(0).requires_grad());
  CHECK_THROWS_WITH_AS(other.load_state({}), doctest::Contains("no tensor \"vectors\""), DataError);
  CHECK_THROWS_WITH_AS(other.load_state({{{"vectors", at::zeros({2, 4})}}, {}}),
                       doctest::Contains("is 2 x 4, and should be 3 x 4"), DataError);
}
