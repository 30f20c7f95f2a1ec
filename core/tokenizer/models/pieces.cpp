#include "tokenizer/models/pieces.hpp"

#include <algorithm>

#include "tokenizer/models/byte_hash.hpp"

namespace cuecard::tokenizer {

// Vocabularies may have gaps (ids of added tokens), but not far more gaps than pieces.
Pieces::Pieces(size_t count)
    : index_(64, -1), max_size_(std::min<int64_t>(16 * (static_cast<int64_t>(count) + 4096), INT32_MAX)) {
  while (index_.size() < 2 * count)
    index_.resize(2 * index_.size(), -1);
}

Pieces::Added Pieces::add(std::string_view piece, int64_t id) {
  if (id < 0 || id >= max_size_)
    return Added::id_out_of_range;
  if (this->piece(id))
    return Added::id_taken;
  if (this->id(piece))
    return Added::piece_taken;
  if (id >= size()) {
    pieces_.resize(static_cast<size_t>(id) + 1);
    present_.resize(static_cast<size_t>(id) + 1);
  }
  pieces_[static_cast<size_t>(id)] = piece;
  present_[static_cast<size_t>(id)] = true;
  ++count_;
  if (2 * count_ > index_.size())
    grow_index();
  else
    index_[slot_of(piece)] = static_cast<int32_t>(id);
  return Added::yes;
}

Pieces::Added Pieces::add_alias(std::string_view piece, int64_t id) {
  if (!this->piece(id))
    return add(piece, id);
  if (this->id(piece))
    return Added::piece_taken;
  aliases_.emplace(piece, static_cast<int32_t>(id));
  ++count_;
  return Added::yes;
}

Pieces::Added Pieces::add_again(std::string_view piece, int64_t id) {
  const auto first = this->id(piece);
  if (!first)
    return add(piece, id);
  if (id < size() || id >= max_size_)
    return id < size() ? Added::id_taken : Added::id_out_of_range;
  pieces_.resize(static_cast<size_t>(id) + 1);
  present_.resize(static_cast<size_t>(id) + 1);
  const size_t slot = slot_of(piece);
  pieces_[static_cast<size_t>(id)] = piece;
  present_[static_cast<size_t>(id)] = true;
  index_[slot] = static_cast<int32_t>(id);
  ++count_;
  return Added::yes;
}

size_t Pieces::slot_of(std::string_view piece) const {
  size_t slot = hash_bytes(piece) & (index_.size() - 1);
  while (index_[slot] >= 0 && pieces_[static_cast<size_t>(index_[slot])] != piece)
    slot = (slot + 1) & (index_.size() - 1);
  return slot;
}

void Pieces::grow_index() {
  index_.assign(2 * index_.size(), -1);
  for (size_t id = 0; id < pieces_.size(); ++id)
    if (present_[id])
      index_[slot_of(pieces_[id])] = static_cast<int32_t>(id);
}

std::optional<int32_t> Pieces::id(std::string_view piece) const {
  if (index_.empty())
    return std::nullopt;
  const int32_t id = index_[slot_of(piece)];
  if (id < 0 && !aliases_.empty())
    if (const auto alias = aliases_.find(std::string(piece)); alias != aliases_.end())
      return alias->second;
  return id < 0 ? std::nullopt : std::optional<int32_t>(id);
}

const std::string* Pieces::piece(int64_t id) const {
  if (id < 0 || id >= size() || !present_[static_cast<size_t>(id)])
    return nullptr;
  return &pieces_[static_cast<size_t>(id)];
}

} // namespace cuecard::tokenizer
