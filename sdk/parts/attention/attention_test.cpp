#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/random.hpp>

// After LibTorch, whose logging also defines CHECK.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Sequences with prefixes, with cached tokens, with a parent, and with none of these; 4 query heads, 2 key heads.
struct Setting {
  AttentionLayout layout;
  at::Tensor query;
  std::vector<KeyValues> sources;

  Setting(bool causal, at::ScalarType dtype) {
    Side side;
    side.offsets = {0, 3, 5, 9, 10};
    side.parent = {-1, 0, 0, -1};
    layout = self_attention_layout(side, causal, {{{2, 3, 5}}, {}, {}, {{2, 0, 3}, {1, 2, 4}, {1, 5, 6}}});
    Random random(7);
    const auto make = [&](int64_t tokens, int64_t heads) {
      at::Tensor tensor = random.normal_tensor({tokens, heads, 8}, 1.0).to(dtype);
      return tensor.set_requires_grad(true);
    };
    query = make(10, 4);
    for (int64_t tokens : {10, 6, 5})
      sources.push_back({make(tokens, 2), make(tokens, 2)});
  }
};

/// The buckets of distances [n], as in Raffel et al. 2020 (section 2.1) and Mesh TensorFlow's code.
at::Tensor buckets_of(const at::Tensor& distances, int64_t buckets, bool both_directions,
                      int64_t max_distance) {
  const int64_t share = both_directions ? buckets / 2 : buckets, exact = share / 2;
  const at::Tensor later = both_directions ? (distances > 0).to(at::kLong) * share : at::zeros_like(distances);
  const at::Tensor far = both_directions ? distances.abs() : (-distances).clamp_min(0);
  const double whole = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const at::Tensor shared =
      ((far.to(at::kFloat) / exact).log() / whole * (share - exact)).nan_to_num(0, 0, 0).to(at::kLong);
  return later + at::where(far < exact, far, (shared + exact).clamp_max(share - 1));
}

/// [keys] whether the query at `place` attends to each key, as in transformers' masks: with causal attention kv > q - window, else
/// |q - kv| <= window / 2.
at::Tensor visible(const AttentionLayout& layout, int64_t place, int64_t keys) {
  const at::Tensor distance = at::arange(keys, at::kLong) - place;
  at::Tensor seen = layout.causal ? distance.le(0) : at::ones({keys}, at::kBool);
  if (layout.window > 0)
    seen = seen.logical_and(layout.causal ? distance.gt(-layout.window) : distance.abs().le(layout.window / 2));
  return seen;
}

/// The definition, one query at a time.
at::Tensor direct(const Setting& setting, double scale, const RelativeBias* bias = nullptr, double cap = 0) {
  const AttentionLayout& layout = setting.layout;
  std::vector<at::Tensor> out;
  for (int64_t s = 0; s < layout.sequences(); ++s)
    for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q) {
      std::vector<at::Tensor> keys, values;
      const auto see = [&](int64_t source, int64_t begin, int64_t end) {
        keys.push_back(setting.sources[source].key.slice(0, begin, end));
        values.push_back(setting.sources[source].value.slice(0, begin, end));
      };
      int64_t place = layout.query_offsets_in_sequence[q];
      for (const KeyRange& range : layout.before[s]) {
        see(range.source, range.begin, range.end);
        place += range.end - range.begin;
      }
      see(0, layout.offsets[s], layout.offsets[s + 1]);
      const at::Tensor k = at::cat(keys).repeat_interleave(2, 1), v = at::cat(values).repeat_interleave(2, 1);
      at::Tensor scores = (k * setting.query[q]).sum(2) * scale; // [keys, heads]
      if (cap > 0)
        scores = (scores / cap).tanh() * cap;
      if (bias) {
        const at::Tensor distances = at::arange(k.size(0), at::kLong) - place;
        scores = scores + bias->table.index_select(0, buckets_of(distances, bias->table.size(0),
                                                                 bias->both_directions, bias->max_distance));
      }
      const at::Tensor hidden = visible(layout, place, k.size(0)).logical_not().unsqueeze(1);
      const at::Tensor weights = at::softmax(scores.masked_fill(hidden, -1e30), 0);
      out.push_back((weights.unsqueeze(2) * v).sum(0));
    }
  return at::stack(out);
}

std::vector<at::Tensor> gradients(Setting& setting, const at::Tensor& out) {
  (out * at::arange(out.numel(), out.options()).view(out.sizes()).sin()).sum().backward();
  std::vector<at::Tensor> result{setting.query.grad().clone()};
  for (KeyValues& source : setting.sources)
    for (const at::Tensor& each : {source.key, source.value}) // undefined where a window hides all of a source
      result.push_back(each.grad().defined() ? each.grad().clone() : at::zeros_like(each));
  return result;
}

} // namespace

