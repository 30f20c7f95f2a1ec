/// The complete tokenizer: added tokens, normalizer, pre-tokenizer, model, post-processor and decoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <cuecard/vocabulary.hpp>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/decoders/decoder.hpp"
#include "tokenizer/models/model.hpp"
#include "tokenizer/models/pieces.hpp"
#include "tokenizer/models/word_cache.hpp"
#include "tokenizer/normalizers/normalizer.hpp"
#include "tokenizer/post_processor.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizer.hpp"

namespace cuecard::tokenizer {

/// The steps of the pipeline, in order; null steps are skipped.
struct Steps {
  std::unique_ptr<const Pieces> pieces;
  std::unique_ptr<const Normalizer> normalizer;
  AddedTokens added;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const Model> model; ///< refers to `pieces`
  PostProcessor post_processor;
  std::unique_ptr<const Decoder> decoder;
  SpecialTokens roles;
  std::string chat_template;         ///< Jinja source, or ""
  std::vector<std::string> warnings; ///< sentences about settings that Cuecard reads in its own way
};

class Pipeline final : public Vocabulary {
public:
  explicit Pipeline(Steps steps);

  std::vector<Token> encode(std::string_view text) const override;
  std::vector<Token> encode_with_specials(std::string_view text) const override;
  std::vector<Token> encode_parts(std::span<const TextPart> parts, TextContext context) const override;
  std::string decode(std::span<const int64_t> ids, bool skip_special) const override;
  std::string piece(int64_t id) const override;
  std::optional<int64_t> id(std::string_view piece) const override;
  int64_t size() const override { return size_; }
  const SpecialTokens& special() const override { return steps_.roles; }
  bool is_special(int64_t id) const override;
  std::span<const int64_t> sequence_prefix() const override { return steps_.post_processor.prefix; }
  std::span<const int64_t> sequence_suffix() const override { return steps_.post_processor.suffix; }
  std::string kind() const override { return steps_.model->name(); }
  std::string chat_template() const override { return steps_.chat_template; }

private:
  /// Tokens of `text` from byte `begin` on, which must begin a character; what precedes it only marks that this is not the beginning of
  /// the text.
  std::vector<Token> run(std::string_view text, const SpecialSpans& specials, uint32_t begin = 0) const;
  void encode_between(AlignedText text, const SpecialSpans& specials, WordCache& cache,
                      std::vector<Token>& to) const;
  void encode_plain(AlignedText text, WordCache& cache, std::vector<Token>& to) const;
  void trim_offsets(std::string_view text, std::vector<Token>& tokens) const;
  const std::string* find_piece(int64_t id) const;

  Steps steps_;
  int64_t size_ = 0;
  mutable WordCaches caches_;
};

} // namespace cuecard::tokenizer
