// T5, mT5, umT5 and BART against transformers, and properties that must hold for any weights: pairs don't see each other,
// the encoder runs once, a cached sequence or a prefix is equivalent to the tokens that it was computed from.
#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>

#include "sdk/parts/kv_cache/kv_cache_pool.hpp"

#include "recorded.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Ids = std::vector<int64_t>;

constexpr const char* names[] = {"t5-plain", "t5-gated", "bart", "mt5", "umt5"};
constexpr int64_t traced = 2; ///< the pair whose encoder keys and values were recorded: 12 and 5 tokens

Recording recording_of(const char* name) {
  return Recording(golden / "models" / name / "outputs.safetensors");
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

Side side_of(const std::vector<Ids>& sequences) {
  Side side;
  Ids ids, positions;
  for (const Ids& sequence : sequences) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    for (std::size_t i = 0; i < sequence.size(); ++i)
      positions.push_back(static_cast<int64_t>(i));
    side.offsets.push_back(static_cast<int64_t>(ids.size()));
    side.parent.push_back(-1);
    side.cards.push_back(0);
  }
  side.ids = at::tensor(ids, at::kLong);
  side.positions = at::tensor(positions, at::kLong);
  return side;
}

void select_tokens(Batch& batch, Ids tokens) {
  batch.answer_tokens = at::tensor(tokens, at::kLong);
  batch.answer_tokens_host = std::move(tokens);
}

void select_all(Batch& batch) {
  Ids tokens;
  for (int64_t token = 0; token < batch.output->num_tokens(); ++token)
    tokens.push_back(token);
  select_tokens(batch, std::move(tokens));
}

/// Outputs that attend to the inputs `sources`, every output token selected.
Batch batch_of(const std::vector<Ids>& inputs, const std::vector<Ids>& outputs, Ids sources) {
  Batch batch;
  batch.input = side_of(inputs);
  batch.output = side_of(outputs);
  batch.source_of = std::move(sources);
  select_all(batch);
  return batch;
}

/// Sequence `s` of a recorded side.
Ids sequence_of(const Recording& recording, const std::string& side, int64_t s) {
  const Ids ids = recording.list(side + "ids"), offsets = recording.list(side + "offsets");
  return {ids.begin() + offsets[static_cast<std::size_t>(s)],
          ids.begin() + offsets[static_cast<std::size_t>(s) + 1]};
}

/// Every output token selected.
Batch recorded_batch(const Recording& recording) {
  Batch batch = packed(recording, {}, false);
  select_all(batch);
  return batch;
}

at::Tensor recorded_hidden(const Recording& recording, int64_t s) {
  const Ids offsets = recording.list("output_offsets");
  return recording["hidden"].slice(0, offsets[static_cast<std::size_t>(s)],
                                   offsets[static_cast<std::size_t>(s) + 1]);
}

Ids slice(const Ids& ids, std::size_t begin, std::size_t end) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

/// Cached tokens `begin` to `end` as a prefix of every layer.
Prefix prefix_of(PrefixSite site, const std::vector<KvCachePool::Layer>& layers, int64_t begin, int64_t end) {
  std::vector<at::Tensor> keys, values;
  for (const KvCachePool::Layer& layer : layers) {
    keys.push_back(layer.key.slice(0, begin, end));
    values.push_back(layer.value.slice(0, begin, end));
  }
  return {site, at::stack(keys), at::stack(values), end - begin};
}

} // namespace

TEST_CASE("hidden states, log-probabilities and gradients of both sides equal transformers'") {
  for (const char* name : names)
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      CAPTURE(name);
      const Model model = tiny_model(name, dtype);
      const Recording recording = recording_of(name);
      Batch batch = recorded_batch(recording);
      // Every token of either side is a soft slot with its own embedding.
      const int64_t inputs = batch.input.num_tokens(), outputs = batch.output->num_tokens();
      batch.input.soft_tokens = batch.input.soft_slots = at::arange(inputs);
      batch.output->soft_tokens = at::arange(outputs);
      batch.output->soft_slots = at::arange(inputs, inputs + outputs);
      Conditioning conditioning;
      conditioning.embeddings =
          model.backbone()
              .token_vectors(TokenTable::input, at::cat({batch.input.ids, batch.output->ids}))
              .to(dtype)
              .set_requires_grad(true);
      const at::Tensor hidden = model.backbone().forward({batch, conditioning});
      CHECK(largest_difference(hidden, recording["hidden"]) < 1e-4);
      const at::Tensor log_probs = model.backbone().project({hidden, {OutputRequest::Kind::log_probs, {}}});
      CHECK(largest_difference(log_probs, recording["log_probs"]) < 1e-4);
      const at::Tensor objective = log_probs.index({recording["target_rows"], recording["target_ids"]}).mean();
      CHECK(std::abs(objective.item<double>() - recording["objective"].item<double>()) < 1e-4);
      objective.backward();
      const at::Tensor wanted =
          at::cat({recording["embedding_gradient"], recording["output_embedding_gradient"]});
      CHECK(largest_difference(conditioning.embeddings.grad(), wanted) < 1e-4);
    }
}