TEST_CASE("both strategies equal the definition, gradients included") {
  for (const bool causal : {true, false})
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble})
      for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
        CAPTURE(causal);
        CAPTURE(static_cast<int>(strategy));
        const double tolerance = dtype == at::kDouble ? 1e-12 : 2e-5;
        Setting expected(causal, dtype), found(causal, dtype);
        const at::Tensor wanted = direct(expected, 0.3);
        const at::Tensor got = attention(found.query, found.sources, found.layout, {0.3, nullptr, strategy});
        CHECK(at::allclose(got, wanted, tolerance, tolerance));
        const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted),
                                      got_gradients = gradients(found, got);
        for (std::size_t i = 0; i < wanted_gradients.size(); ++i) {
          CAPTURE(i);
          CHECK(at::allclose(got_gradients[i], wanted_gradients[i], tolerance, tolerance));
        }
      }
}

TEST_CASE("a window hides keys and a cap bends scores as in the definition, gradients included") {
  const RelativeBias both_ways{Random(3).normal_tensor({6, 4}, 1.0).to(at::kDouble), true, 9};
  for (const bool causal : {true, false})
    for (const int64_t window : {0, 1, 3, 6})
      for (const double cap : {0.0, 0.5}) {
        const RelativeBias* bias = window == 3 ? &both_ways : nullptr;
        Setting expected(causal, at::kDouble);
        expected.layout = with_window(expected.layout, window);
        CHECK(expected.layout.window == window);
        const at::Tensor wanted = direct(expected, 0.3, bias, cap);
        const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted);
        for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
          CAPTURE(causal);
          CAPTURE(window);
          CAPTURE(cap);
          CAPTURE(static_cast<int>(strategy));
          Setting found(causal, at::kDouble);
          found.layout = expected.layout;
          const at::Tensor got =
              attention(found.query, found.sources, found.layout, {0.3, bias, strategy, cap});
          CHECK(at::allclose(got, wanted, 1e-12, 1e-12));
          const std::vector<at::Tensor> got_gradients = gradients(found, got);
          for (std::size_t i = 0; i < wanted_gradients.size(); ++i) {
            CAPTURE(i);
            CHECK(at::allclose(got_gradients[i], wanted_gradients[i], 1e-12, 1e-12));
          }
          // Selected queries, among them single ones, as in generation.
          for (const std::vector<int64_t>& tokens : {std::vector<int64_t>{2, 4, 6, 8, 9}, {9}, {3, 4, 7}}) {
            const at::Tensor index = at::tensor(tokens);
            CHECK(at::allclose(attention(found.query.index_select(0, index), found.sources,
                                         select_queries(found.layout, tokens), {0.3, bias, strategy, cap}),
                               got.index_select(0, index), 1e-12, 1e-12));
          }
        }
      }
}

TEST_CASE("a window that hides no key is none") {
  // The longest sequence has 9 keys: 2 of a prefix, 3 of its parent, and 4 of its own.
  Setting causal(true, at::kFloat), both(false, at::kFloat);
  CHECK(with_window(causal.layout, 8).window == 8);
  CHECK(with_window(causal.layout, 9).window == 0);
  CHECK(with_window(both.layout, 15).window == 15);
  CHECK(with_window(both.layout, 16).window == 0); // 8 keys on either side
}

TEST_CASE("long sequences, which are computed in blocks, equal the definition, gradients included") {
  const auto long_setting = [](bool causal, int64_t window) {
    Setting setting(causal, at::kDouble);
    Side side;
    side.offsets = {0, 70, 330};
    side.parent = {-1, 0};
    setting.layout = with_window(self_attention_layout(side, causal, {{{2, 0, 5}, {1, 1, 4}}, {}}), window);
    Random random(4);
    const auto make = [&](int64_t heads) {
      return random.normal_tensor({330, heads, 8}, 1.0).to(at::kDouble).set_requires_grad(true);
    };
    setting.query = make(4);
    setting.sources[0] = {make(2), make(2)};
    return setting;
  };
  for (const bool causal : {true, false})
    for (const int64_t window : {0, 40}) {
      Setting expected = long_setting(causal, window);
      const at::Tensor wanted = direct(expected, 0.3);
      const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted);
      for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
        CAPTURE(causal);
        CAPTURE(window);
        CAPTURE(static_cast<int>(strategy));
        Setting found = long_setting(causal, window);
        const at::Tensor got = attention(found.query, found.sources, found.layout, {0.3, nullptr, strategy});
        CHECK(at::allclose(got, wanted, 1e-11, 1e-11));
        const std::vector<at::Tensor> got_gradients = gradients(found, got);
        for (std::size_t i = 0; i < wanted_gradients.size(); ++i) {
          CAPTURE(i);
          CHECK(at::allclose(got_gradients[i], wanted_gradients[i], 1e-11, 1e-11));
        }
      }
    }
}

