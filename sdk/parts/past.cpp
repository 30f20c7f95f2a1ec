#include <cuecard/past.hpp>

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Rows kept behind a sequence that is written row by row.
constexpr int64_t step_room = 32;

int64_t count_rows(const std::vector<Past::Rows>& rows) {
  int64_t count = 0;
  for (const Past::Rows& range : rows)
    count += range.size();
  return count;
}

void extend(std::vector<Past::Rows>& ranges, Past::Rows rows) {
  if (!ranges.empty() && ranges.back().end == rows.begin)
    ranges.back().end = rows.end;
  else if (rows.size() > 0)
    ranges.push_back(rows);
}

/// Those rows of `pool`, in that order.
at::Tensor gathered(const at::Tensor& pool, const std::vector<Past::Rows>& rows) {
  std::vector<at::Tensor> parts;
  for (const Past::Rows& range : rows)
    parts.push_back(pool.narrow(0, range.begin, range.size()));
  return parts.empty() ? pool.narrow(0, 0, 0).clone() : at::cat(parts);
}

/// `pool` with room for `rows` rows.
at::Tensor grown(const at::Tensor& pool, int64_t rows) {
  at::Tensor larger = at::empty({rows, pool.size(1), pool.size(2)}, pool.options());
  larger.narrow(0, 0, pool.size(0)).copy_(pool);
  return larger;
}

/// Drops encoder rows that no sequence attends to any more, once they are the larger part.
void drop_unused_sources(Past& past) {
  const std::size_t sources = past.cross_offsets.size() - 1;
  std::vector<int64_t> renumbered(sources, -1);
  for (const int64_t source : past.source_of)
    if (source >= 0)
      renumbered[static_cast<std::size_t>(source)] = 0;
  std::vector<Past::Rows> used;
  std::vector<int64_t> offsets{0};
  for (std::size_t source = 0; source < sources; ++source) {
    if (renumbered[source] < 0)
      continue;
    renumbered[source] = std::ssize(used);
    used.push_back({past.cross_offsets[source], past.cross_offsets[source + 1]});
    offsets.push_back(offsets.back() + used.back().size());
  }
  if (offsets.back() >= past.cross_offsets.back() / 2)
    return;
  const at::NoGradGuard no_grad;
  for (Past::Layer& layer : past.cross)
    layer = {gathered(layer.key, used), gathered(layer.value, used)};
  for (int64_t& source : past.source_of)
    if (source >= 0)
      source = renumbered[static_cast<std::size_t>(source)];
  past.cross_offsets = std::move(offsets);
}

int64_t tensor_bytes(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.numel() * static_cast<int64_t>(tensor.element_size()) : 0;
}

} // namespace

int64_t Past::length(int64_t sequence) const {
  return count_rows(ranges[static_cast<std::size_t>(sequence)]);
}

std::vector<Past::Rows> Past::front(int64_t sequence, int64_t rows) const {
  std::vector<Rows> result;
  for (const Rows& range : ranges[static_cast<std::size_t>(sequence)]) {
    if (rows <= 0)
      break;
    result.push_back({range.begin, range.begin + std::min(range.size(), rows)});
    rows -= range.size();
  }
  return result;
}

int64_t Past::bytes() const {
  int64_t sum = 0;
  for (const std::vector<Layer>* each : {&layers, &cross})
    for (const Layer& layer : *each)
      sum += tensor_bytes(layer.key) + tensor_bytes(layer.value);
  return sum;
}

int64_t Past::fork(int64_t sequence) {
  const bool fresh = sequence < 0;
  const auto from = static_cast<std::size_t>(sequence);
  ranges.push_back(fresh ? std::vector<Rows>{} : std::vector<Rows>(ranges[from]));
  next_position.push_back(fresh ? 0 : next_position[from]);
  if (!source_of.empty())
    source_of.push_back(fresh ? -1 : source_of[from]);
  room_.push_back({});
  return sequences() - 1;
}

void Past::release(int64_t sequence) {
  ranges[static_cast<std::size_t>(sequence)].clear();
  room_[static_cast<std::size_t>(sequence)] = {};
  if (!source_of.empty())
    source_of[static_cast<std::size_t>(sequence)] = -1;
}

std::vector<Past::Rows> Past::append(int64_t sequence, int64_t count) {
  const auto s = static_cast<std::size_t>(sequence);
  std::vector<Rows> given;
  const auto take = [&](Rows rows) {
    extend(given, rows);
    extend(ranges[s], rows);
  };
  if (const int64_t in_room = std::min(count, room_[s].size()); in_room > 0) {
    take({room_[s].begin, room_[s].begin + in_room});
    room_[s].begin += in_room;
    count -= in_room;
  }
  if (count > 0) {
    // Only `reserve` moves rows: between it and `put` others have looked where they are.
    const int64_t room = count == 1 ? step_room - 1 : 0;
    take({rows_, rows_ + count});
    room_[s] = {rows_ + count, rows_ + count + room};
    rows_ += count + room;
  }
  return given;
}

