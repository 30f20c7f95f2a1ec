// Training steps of prefixes and of encoded soft prompts on a device that is not the CPU: the same numbers, and
// no step that waits for the device.
#include "same_run.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("prefixes, with and without a network and dropout") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    for (const ComponentChoice& tuner :
         {ComponentChoice{"prefix-tuning", {{"length", "4"}, {"mid-dim", "16"}, {"dropout", "0.2"}}},
          ComponentChoice{"prefix-tuning", {{"length", "3"}, {"init", "text"}, {"projection", "false"}}},
          ComponentChoice{"p-tuning-v2", {{"length", "5"}}}}) {
      CAPTURE(tuner.component);
      check_same(name, {soft_prompt_before.text, "adamw", "none", tuner});
    }
}

TEST_CASE("soft prompts encoded by an LSTM and by an MLP, before and inside the text") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated", "bart"})
    for (const char* encoder : {"lstm", "mlp"}) {
      CAPTURE(encoder);
      for (const char* text : {soft_prompt_before.text, soft_tokens_inside.text})
        check_same(name, {text, "adamw", "none", {"p-tuning", {{"encoder", encoder}}}});
    }
}
