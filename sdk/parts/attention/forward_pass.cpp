#include <cuecard/parts/attention/forward_pass.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>

#include "attention/late_layout.hpp"
#include "attention/positions.hpp"
#include "attention/prefixes.hpp"
#include "kv_cache/kv_cache_pool.hpp"

namespace cuecard {

struct CacheSlots {
  std::vector<KvCachePool::Range> ranges;
};

namespace {

constexpr int64_t cache_source = 1;

/// The keys before each sequence that has no parent, in layer `layer`: its prefixes of the site (source 2), then its cached sequence
/// (source 1).
std::vector<std::vector<KeyRange>> preceding(const ForwardArgs& args, const Side& side, PrefixSite site,
                                             int64_t layer) {
  const std::vector<KeyRange> of_prefix = prefix_ranges(args.conditioning, site);
  std::vector<std::vector<KeyRange>> result(static_cast<std::size_t>(side.num_sequences()));
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    if (parent_of(side, s) >= 0)
      continue;
    std::vector<KeyRange>& before = result[static_cast<std::size_t>(s)];
    for (const std::size_t prefix : prefixes_of(args.conditioning, side, s, site))
      before.push_back(of_prefix[prefix]);
    if (const int64_t cache = cache_of(side, s); cache >= 0)
      for (const KvCachePool::Range& range : args.batch.cache->pool().ranges[static_cast<std::size_t>(cache)])
        if (range.first_layer <= layer)
          before.push_back({cache_source, range.begin, range.end});
  }
  return result;
}

/// The layers at which tokens of the side, or of the cached sequences it continues, become visible; includes 0.
std::vector<int64_t> entry_layers(const ForwardArgs& args, const Side& side) {
  std::vector<int64_t> layers{0};
  for (const LateTokens& late : side.late)
    layers.push_back(late.layer);
  for (int64_t s = 0; s < side.num_sequences(); ++s)
    if (const int64_t cache = cache_of(side, s); cache >= 0)
      for (const KvCachePool::Range& range : args.batch.cache->pool().ranges[static_cast<std::size_t>(cache)])
        layers.push_back(range.first_layer);
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

/// The windows that layers have; {0} where no layer has one.
std::vector<int64_t> distinct(std::vector<int64_t> windows) {
  windows.push_back(windows.empty() ? 0 : windows.front());
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  return windows;
}

/// `x` with `change` applied to the tokens `begin` to `end`.
template <class Change>
at::Tensor changed(const at::Tensor& x, int64_t begin, int64_t end, Change&& change) {
  std::vector<at::Tensor> parts;
  if (begin > 0)
    parts.push_back(x.narrow(0, 0, begin));
  parts.push_back(change(x.narrow(0, begin, end - begin)));
  if (end < x.size(0))
    parts.push_back(x.narrow(0, end, x.size(0) - end));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

/// The random stream for the dropout of a layer's update (FNV-1a of the weight's name).
uint64_t stream_of(const std::string& weight) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : weight)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

} // namespace

ForwardPass::~ForwardPass() = default;

ForwardPass::ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site)
    : args_(args), side_(side), site_(site), answers_(&side == &args.batch.answer_side()),
      windows_(shape.windows) {
  if (!windows_.empty() && (shape.encoder_decoder || std::ssize(windows_) != shape.layers))
    throw Error("the backbone names windows for " + counted(windows_.size(), "layer") +
                "; expected one for each layer of a model with one stack, whose number of layers is " +
                std::to_string(shape.layers) + ".");
  const bool causal = shape.causal || (args.batch.output && answers_);
  const std::vector<int64_t> shift = position_shift(args, side, site);
  const std::vector<int64_t> lengths = whole_lengths(side);
  for (std::size_t s = 0; shape.max_positions > 0 && s < lengths.size(); ++s)
    if (shift[s] + lengths[s] > shape.max_positions)
      throw DataError("a sequence of " + counted(lengths[s], "token") + " that starts at position " +
                      std::to_string(shift[s]) + " is too long: the model supports " +
                      std::to_string(shape.max_positions) +
                      " positions. Shorten the text or set a maximum length.");
  positions_ = shifted(side.positions, side, shift);
  lengths_ = longest_texts(side, shift, lengths);
  if (args.cache_out && answers_)
    args.cache_out->pool().reserve(side.num_tokens()); // may move tokens, so before their indices are looked up
  for (const int64_t layer : entry_layers(args, side)) {
    const std::vector<std::vector<KeyRange>> before = preceding(args, side, site, layer);
    for (const std::vector<KeyRange>& ranges : before)
      has_cache_ = has_cache_ || (!ranges.empty() && ranges.back().source == cache_source);
    const AttentionLayout layout = layout_at_layer(side, causal, before, layer);
    for (const int64_t window : distinct(windows_))
      stages_.push_back({layer, window, with_window(layout, window)});
  }
  const int64_t last_window = windows_.empty() ? 0 : windows_.back();
  const AttentionLayout& last = std::find_if(stages_.rbegin(), stages_.rend(), [&](const Stage& stage) {
                                  return stage.window == last_window;
                                })->layout;
  last_layout_ = selects_tokens() ? select_queries(last, args.batch.answer_tokens_host) : last;
  if (args.cache_out && answers_)
    reserve_cache(side, shift);
  find_updates(side);
}

