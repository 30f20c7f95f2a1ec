/// The step that changes text before it is cut: cleaning, Unicode normalisation forms, lower case.
#pragma once

#include <memory>

#include "tokenizer/aligned_text.hpp"
#include "tokenizer/field.hpp"

namespace cuecard::tokenizer {

/// Immutable; may be used from any thread.
class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

/// Reads the `normalizer` of a tokenizer.json. Throws DataError for one that is not supported.
std::unique_ptr<const Normalizer> make_normalizer(const Field& settings);

std::unique_ptr<const Normalizer> make_bert_normalizer(const Field& settings);
/// A map that SentencePiece compiled: `precompiled_charsmap`, in base64.
std::unique_ptr<const Normalizer> make_precompiled(const Field& settings);

/// Unicode normalisation forms, of Unicode 9 (see unicode.hpp).
enum class Form { nfc, nfd, nfkc, nfkd };
void apply_form(Form form, AlignedText& text);

/// Every character in lower case by itself: sigma at the end of a word is like any other.
void apply_lowercase(AlignedText& text);

} // namespace cuecard::tokenizer
