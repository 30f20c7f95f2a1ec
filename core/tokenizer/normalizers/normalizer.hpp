/// Normalizers transform text before pre-tokenization: cleaning, Unicode normalisation forms, lowercasing.
#pragma once

#include <memory>

#include "tokenizer/files/field.hpp"
#include "tokenizer/text/aligned_text.hpp"

namespace cuecard::tokenizer {

/// Immutable; may be used from any thread.
class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

/// Reads the `normalizer` of a tokenizer.json. Throws DataError for an unsupported one.
std::unique_ptr<const Normalizer> make_normalizer(const Field& settings);

std::unique_ptr<const Normalizer> make_bert_normalizer(const Field& settings);
/// SentencePiece's `precompiled_charsmap`, in base64.
std::unique_ptr<const Normalizer> make_precompiled(const Field& settings);

/// Unicode normalisation forms, as of Unicode 9 (see unicode.hpp).
enum class Form { nfc, nfd, nfkc, nfkd };
void apply_form(Form form, AlignedText& text);

/// Lowercases each character independently of its context; a final sigma is not special.
void apply_lowercase(AlignedText& text);

} // namespace cuecard::tokenizer