TEST_CASE("distances map to the buckets of the definition") {
  for (const bool both : {true, false})
    for (const auto& [buckets, most] : {std::pair<int64_t, int64_t>{32, 128}, {8, 20}, {10, 33}, {64, 1000}}) {
      CAPTURE(both);
      CAPTURE(buckets);
      const at::Tensor distances = at::arange(-1100, 1101, at::kLong);
      const at::Tensor wanted = buckets_of(distances, buckets, both, most);
      for (int64_t i = 0; i < distances.size(0); ++i) {
        const int64_t distance = distances[i].item<int64_t>();
        CAPTURE(distance);
        CHECK(relative_bucket(distance, buckets, both, most) == wanted[i].item<int64_t>());
      }
    }
}

TEST_CASE("a bias by distance is added to the scores, gradients included") {
  for (const bool causal : {true, false})
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble})
      for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
        CAPTURE(causal);
        CAPTURE(static_cast<int>(strategy));
        const double tolerance = dtype == at::kDouble ? 1e-12 : 2e-5;
        const RelativeBias bias{Random(3).normal_tensor({6, 4}, 1.0).to(dtype), !causal, 9};
        Setting expected(causal, dtype), found(causal, dtype);
        const at::Tensor wanted = direct(expected, 1.0, &bias);
        const at::Tensor got = attention(found.query, found.sources, found.layout, {1.0, &bias, strategy});
        CHECK(at::allclose(got, wanted, tolerance, tolerance));
        CHECK(!at::allclose(got, direct(expected, 1.0), 0.1, 0.1));
        const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted),
                                      got_gradients = gradients(found, got);
        for (std::size_t i = 0; i < wanted_gradients.size(); ++i) {
          CAPTURE(i);
          CHECK(at::allclose(got_gradients[i], wanted_gradients[i], tolerance, tolerance));
        }
        const std::vector<int64_t> tokens{2, 4, 6, 8, 9};
        const at::Tensor index = at::tensor(tokens);
        CHECK(at::allclose(attention(found.query.index_select(0, index), found.sources,
                                     select_queries(found.layout, tokens), {1.0, &bias, strategy}),
                           got.index_select(0, index), tolerance, tolerance));
      }
}

TEST_CASE("a trained bias table gets the gradients of all layers that use it") {
  at::Tensor tables[2];
  for (const bool by_hand : {true, false}) {
    Setting setting(true, at::kDouble);
    at::Tensor& table = tables[by_hand];
    table = Random(3).normal_tensor({6, 4}, 1.0).to(at::kDouble).set_requires_grad(true);
    const RelativeBias bias{table, false, 9};
    at::Tensor out = at::zeros_like(setting.query);
    for (int layer = 0; layer < 2; ++layer)
      out = out + (by_hand ? direct(setting, 1.0, &bias)
                           : attention(setting.query, setting.sources, setting.layout, {1.0, &bias}));
    gradients(setting, out);
  }
  CHECK(at::allclose(tables[0].grad(), tables[1].grad(), 1e-10, 1e-10));
}

TEST_CASE("queries without own tokens attend to shared keys") {
  for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
    CAPTURE(static_cast<int>(strategy));
    Setting expected(false, at::kDouble), found(false, at::kDouble);
    for (Setting* setting : {&expected, &found}) {
      AttentionLayout& layout = setting->layout;
      layout.offsets = {0, 0, 0, 0, 0};
      layout.query_offsets = {0, 3, 5, 9, 10};
      layout.query_offsets_in_sequence.assign(10, 0);
      layout.before = {{{0, 0, 4}}, {{0, 0, 4}}, {{2, 1, 3}, {0, 4, 10}}, {{0, 4, 10}}};
    }
    const at::Tensor wanted = direct(expected, 0.3),
                     got = attention(found.query, found.sources, found.layout, {0.3, nullptr, strategy});
    CHECK(at::allclose(got, wanted, 1e-12, 1e-12));
    for (Setting* setting : {&expected, &found}) // cached tokens that no query attends to
      setting->sources[1].key.mutable_grad() = setting->sources[1].value.mutable_grad() =
          at::zeros_like(setting->sources[1].key);
    const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted),
                                  got_gradients = gradients(found, got);
    for (std::size_t i = 0; i < wanted_gradients.size(); ++i)
      CHECK(at::allclose(got_gradients[i], wanted_gradients[i], 1e-12, 1e-12));
  }
}

