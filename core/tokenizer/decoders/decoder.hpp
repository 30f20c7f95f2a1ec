/// Converts pieces back to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/files/field.hpp"

namespace cuecard::tokenizer {

/// Immutable; may be used from any thread.
class Decoder {
public:
  virtual ~Decoder() = default;
  /// Transforms the pieces; their concatenation is the decoded text.
  virtual void apply(std::vector<std::string>& pieces) const = 0;
};

/// Reads the `decoder` of a tokenizer.json. Throws DataError for an unsupported one.
std::unique_ptr<const Decoder> make_decoder(const Field& settings);

std::unique_ptr<const Decoder> make_wordpiece_decoder(const Field& settings);
std::unique_ptr<const Decoder> make_word_end_decoder(const Field& settings);
std::unique_ptr<const Decoder> make_ctc_decoder(const Field& settings);

} // namespace cuecard::tokenizer