TEST_CASE("selecting some tokens gives the same hidden states as selecting all") {
  for (const char* name : names) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording = recording_of(name);
    Batch batch = recorded_batch(recording);
    const Ids some{0, 2, 6, 7, 16};
    select_tokens(batch, some);
    const at::Tensor hidden = model.backbone().forward({batch, {}});
    CHECK(largest_difference(hidden, recording["hidden"].index_select(0, at::tensor(some, at::kLong))) < 1e-4);
    CHECK(largest_difference(model.backbone().forward({batch, {}, nullptr, true}), recording["hidden"]) < 1e-4);
  }
}

TEST_CASE("a pair has the same result alone and in a batch, and outputs of one input share its encoding") {
  for (const char* name : names) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording = recording_of(name);
    const Ids input = sequence_of(recording, "", traced), output = sequence_of(recording, "output_", traced);
    const at::Tensor alone = model.backbone().forward({batch_of({input}, {output}, {0}), {}});
    CHECK(largest_difference(alone, recorded_hidden(recording, traced)) < 1e-4);
    const Ids other = sequence_of(recording, "", 0), decoded = sequence_of(recording, "output_", 0);
    const at::Tensor shared =
        model.backbone().forward({batch_of({other, input}, {output, decoded, output}, {1, 0, 1}), {}});
    CHECK(largest_difference(shared, at::cat({alone, recorded_hidden(recording, 0), alone})) < 1e-4);
  }
}

TEST_CASE("decoding token by token with a cache equals decoding at once, and the encoder runs once") {
  for (const char* name : names) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording = recording_of(name);
    const std::vector<Ids> inputs{sequence_of(recording, "", 0), sequence_of(recording, "", traced)};
    const std::vector<Ids> outputs{sequence_of(recording, "output_", 0),
                                   sequence_of(recording, "output_", traced)};
    const auto cache = std::make_shared<KvCache>();
    std::vector<at::Tensor> found[2];
    // The second pair enters after the first has begun, and continues alone when the first has ended.
    const auto begin = [&](std::size_t pair) {
      Batch batch = batch_of({inputs[pair]}, {slice(outputs[pair], 0, 1)}, {0});
      batch.cache = cache;
      found[pair].push_back(model.backbone().forward({batch, {}, cache.get()}));
    };
    begin(0);
    begin(1);
    CHECK(cache->pool().source_of == Ids{0, 1});
    CHECK(cache->pool().cross_offsets == Ids{0, 7, 19});
    for (std::size_t row = 1; row < outputs[1].size(); ++row) {
      Batch batch;
      std::vector<Ids> step;
      Ids continued;
      for (std::size_t pair = 0; pair < 2; ++pair)
        if (row < outputs[pair].size()) {
          step.push_back({outputs[pair][row]});
          continued.push_back(static_cast<int64_t>(pair));
        }
      batch.output = side_of(step);
      batch.output->cache_of = continued;
      batch.cache = cache;
      select_all(batch);
      const at::Tensor hidden = model.backbone().forward({batch, {}, cache.get()});
      for (std::size_t i = 0; i < continued.size(); ++i)
        found[static_cast<std::size_t>(continued[i])].push_back(hidden.narrow(0, static_cast<int64_t>(i), 1));
    }
    CHECK(largest_difference(at::cat(found[0]), recorded_hidden(recording, 0)) < 1e-4);
    CHECK(largest_difference(at::cat(found[1]), recorded_hidden(recording, traced)) < 1e-4);
    for (const KvCachePool::Layer& layer : cache->pool().cross)
      CHECK(layer.key.size(0) == 19); // once, whatever was decoded
    CHECK(std::ssize(cache->pool().cross) == model.shape().layers);

    // A selection of the cache includes the encoder states that it attends to.
    const auto selected = std::make_shared<KvCache>(cache->select({1}));
    Batch again;
    again.output = side_of({{outputs[0].back()}});
    again.output->cache_of = {0};
    again.cache = selected;
    select_all(again);
    Ids longer = outputs[1];
    longer.push_back(outputs[0].back());
    const at::Tensor whole = model.backbone().forward({batch_of({inputs[1]}, {longer}, {0}), {}});
    CHECK(largest_difference(model.backbone().forward({again, {}}), whole.slice(0, -1)) < 1e-4);
  }
}

