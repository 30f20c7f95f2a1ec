// Training steps of the model's own weights, alone and with a soft prompt, on a device that is not the CPU: the
// same numbers, and no step that waits for the device. In float32, the type in which weights are trained.
#include "same_run.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("all weights, biases, and weights with a soft prompt") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"}) {
    check_same(name, {"Review: {text} It was {mask}", "adamw", "none", {"fine-tuning", {}}, 1e-3},
               {at::kFloat});
    check_same(name,
               {soft_tokens_inside.text,
                "adamw",
                "none",
                {"p-tuning", {{"encoder", "mlp"}, {"tune-model", "true"}}},
                1e-2},
               {at::kFloat});
  }
  check_same("bert-mlm",
             {"Review: {text} It was {mask}", "adamw", "none", {"fine-tuning", {{"what", "bias"}}}, 1e-2},
             {at::kFloat});
}