int64_t ForwardPass::layers(int64_t layers) const {
  return partial() ? std::min(args_.layers, layers) : layers;
}

const AttentionLayout& ForwardPass::layout(int64_t layer) const {
  const int64_t window = windows_.empty() ? 0 : windows_.at(static_cast<std::size_t>(layer));
  auto stage = stages_.rbegin();
  while (stage->first_layer > layer || stage->window != window)
    ++stage;
  return stage->layout;
}

at::Tensor ForwardPass::enter(int64_t layer, const at::Tensor& x) const {
  for (const LateTokens& late : side_.late)
    if (late.layer == layer) {
      if (!args_.conditioning.late_embeddings.defined())
        throw Error("the prompt has late soft slots, but the tuner returns no late embeddings for them.");
      const at::Tensor embeddings =
          args_.conditioning.late_embeddings.index_select(0, late.slots).to(x.scalar_type());
      return x.index_copy(0, late.tokens, embeddings);
    }
  return x;
}

void ForwardPass::reserve_cache(const Side& side, const std::vector<int64_t>& shift) {
  KvCachePool& pool = args_.cache_out->pool();
  const bool continues = args_.cache_out == args_.batch.cache.get();
  const std::vector<int64_t> lengths = whole_lengths(side);
  std::vector<int64_t> cached_as;
  slots_ = std::make_unique<CacheSlots>();
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    const auto i = static_cast<std::size_t>(s);
    const int64_t parent = parent_of(side, s), cached = continues ? cache_of(side, s) : -1;
    const int64_t to =
        cached >= 0 ? cached : pool.fork(parent < 0 ? -1 : cached_as[static_cast<std::size_t>(parent)]);
    cached_as.push_back(to);
    const int64_t late = late_length(side, s);
    const auto add = [&](int64_t count, int64_t first_layer) {
      for (const KvCachePool::Range& range : pool.append(to, count, first_layer))
        slots_->ranges.push_back(range);
    };
    if (late > 0)
      add(late, side.late_layers[i]);
    if (own_length(side, s) > late)
      add(own_length(side, s) - late, 0);
    pool.next_position[static_cast<std::size_t>(to)] = shift[i] + lengths[i];
  }
  if (args_.batch.output)
    cache_sources(cached_as);
}