TEST_CASE("selected queries have the same results as among all queries") {
  for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
    Setting setting(true, at::kFloat);
    const std::vector<int64_t> tokens{2, 4, 6, 8, 9};
    const at::Tensor index = at::tensor(tokens);
    const at::Tensor all = attention(setting.query, setting.sources, setting.layout, {0.3, nullptr, strategy});
    const at::Tensor some = attention(setting.query.index_select(0, index), setting.sources,
                                      select_queries(setting.layout, tokens), {0.3, nullptr, strategy});
    CHECK(at::allclose(some, all.index_select(0, index), 1e-6, 1e-6));
  }
}

TEST_CASE("no cached tokens or prefixes, or prefixes alone") {
  for (const bool prefixes : {false, true}) {
    Setting setting(true, at::kFloat);
    for (std::vector<KeyRange>& before : setting.layout.before)
      std::erase_if(
          before, [&](const KeyRange& range) { return range.source == 1 || (range.source == 2 && !prefixes); });
    std::vector<KeyValues> sources = setting.sources;
    sources.resize(prefixes ? 3 : 1);
    if (prefixes)
      sources[1] = {};
    const at::Tensor wanted = direct(setting, 0.3);
    for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
      const at::Tensor got = attention(setting.query, sources, setting.layout, {0.3, nullptr, strategy});
      CHECK(at::allclose(got, wanted, 1e-5, 1e-5));
      got.sum().backward();
      CHECK(sources[0].key.grad().defined());
    }
  }
}

TEST_CASE("results repeat bit for bit") {
  Setting first(true, at::kFloat), second(true, at::kFloat);
  const at::Tensor a = attention(first.query, first.sources, first.layout, 0.3);
  const at::Tensor b = attention(second.query, second.sources, second.layout, 0.3);
  CHECK(at::equal(a, b));
  const std::vector<at::Tensor> da = gradients(first, a), db = gradients(second, b);
  for (std::size_t i = 0; i < da.size(); ++i)
    CHECK(at::equal(da[i], db[i]));
}

TEST_CASE("the output is finite for extreme scores") {
  Setting setting(true, at::kFloat);
  const at::Tensor out = attention(setting.query, setting.sources, setting.layout, 1e4);
  CHECK(at::isfinite(out).all().item<bool>());
  for (const at::Tensor& gradient : gradients(setting, out))
    CHECK(at::isfinite(gradient).all().item<bool>());
}

TEST_CASE(
    "half precision on the CPU: exact within, so that a sequence is the same alone, beside a longer one and after its prefix") {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf})
    for (const bool causal : {true, false}) {
      CAPTURE(causal);
      Setting found(causal, dtype);
      Setting expected(causal, dtype);
      expected.query = expected.query.detach().to(at::kFloat).set_requires_grad(true);
      for (KeyValues& source : expected.sources) {
        source.key = source.key.detach().to(at::kFloat).set_requires_grad(true);
        source.value = source.value.detach().to(at::kFloat).set_requires_grad(true);
      }
      const at::Tensor got = attention(found.query, found.sources, found.layout, 0.3);
      const at::Tensor wanted = direct(expected, 0.3);
      CHECK((got.scalar_type() == dtype));
      // The result is rounded once: 8 or 11 bits.
      const double unit = dtype == at::kHalf ? 1.0 / 2048 : 1.0 / 256;
      CHECK(((got.to(at::kFloat) - wanted).abs() <= wanted.abs() * unit + 1e-4).all().item<bool>());
      const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted),
                                    got_gradients = gradients(found, got.to(at::kFloat));
      for (std::size_t i = 0; i < wanted_gradients.size(); ++i)
        CHECK(at::allclose(got_gradients[i].to(at::kFloat), wanted_gradients[i], 4 * unit, 4 * unit));

      // 5 tokens alone, and before 40 others.
      Random random(9);
      const at::Tensor q = random.normal_tensor({45, 4, 8}, 1.0).to(dtype),
                       k = random.normal_tensor({45, 2, 8}, 1.0).to(dtype),
                       v = random.normal_tensor({45, 2, 8}, 1.0).to(dtype);
      Side both, alone;
      both.offsets = {0, 5, 45};
      both.parent = {-1, -1};
      alone.offsets = {0, 5};
      alone.parent = {-1};
      const at::Tensor together = attention(q, {{k, v}}, self_attention_layout(both, causal), 0.3),
                       single = attention(q.narrow(0, 0, 5), {{k.narrow(0, 0, 5), v.narrow(0, 0, 5)}},
                                          self_attention_layout(alone, causal), 0.3);
      CHECK(at::equal(together.narrow(0, 0, 5), single));

      // The first two of the five as a sequence that the others follow.
      if (causal) {
        Side split;
        split.offsets = {0, 2, 5};
        split.parent = {-1, 0};
        CHECK(at::equal(attention(q.narrow(0, 0, 5), {{k.narrow(0, 0, 5), v.narrow(0, 0, 5)}},
                                  self_attention_layout(split, causal), 0.3),
                        single));
      }
    }
}