void Past::reserve(int64_t rows) {
  drop_unused_sources(*this);
  if (layers.empty() || rows_ + rows <= layers[0].key.size(0))
    return; // where no layer is there yet, `put` makes the pool as large as it must be
  int64_t used = count_rows(room_);
  for (const std::vector<Rows>& sequence : ranges)
    used += count_rows(sequence); // shared rows count more than once, so this errs towards growing
  if (used < rows_ / 2)
    compact();
}

/// Moves what sequences have to the beginning of the pool.
void Past::compact() {
  std::vector<Rows> kept;
  for (const std::vector<Rows>& sequence : ranges)
    kept.insert(kept.end(), sequence.begin(), sequence.end());
  for (const Rows& room : room_)
    if (room.size() > 0)
      kept.push_back(room);
  std::sort(kept.begin(), kept.end(), [](const Rows& a, const Rows& b) { return a.begin < b.begin; });
  std::vector<Rows> joined;
  for (const Rows& rows : kept) {
    if (!joined.empty() && rows.begin <= joined.back().end)
      joined.back().end = std::max(joined.back().end, rows.end);
    else
      joined.push_back(rows);
  }
  std::vector<int64_t> begins; // of each joined range, afterwards
  int64_t rows = 0;
  for (const Rows& range : joined) {
    begins.push_back(rows);
    rows += range.size();
  }
  const auto moved = [&](Rows range) {
    const auto behind = std::upper_bound(joined.begin(), joined.end(), range.begin,
                                         [](int64_t begin, const Rows& other) { return begin < other.begin; });
    const auto i = static_cast<std::size_t>(behind - joined.begin()) - 1;
    const int64_t by = begins[i] - joined[i].begin;
    return Rows{range.begin + by, range.end + by};
  };
  for (std::vector<Rows>& sequence : ranges)
    for (Rows& range : sequence)
      range = moved(range);
  for (Rows& room : room_)
    if (room.size() > 0)
      room = moved(room);
  const at::NoGradGuard no_grad;
  for (Layer& layer : layers)
    layer = {gathered(layer.key, joined), gathered(layer.value, joined)};
  rows_ = rows;
}

void Past::put(int64_t layer, const at::Tensor& key, const at::Tensor& value, const std::vector<Rows>& where) {
  const at::NoGradGuard no_grad;
  const auto l = static_cast<std::size_t>(layer);
  if (l > layers.size())
    throw Error("keys and values of layer " + std::to_string(layer) + " come before those of layer " +
                std::to_string(layers.size()) + ".");
  if (l == layers.size()) {
    const bool whole =
        where.size() == 1 && where[0].begin == 0 && where[0].end == rows_ && rows_ == key.size(0);
    if (whole) { // nothing else is there: no copy
      layers.push_back({key.detach(), value.detach()});
      return;
    }
    layers.push_back({at::empty({rows_, key.size(1), key.size(2)}, key.options().requires_grad(false)),
                      at::empty({rows_, value.size(1), value.size(2)}, value.options().requires_grad(false))});
  }
  Layer& pool = layers[l];
  if (pool.key.size(0) < rows_) {
    const int64_t capacity = std::max(rows_, 2 * pool.key.size(0));
    pool = {grown(pool.key, capacity), grown(pool.value, capacity)};
  }
  if (where.size() > 1) { // a step of decoding: single rows in as many places
    std::vector<int64_t> places;
    for (const Rows& range : where)
      for (int64_t row = range.begin; row < range.end; ++row)
        places.push_back(row);
    const at::Tensor index = index_tensor(places, pool.key.device());
    pool.key.index_copy_(0, index, key.detach());
    pool.value.index_copy_(0, index, value.detach());
    return;
  }
  const Rows range = where.empty() ? Rows{} : where[0];
  pool.key.narrow(0, range.begin, range.size()).copy_(key);
  pool.value.narrow(0, range.begin, range.size()).copy_(value);
}

Past Past::select(const std::vector<int64_t>& which) const {
  Past result;
  std::vector<Rows> wanted;
  std::vector<int64_t> sources;
  for (const int64_t s : which) {
    const auto from = static_cast<std::size_t>(s);
    wanted.insert(wanted.end(), ranges[from].begin(), ranges[from].end());
    const int64_t to = result.fork(-1), rows = length(s);
    extend(result.ranges[static_cast<std::size_t>(to)], {result.rows_, result.rows_ + rows});
    result.rows_ += rows;
    result.next_position[static_cast<std::size_t>(to)] = next_position[from];
    if (!source_of.empty())
      sources.push_back(source_of[from]);
  }
  for (const Layer& layer : layers)
    result.layers.push_back({gathered(layer.key, wanted), gathered(layer.value, wanted)});
  if (sources.empty())
    return result;
  std::vector<Rows> encoders;
  for (const int64_t source : sources) {
    const Rows rows{cross_offsets[static_cast<std::size_t>(source)],
                    cross_offsets[static_cast<std::size_t>(source) + 1]};
    encoders.push_back(rows);
    result.source_of.push_back(static_cast<int64_t>(result.cross_offsets.size()) - 1);
    result.cross_offsets.push_back(result.cross_offsets.back() + rows.size());
  }
  for (const Layer& layer : cross)
    result.cross.push_back({gathered(layer.key, encoders), gathered(layer.value, encoders)});
  return result;
}

} // namespace cuecard