TEST_CASE("prefixes of real tokens' keys and values, at all three sites, equal those tokens before the text") {
  for (const char* name : names) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const Recording recording = recording_of(name);
    const Ids input = sequence_of(recording, "", traced), output = sequence_of(recording, "output_", traced);
    const auto cached = std::make_shared<KvCache>();
    model.backbone().forward({batch_of({input}, {output}, {0}), {}, cached.get()});
    const std::vector<int64_t> lengths = {4, 2}; // of the encoder's prefix, and of the decoder's
    std::vector<KvCachePool::Layer> encoder;
    for (int64_t l = 0; l < recording["encoder_key"].size(0); ++l)
      encoder.push_back({recording["encoder_key"][l], recording["encoder_value"][l]});

    Conditioning conditioning;
    conditioning.prefixes = {prefix_of(PrefixSite::encoder, encoder, 0, lengths[0]),
                             prefix_of(PrefixSite::cross, cached->pool().cross, 0, lengths[0]),
                             prefix_of(PrefixSite::self, cached->pool().layers, 0, lengths[1])};
    const Batch rest = batch_of({slice(input, 4, input.size())}, {slice(output, 2, output.size())}, {0});
    const at::Tensor wanted = recorded_hidden(recording, traced).slice(0, lengths[1]);
    CHECK(largest_difference(model.backbone().forward({rest, conditioning}), wanted) < 1e-4);
    for (std::size_t left_out = 0; left_out < 3; ++left_out) { // each of the three matters
      Conditioning fewer = conditioning;
      fewer.prefixes.erase(fewer.prefixes.begin() + static_cast<std::ptrdiff_t>(left_out));
      CHECK(largest_difference(model.backbone().forward({rest, fewer}), wanted) > 1e-3);
    }

    // Of two cards, only the second has them.
    BatchConditioning of_second(conditioning);
    of_second.prefix_cards = {1, 1, 1};
    Batch mixed =
        batch_of({input, slice(input, 4, input.size())}, {output, slice(output, 2, output.size())}, {0, 1});
    mixed.input.cards = mixed.output->cards = {0, 1};
    CHECK(largest_difference(model.backbone().forward({mixed, of_second}),
                             at::cat({recorded_hidden(recording, traced), wanted})) < 1e-4);
  }
}

TEST_CASE("keys and values of words, at each of the three sites") {
  for (const char* name : names) {
    CAPTURE(name);
    const Model model = tiny_model(name, at::kDouble);
    const Recording recording = recording_of(name);
    const Ids words = sequence_of(recording, "", traced), output = sequence_of(recording, "output_", traced);
    const auto length = static_cast<int64_t>(words.size());
    const auto own = [&](PrefixSite site) {
      return keys_and_values(model.backbone(), at::tensor(words, at::kLong), site);
    };
    const Prefix encoder = own(PrefixSite::encoder), cross = own(PrefixSite::cross),
                 self = own(PrefixSite::self);
    CHECK(largest_difference(encoder.key, recording["encoder_key"]) < 1e-4);
    CHECK(largest_difference(encoder.value, recording["encoder_value"]) < 1e-4);
    CHECK(encoder.positions == length);

    // Attending to the same tokens twice equals attending to them once.
    Conditioning twice;
    twice.prefixes = {cross};
    const Batch plain = batch_of({words}, {output}, {0});
    CHECK(largest_difference(model.backbone().forward({plain, twice}), recorded_hidden(recording, traced)) <
          1e-4);
    CHECK(cross.positions == 0);

    // Words before an output are a prefix of the decoder.
    Ids longer = words;
    longer.insert(longer.end(), output.begin(), output.end());
    const at::Tensor wanted = model.backbone().forward({batch_of({words}, {longer}, {0}), {}}).slice(0, length);
    Conditioning ahead;
    ahead.prefixes = {self};
    CHECK(largest_difference(model.backbone().forward({plain, ahead}), wanted) < 1e-4);
    CHECK(largest_difference(model.backbone().forward({plain, {}}), wanted) > 1e-3);
  }
}

TEST_CASE("a batch that names no input for an output, and no cached sequence, is refused") {
  const Model model = tiny_model("t5-plain");
  Batch batch = batch_of({{5, 6}}, {{0}}, {});
  CHECK_THROWS_WITH_AS(model.backbone().forward({batch, {}}), doctest::Contains("names no input sequence"),
                       PluginError);
}
