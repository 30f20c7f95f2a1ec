/// A trie that finds the longest of many strings at a position of a text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace cuecard::tokenizer {

class ByteTrie {
public:
  struct Match {
    uint32_t length = 0; ///< bytes; 0: no match
    int32_t value = -1;
  };

  ByteTrie();
  /// If a string is added twice, its first value is kept.
  void add(std::string_view string, int32_t value);
  Match longest(std::string_view text, size_t at) const { return longest_from(0, text, at); }
  /// Starts at `node` instead of the root: for strings with a common prefix.
  Match longest_from(uint32_t node, std::string_view text, size_t at) const;
  /// The node of a prefix, or -1 if no string starts with it.
  int64_t node(std::string_view string) const;
  bool empty() const { return values_.size() == 1; }

  // Step by step from the root (node 0), to enumerate all strings that match at a position.
  uint32_t follow(uint32_t node, char byte) const;             ///< 0: no such child
  int32_t value(uint32_t node) const { return values_[node]; } ///< -1: no string ends here

private:
  struct Edge {
    uint32_t key; // node << 8 | byte, plus 1; 0 is a free slot
    uint32_t to;
  };
  size_t slot_of(uint32_t key) const;

  std::vector<Edge> edges_;     // open addressing
  std::vector<int32_t> values_; // by node; -1: no string ends here
  uint32_t roots_[256] = {};    // edges of the root, a fast path
};

} // namespace cuecard::tokenizer
