// SentencePiece `.model` files, BPE or unigram.
#include <nlohmann/json.hpp>

#include "parser.hpp"
#include "tokenize.hpp"
#include "tokenizer/files/sentencepiece_json.hpp"
#include "tokenizer/steps.hpp"

using namespace cuecard;
using namespace cuecard::tokenizer;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string text(fuzz::text_of(bytes, size));
  return fuzz::read_or_refuse([&] {
    const SentencePieceFile file = parse_sentencepiece(text, "fuzzed");
    const bool merges = file.algorithm == SentencePieceFile::Algorithm::bpe;
    const nlohmann::json document = {
        {"model", merges ? bpe_model(file, "fuzzed") : unigram_model(file, "fuzzed")},
        {"normalizer", precompiled_normalizer(file)}};
    fuzz::tokenize(*make_vocabulary(document, "fuzzed", "/nonexistent"));
  });
}
