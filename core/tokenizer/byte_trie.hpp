/// The longest of many strings that stands at a place of a text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cuecard::tokenizer {

class ByteTrie {
public:
  struct Found {
    uint32_t length = 0; ///< bytes; 0: none of the strings stands there
    int32_t value = -1;
  };

  ByteTrie();
  /// The first value of a string stays.
  void add(std::string_view string, int32_t value);
  Found longest(std::string_view text, size_t at) const { return longest_from(0, text, at); }
  /// As if the text up to `at` had been `node`'s string: for strings that share a beginning.
  Found longest_from(uint32_t node, std::string_view text, size_t at) const;
  /// The node of a string, or -1 when none of the strings starts with it.
  int64_t node(std::string_view string) const;
  bool empty() const { return values_.size() == 1; }

  // Byte by byte from node 0, for those who want every string that stands at a place.
  uint32_t follow(uint32_t node, char byte) const;             ///< 0: no string goes on so
  int32_t value(uint32_t node) const { return values_[node]; } ///< -1: no string ends here

private:
  struct Edge {
    uint32_t key; // node << 8 | byte, plus 1; 0 is a free slot
    uint32_t to;
  };
  size_t slot_of(uint32_t key) const;

  std::vector<Edge> edges_;     // open addressing
  std::vector<int32_t> values_; // by node; -1: no string ends here
  uint32_t roots_[256] = {};    // edges of node 0, which every search begins with
};

} // namespace cuecard::tokenizer
