/// The vocabulary: a bidirectional map between pieces and ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cuecard::tokenizer {

class Pieces {
public:
  enum class Added { yes, id_taken, piece_taken, id_out_of_range };

  Pieces() = default;
  /// Reserves space for `count` pieces. Ids are limited to a small multiple of it, because gaps take memory.
  explicit Pieces(size_t count);

  Added add(std::string_view piece, int64_t id);
  /// Another spelling of an id that is taken: encoding finds it, decoding gives the first one.
  Added add_alias(std::string_view piece, int64_t id);
  /// A piece that is there already, with another id, which replaces the first one in encoding.
  Added add_again(std::string_view piece, int64_t id);
  std::optional<int32_t> id(std::string_view piece) const;
  /// Calls `function(piece, id)` for all pieces and aliases.
  template <typename Function>
  void for_each(Function&& function) const {
    for (size_t id = 0; id < pieces_.size(); ++id)
      if (present_[id])
        function(pieces_[id], static_cast<int32_t>(id));
    for (const auto& [piece, id] : aliases_)
      function(piece, id);
  }
  /// Null if no piece has this id.
  const std::string* piece(int64_t id) const;
  /// The largest id plus one.
  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  /// The number of pieces; every alias and every repeated piece counts.
  size_t count() const { return count_; }

private:
  size_t slot_of(std::string_view piece) const;
  void grow_index();

  std::vector<std::string> pieces_; // by id
  std::vector<bool> present_;
  std::unordered_map<std::string, int32_t> aliases_;
  std::vector<int32_t> index_; // open addressing; -1 is a free slot
  size_t count_ = 0;
  int64_t max_size_ = 0;
};

} // namespace cuecard::tokenizer
