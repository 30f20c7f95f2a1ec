/// The vocabulary: a bidirectional map between pieces and ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard::tokenizer {

class Pieces {
public:
  enum class Added { yes, id_taken, piece_taken, id_out_of_range };

  Pieces() = default;
  /// Reserves space for `count` pieces. Ids are limited to a small multiple of it, because gaps take memory.
  explicit Pieces(size_t count);

  Added add(std::string_view piece, int64_t id);
  std::optional<int32_t> id(std::string_view piece) const;
  /// Null if no piece has this id.
  const std::string* piece(int64_t id) const;
  /// The largest id plus one.
  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  size_t count() const { return count_; }

private:
  size_t slot_of(std::string_view piece) const;
  void grow_index();

  std::vector<std::string> pieces_; // by id
  std::vector<bool> present_;
  std::vector<int32_t> index_; // open addressing; -1 is a free slot
  size_t count_ = 0;
  int64_t max_size_ = 0;
};

} // namespace cuecard::tokenizer
