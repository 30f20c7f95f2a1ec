#include "tokenizer/pre_tokenizers/pre_tokenizer.hpp"
#include "tokenizer/text/byte_level.hpp"

namespace cuecard::tokenizer {
namespace {

class ByteLevel final : public PreTokenizer {
public:
  ByteLevel(const Field& settings, bool encode_bytes)
      : add_prefix_space_(settings.flag("add_prefix_space", true)),
        use_regex_(settings.flag("use_regex", true)), encode_bytes_(encode_bytes) {}

  void apply(Words& words) const override {
    if (add_prefix_space_)
      prepend(words, " ", [&](Span word) { return words.text.text()[word.begin] != ' '; });
    if (use_regex_)
      split(words);
    if (encode_bytes_)
      encode(words);
  }

private:
  static void split(Words& words) {
    std::vector<Span> pieces;
    for (const Span word : words.spans) {
      const std::string_view text = std::string_view(words.text.text()).substr(0, word.end);
      for (uint32_t at = word.begin, end = at; at < word.end; at = end) {
        end = piece_end(SplitRule::gpt2, text, at);
        pieces.push_back({at, end});
      }
    }
    words.spans = std::move(pieces);
  }

  static void encode(Words& words) {
    Rewriter rewriter(words.text);
    for (Span& word : words.spans) {
      const uint32_t begin = rewriter.size();
      for (uint32_t at = word.begin; at < word.end; ++at) {
        const auto byte = static_cast<unsigned char>(words.text.text()[at]);
        rewriter.put(byte_level_alphabet()[byte], {at, at + 1});
      }
      word = {begin, rewriter.size()};
    }
    words.text = rewriter.finish();
  }

  bool add_prefix_space_, use_regex_, encode_bytes_;
};

} // namespace

std::unique_ptr<const PreTokenizer> make_byte_level(const Field& settings, bool encode_bytes) {
  return std::make_unique<ByteLevel>(settings, encode_bytes);
}

} // namespace cuecard::tokenizer
