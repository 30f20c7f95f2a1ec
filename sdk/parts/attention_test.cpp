#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/parts/attention.hpp>
#include <cuecard/parts/random.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;

namespace {

/// Sequences with prefixes, pasts, a parent, and one that is alone; 4 query heads on 2 key heads.
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
    const auto make = [&](int64_t rows, int64_t heads) {
      at::Tensor tensor = random.normal_tensor({rows, heads, 8}, 1.0).to(dtype);
      return tensor.set_requires_grad(true);
    };
    query = make(10, 4);
    for (int64_t rows : {10, 6, 5})
      sources.push_back({make(rows, 2), make(rows, 2)});
  }
};

/// One query at a time, straight from the definition.
at::Tensor direct(const Setting& setting, double scale) {
  const AttentionLayout& layout = setting.layout;
  std::vector<at::Tensor> out;
  for (int64_t s = 0; s < layout.sequences(); ++s)
    for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q) {
      std::vector<at::Tensor> keys, values;
      const auto see = [&](int64_t source, int64_t begin, int64_t end) {
        keys.push_back(setting.sources[source].key.slice(0, begin, end));
        values.push_back(setting.sources[source].value.slice(0, begin, end));
      };
      for (const KeyRange& range : layout.before[s])
        see(range.source, range.begin, range.end);
      see(0, layout.offsets[s],
          layout.causal ? layout.offsets[s] + layout.query_places[q] + 1 : layout.offsets[s + 1]);
      const at::Tensor k = at::cat(keys).repeat_interleave(2, 1), v = at::cat(values).repeat_interleave(2, 1);
      const at::Tensor weights = at::softmax((k * setting.query[q]).sum(2) * scale, 0); // [keys, heads]
      out.push_back((weights.unsqueeze(2) * v).sum(0));
    }
  return at::stack(out);
}

std::vector<at::Tensor> gradients(Setting& setting, const at::Tensor& out) {
  (out * at::arange(out.numel(), out.options()).view(out.sizes()).sin()).sum().backward();
  std::vector<at::Tensor> result{setting.query.grad().clone()};
  for (KeyValues& source : setting.sources) {
    result.push_back(source.key.grad().clone());
    result.push_back(source.value.grad().clone());
  }
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
        const at::Tensor got = attention(found.query, found.sources, found.layout, 0.3, strategy);
        CHECK(at::allclose(got, wanted, tolerance, tolerance));
        const std::vector<at::Tensor> wanted_gradients = gradients(expected, wanted),
                                      got_gradients = gradients(found, got);
        for (std::size_t i = 0; i < wanted_gradients.size(); ++i) {
          CAPTURE(i);
          CHECK(at::allclose(got_gradients[i], wanted_gradients[i], tolerance, tolerance));
        }
      }
}

TEST_CASE("asking for some rows gives those rows") {
  for (const AttentionStrategy strategy : {AttentionStrategy::packed, AttentionStrategy::padded}) {
    Setting setting(true, at::kFloat);
    const std::vector<int64_t> rows{2, 4, 6, 8, 9};
    const at::Tensor index = at::tensor(rows);
    const at::Tensor all = attention(setting.query, setting.sources, setting.layout, 0.3, strategy);
    const at::Tensor some = attention(setting.query.index_select(0, index), setting.sources,
                                      ask_only(setting.layout, rows), 0.3, strategy);
    CHECK(at::allclose(some, all.index_select(0, index), 1e-6, 1e-6));
  }
}

TEST_CASE("without pasts or prefixes, or with prefixes alone") {
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
      const at::Tensor got = attention(setting.query, sources, setting.layout, 0.3, strategy);
      CHECK(at::allclose(got, wanted, 1e-5, 1e-5));
      got.sum().backward();
      CHECK(sources[0].key.grad().defined());
    }
  }
}

TEST_CASE("a run repeats bit for bit") {
  Setting first(true, at::kFloat), second(true, at::kFloat);
  const at::Tensor a = attention(first.query, first.sources, first.layout, 0.3);
  const at::Tensor b = attention(second.query, second.sources, second.layout, 0.3);
  CHECK(at::equal(a, b));
  const std::vector<at::Tensor> da = gradients(first, a), db = gradients(second, b);
  for (std::size_t i = 0; i < da.size(); ++i)
    CHECK(at::equal(da[i], db[i]));
}

TEST_CASE("scores far apart stay finite") {
  Setting setting(true, at::kFloat);
  const at::Tensor out = attention(setting.query, setting.sources, setting.layout, 1e4);
  CHECK(at::isfinite(out).all().item<bool>());
  for (const at::Tensor& gradient : gradients(setting, out))
    CHECK(at::isfinite(gradient).all().item<bool>());
}