/// Which encoder tokens each cached sequence attends to; `CrossPass` stores them.
void ForwardPass::cache_sources(const std::vector<int64_t>& cached_as) const {
  const Batch& batch = args_.batch;
  KvCachePool& pool = args_.cache_out->pool();
  if (batch.source_of.empty()) {
    if (args_.cache_out != batch.cache.get())
      throw Error("a sequence whose encoder tokens are in a cache can only be added to that cache.");
    return;
  }
  const auto known = static_cast<int64_t>(pool.cross_offsets.size()) - 1;
  for (int64_t s = 0; s < batch.input.num_sequences(); ++s)
    pool.cross_offsets.push_back(pool.cross_offsets.back() + own_length(batch.input, s));
  pool.source_of.resize(static_cast<std::size_t>(pool.num_sequences()), -1);
  for (std::size_t s = 0; s < cached_as.size(); ++s)
    pool.source_of[static_cast<std::size_t>(cached_as[s])] = known + batch.source_of[s];
}

std::vector<KeyValues> ForwardPass::sources(int64_t layer, const at::Tensor& key,
                                            const at::Tensor& value) const {
  if (slots_)
    args_.cache_out->pool().put(layer, key, value, slots_->ranges);
  std::vector<KeyValues> result{{key, value}};
  if (has_cache_) {
    const KvCachePool::Layer& cached = args_.batch.cache->pool().layers[static_cast<std::size_t>(layer)];
    result.push_back({cached.key, cached.value});
  }
  add_prefixes(args_.conditioning, site_, layer, result);
  return result;
}

void ForwardPass::find_updates(const Side& side) {
  const BatchConditioning& conditioning = args_.conditioning;
  if (conditioning.low_rank.empty() && conditioning.rescalings.empty())
    return;
  for (std::size_t i = 0; i < conditioning.low_rank.size(); ++i)
    updates_[conditioning.low_rank[i].weight].low_rank.push_back(i);
  for (std::size_t i = 0; i < conditioning.rescalings.size(); ++i)
    updates_[conditioning.rescalings[i].weight].rescalings.push_back(i);
  // Sequences of one card are usually adjacent: then its tokens are one range, and no gather is needed.
  const auto collect = [&](int64_t card, const auto& cards, const std::vector<int64_t>& offsets,
                           std::map<int64_t, CardTokens>& into) {
    if (into.contains(card))
      return;
    CardTokens& tokens = into[card];
    std::vector<std::pair<int64_t, int64_t>> ranges;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      if ((card >= 0 && cards[i] != card) || offsets[i] == offsets[i + 1])
        continue;
      if (!ranges.empty() && ranges.back().second == offsets[i])
        ranges.back().second = offsets[i + 1];
      else
        ranges.emplace_back(offsets[i], offsets[i + 1]);
    }
    if (ranges.empty())
      return;
    tokens.begin = ranges.front().first;
    tokens.end = ranges.back().second;
    tokens.all = ranges.size() == 1 && tokens.begin == 0 && tokens.end == offsets.back();
    if (ranges.size() > 1) {
      std::vector<int64_t> indices;
      for (const auto& [begin, end] : ranges)
        for (int64_t token = begin; token < end; ++token)
          indices.push_back(token);
      tokens.indices = index_tensor(indices, side.ids.device());
    }
  };
  std::vector<int64_t> selected_cards, selected_offsets{0}; // each selected token on its own
  if (selects_tokens()) {
    std::size_t s = 0;
    for (const int64_t token : args_.batch.answer_tokens_host) { // ascending
      while (token >= side.offsets[s + 1])
        ++s;
      selected_cards.push_back(side.cards.empty() ? -1 : side.cards[s]);
      selected_offsets.push_back(std::ssize(selected_cards));
    }
  }
  const auto collect_card = [&](int64_t card) {
    collect(card, side.cards, side.offsets, all_);
    if (selects_tokens())
      collect(card, selected_cards, selected_offsets, selected_);
  };
  for (const int64_t card : conditioning.low_rank_cards)
    collect_card(card);
  for (const int64_t card : conditioning.rescaling_cards)
    collect_card(card);
}

const ForwardPass::CardTokens& ForwardPass::tokens_of(int64_t card, bool selected) const {
  return (selected ? selected_ : all_).at(card);
}

