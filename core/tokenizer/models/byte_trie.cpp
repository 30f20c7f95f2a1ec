#include "tokenizer/models/byte_trie.hpp"

#include <cuecard/error.hpp>

#include "tokenizer/models/byte_hash.hpp"

namespace cuecard::tokenizer {
namespace {

uint32_t key_of(uint32_t node, char byte) {
  return (node << 8 | static_cast<unsigned char>(byte)) + 1;
}

} // namespace

ByteTrie::ByteTrie() : edges_(256, Edge{0, 0}), values_(1, -1) {}

size_t ByteTrie::slot_of(uint32_t key) const {
  size_t slot = mix_bits(key) & (edges_.size() - 1);
  while (edges_[slot].key != 0 && edges_[slot].key != key)
    slot = (slot + 1) & (edges_.size() - 1);
  return slot;
}

uint32_t ByteTrie::follow(uint32_t node, char byte) const {
  if (node == 0)
    return roots_[static_cast<unsigned char>(byte)];
  const Edge& edge = edges_[slot_of(key_of(node, byte))];
  return edge.key == 0 ? 0 : edge.to;
}

void ByteTrie::add(std::string_view string, int32_t value) {
  uint32_t node = 0;
  for (const char byte : string) {
    uint32_t next = follow(node, byte);
    if (next == 0) {
      if (values_.size() >= (1u << 24) - 1)
        throw DataError(
            "A tokenizer whose pieces have more than 16 million distinct prefixes is not supported.");
      next = static_cast<uint32_t>(values_.size());
      values_.push_back(-1);
      if (2 * values_.size() > edges_.size()) {
        std::vector<Edge> old(2 * edges_.size(), Edge{0, 0});
        old.swap(edges_);
        for (const Edge& edge : old)
          if (edge.key != 0)
            edges_[slot_of(edge.key)] = edge;
      }
      edges_[slot_of(key_of(node, byte))] = {key_of(node, byte), next};
      if (node == 0)
        roots_[static_cast<unsigned char>(byte)] = next;
    }
    node = next;
  }
  if (node != 0 && values_[node] < 0)
    values_[node] = value;
}

int64_t ByteTrie::node(std::string_view string) const {
  uint32_t node = 0;
  for (const char byte : string)
    if ((node = follow(node, byte)) == 0)
      return -1;
  return node;
}

ByteTrie::Match ByteTrie::longest_from(uint32_t node, std::string_view text, size_t at) const {
  Match match;
  for (size_t end = at; end < text.size();) {
    node = follow(node, text[end++]);
    if (node == 0)
      break;
    if (values_[node] >= 0)
      match = {static_cast<uint32_t>(end - at), values_[node]};
  }
  return match;
}

} // namespace cuecard::tokenizer
