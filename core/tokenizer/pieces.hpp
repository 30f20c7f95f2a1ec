/// The vocabulary proper: pieces and their ids, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard::tokenizer {

class Pieces {
public:
  enum class Added { yes, id_taken, piece_taken, id_absurd };

  Pieces() = default;
  /// `count` pieces are to come; ids up to a small multiple of that are accepted, since each costs memory.
  explicit Pieces(size_t count);

  Added add(std::string_view piece, int64_t id);
  std::optional<int32_t> id(std::string_view piece) const;
  /// Null when no piece has this id.
  const std::string* piece(int64_t id) const;
  /// One more than the largest id.
  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  size_t count() const { return count_; }

private:
  size_t slot_of(std::string_view piece) const;
  void grow_index();

  std::vector<std::string> pieces_; // by id
  std::vector<bool> present_;
  std::vector<int32_t> index_; // open addressing; -1 is a free slot
  size_t count_ = 0;
  int64_t most_ = 0;
};

} // namespace cuecard::tokenizer