at::Tensor ForwardPass::linear(const Linear& map, const at::Tensor& x, bool selected) const {
  // Without gradients, the tokens of a card are changed in place: copying all tokens for each of many cards would take longer than
  // the matrix products.
  const bool in_place = !at::GradMode::is_enabled();
  return updated(map, x, [&](const at::Tensor& y, int64_t card, const auto& change) {
    const CardTokens& tokens = tokens_of(card, selected);
    if (tokens.begin == tokens.end)
      return y;
    if (tokens.all)
      return change(y, x);
    if (in_place && tokens.indices.defined())
      return at::Tensor(y).index_copy_(
          0, tokens.indices, change(y.index_select(0, tokens.indices), x.index_select(0, tokens.indices)));
    if (in_place) {
      const int64_t count = tokens.end - tokens.begin;
      const at::Tensor part = y.narrow(0, tokens.begin, count);
      part.copy_(change(part, x.narrow(0, tokens.begin, count)));
      return y;
    }
    if (tokens.indices.defined())
      return y.index_copy(0, tokens.indices,
                          change(y.index_select(0, tokens.indices), x.index_select(0, tokens.indices)));
    const at::Tensor own = x.narrow(0, tokens.begin, tokens.end - tokens.begin);
    return changed(y, tokens.begin, tokens.end, [&](const at::Tensor& part) { return change(part, own); });
  });
}

at::Tensor ForwardPass::linear_of_card(const Linear& map, const at::Tensor& x, int64_t card) const {
  return updated(map, x, [&](const at::Tensor& y, int64_t of, const auto& change) {
    return of < 0 || of == card ? change(y, x) : y;
  });
}

int64_t ForwardPass::card_of(int64_t token) const {
  const auto after = std::upper_bound(side_.offsets.begin(), side_.offsets.end(), token);
  return side_.cards.empty() ? -1 : side_.cards[static_cast<std::size_t>(after - side_.offsets.begin()) - 1];
}

/// `map(x)` with the updates of that layer: `apply(y, card, change)` is y with change(rows of y, rows of x) applied to a card's rows.
template <class Apply>
at::Tensor ForwardPass::updated(const Linear& map, const at::Tensor& x, const Apply& apply) const {
  const auto found = updates_.empty() ? updates_.end() : updates_.find(map.name);
  if (found == updates_.end())
    return map(x);
  const BatchConditioning& conditioning = args_.conditioning;
  const bool changes_input = std::ranges::any_of(
      found->second.rescalings, [&](std::size_t i) { return conditioning.rescalings[i].of_input; });
  at::Tensor input = changes_input && !at::GradMode::is_enabled() ? x.clone() : x; // changed in place
  for (const std::size_t i : found->second.rescalings)
    if (const Rescaling& rescaling = conditioning.rescalings[i]; rescaling.of_input)
      input = apply(input, conditioning.rescaling_cards[i], [&](const at::Tensor& part, const at::Tensor&) {
        return part * rescaling.factors.to(part.scalar_type());
      });
  at::Tensor output = map(input);
  for (const std::size_t i : found->second.low_rank) {
    const LowRankUpdate& update = conditioning.low_rank[i];
    output = apply(output, conditioning.low_rank_cards[i], [&](const at::Tensor& part, const at::Tensor& own) {
      const at::ScalarType type = own.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
      at::Tensor inner = own.to(type);
      if (update.dropout > 0)
        inner = dropout(inner, update.dropout, conditioning.pass, stream_of(update.weight));
      inner = inner.matmul(update.a.to(type).t()).matmul(update.b.to(type).t()) * update.scale;
      return part + inner.to(part.scalar_type());
    });
  }
  for (const std::size_t i : found->second.rescalings)
    if (const Rescaling& rescaling = conditioning.rescalings[i]; !rescaling.of_input)
      output = apply(output, conditioning.rescaling_cards[i], [&](const at::Tensor& part, const at::Tensor&) {
        return part * rescaling.factors.to(part.scalar_type());
      });
  return output;
}

} // namespace cuecard
