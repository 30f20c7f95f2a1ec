#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "host/output/cut_message.hpp"

using namespace cuecard;
using namespace cuecard::host;

namespace {

CutTokens lost(std::map<std::string, int64_t> by_field, int64_t limit) {
  return {std::move(by_field), limit};
}

CutExamples examples(int64_t whole, const std::vector<CutTokens>& cut) {
  CutExamples all;
  for (int64_t i = 0; i < whole; ++i)
    all.add({});
  for (const CutTokens& each : cut)
    all.add(each);
  return all;
}

const CutContext training{"train.tsv", "training examples", "\"max_length\" in the task file", 512, false};

} // namespace

TEST_CASE("examples that lost tokens are counted, with the fields that lost them") {
  CHECK(cut_sentence(examples(3, {}), training) == "");
  CHECK(cut_sentence(examples(244, std::vector<CutTokens>(12, lost({{"text", 100}}, 64))), training) ==
        "train.tsv: 12 of 256 training examples cut to 64 tokens (1,200 tokens of the field \"text\" lost).");
  CHECK(
      cut_sentence(examples(1, {lost({{"", 2}, {"text", 3}}, 64), lost({{"text", 1}}, 32)}),
                   {"", "examples", "", 0, false}) ==
      "2 of 3 examples cut to 32 to 64 tokens (2 tokens of the template's text, 4 of the field \"text\" lost).");
  CHECK(cut_sentence(examples(1, {lost({{"text", 1}}, 64)}), training) ==
        "train.tsv: 1 of 2 training examples cut to 64 tokens (1 token of the field \"text\" lost).");
}

TEST_CASE("examples that gave way to new tokens") {
  const CutExamples cut = examples(1, {lost({{"text", 3}}, 60), lost({{"text", 5}}, 64)});
  CutContext generated{"", "examples", "--max-length", 128, false, "--max-new-tokens", 128};
  CHECK(
      cut_sentence(cut, generated) ==
      "2 of 3 examples cut to 60 to 64 tokens (8 tokens of the field \"text\" lost) to leave room for new ones.");
  CHECK(cut_advice(cut, generated) ==
        "more than 5 % of the examples are cut to leave room for new tokens: lower --max-new-tokens (the model "
        "takes 128 tokens, the new ones included), or shorten the texts or the template.");
  generated.alone = 60; // --max-length
  CHECK(
      cut_advice(cut, generated) ==
      "more than 5 % of the examples are cut; raise --max-length (the model takes up to 128 tokens), use fewer "
      "demonstrations, or shorten the template.");
}

TEST_CASE("of an example's prompts, the one that lost most counts") {
  CutTokens example;
  for (const CutTokens& prompt : {lost({{"a", 3}, {"b", 1}}, 8), lost({{"a", 2}, {"b", 5}}, 8), CutTokens{}})
    example.take_most(prompt);
  CHECK(example.by_field == std::map<std::string, int64_t>{{"a", 3}, {"b", 5}});
  CHECK(example.total() == 8);
  CHECK(example.limit == 8);
}

TEST_CASE("more than one in twenty: what can be done, as far as the model allows") {
  const CutTokens one = lost({{"text", 1}}, 64);
  CHECK(cut_advice(examples(19, {one}), training) == "");
  CHECK(cut_advice(examples(18, {one}), training) ==
        "train.tsv: more than 5 % of the training examples are cut; raise \"max_length\" in the task file (the "
        "model takes up to 512 tokens), use fewer demonstrations, or shorten the template.");
  CHECK(cut_advice(examples(0, {lost({{"text", 1}}, 512)}), {"", "examples", "--max-length", 512, true}) ==
        "more than 5 % of the examples are cut, and the model takes up to 512 tokens: set \"truncate\" to "
        "\"windows\" in the task file, which splits long texts, use fewer demonstrations, or shorten the "
        "template.");
  CHECK(cut_advice(examples(0, {one}), {"", "examples", "--max-length", 0, false}) ==
        "more than 5 % of the examples are cut; raise --max-length, use fewer demonstrations, or shorten the "
        "template.");
}
