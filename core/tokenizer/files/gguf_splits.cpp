#include "tokenizer/files/gguf_splits.hpp"

#include <vector>

#include <cuecard/error.hpp>

namespace cuecard::tokenizer {

namespace {

constexpr SplitName split_names[] = {
    {"gpt-2", Splitting::gpt2},
    {"smollm", Splitting::single_digits},
    {"starcoder", Splitting::single_digits},
    {"llama-bpe", Splitting::llama3, true},
    {"qwen2", Splitting::qwen2},
    // Names that llama.cpp reads as one of those.
    {"gpt2", Splitting::gpt2},
    {"a.x-4.0", Splitting::gpt2},
    {"exaone4", Splitting::gpt2},
    {"gigachat", Splitting::gpt2},
    {"granite-docling", Splitting::gpt2},
    {"jais", Splitting::gpt2},
    {"jina-de", Splitting::gpt2},
    {"jina-es", Splitting::gpt2},
    {"jina-v2-de", Splitting::gpt2},
    {"jina-v2-es", Splitting::gpt2},
    {"mellum", Splitting::gpt2},
    {"modern-bert", Splitting::gpt2},
    {"mpt", Splitting::gpt2},
    {"olmo", Splitting::gpt2},
    {"phi-2", Splitting::gpt2},
    {"trillion", Splitting::gpt2},
    {"codeshell", Splitting::single_digits},
    {"command-r", Splitting::single_digits},
    {"exaone", Splitting::single_digits},
    {"mellum2", Splitting::single_digits},
    {"minerva-7b", Splitting::single_digits},
    {"refact", Splitting::single_digits},
    {"falcon-h1", Splitting::llama3, true},
    {"falcon3", Splitting::llama3, true},
    {"jina-v5-nano", Splitting::llama3, true},
    {"lfm2", Splitting::llama3, true},
    {"llama-v3", Splitting::llama3, true},
    {"llama3", Splitting::llama3, true},
    {"midm-2.0", Splitting::llama3, true},
    {"pixtral", Splitting::llama3, true},
    {"chatglm-bpe", Splitting::llama3},
    {"dbrx", Splitting::llama3},
    {"glm4", Splitting::llama3},
    {"smaug-bpe", Splitting::llama3},
    {"deepseek-r1-qwen", Splitting::qwen2},
    {"f2llmv2", Splitting::qwen2},
    {"grok-2", Splitting::qwen2},
    {"hunyuan", Splitting::qwen2},
    {"kormo", Splitting::qwen2},
    {"megrez", Splitting::qwen2},
    {"solar-open", Splitting::qwen2},
    {"stablelm2", Splitting::qwen2},
};

} // namespace

const SplitName& split_of(const std::string& pre, const std::string& origin) {
  std::vector<std::string> known;
  for (const SplitName& each : split_names) {
    if (pre == each.name)
      return each;
    known.emplace_back(each.name);
  }
  std::string names;
  for (const std::string& name : known)
    names += (names.empty() ? "" : ", ") + name;
  throw DataError(origin + ": metadata \"tokenizer.ggml.pre\" is " +
                  (pre.empty() ? "missing, so it is unknown how the model splits texts"
                               : "\"" + pre + "\", a pre-tokenizer that is not supported") +
                  "; supported values are " + names + "." + did_you_mean(pre, known));
}

} // namespace cuecard::tokenizer
