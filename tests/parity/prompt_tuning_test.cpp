// Prompt tuning against PEFT in float64: loss, gradient, and three steps of AdamW, the shared front laid once.
#include <ATen/ATen.h>

#include <cuecard/parts/optimizer.hpp>

#include "batch/pack.hpp"
#include "recorded.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Each sequence of the recording with the learned rows in front, read at its last row.
std::vector<TokenizedPrompt> prompts(const Recording& recording, int64_t length) {
  const std::vector<int64_t> ids = recording.list("ids"), offsets = recording.list("offsets");
  std::vector<TokenizedPrompt> result;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    TokenizedPrompt& prompt = result.emplace_back();
    for (int64_t slot = 0; slot < length; ++slot) {
      prompt.input.emplace_back();
      prompt.input.back().soft_slot = slot;
    }
    for (int64_t i = offsets[s]; i < offsets[s + 1]; ++i) {
      prompt.input.emplace_back();
      prompt.input.back().id = ids[static_cast<std::size_t>(i)];
    }
    prompt.answers = {static_cast<int64_t>(prompt.input.size()) - 1};
    prompt.targets = {-1};
  }
  return result;
}

} // namespace

TEST_CASE("loss, gradient and three AdamW steps equal PEFT's") {
  for (const char* name : {"llama-tied", "llama-untied"})
    for (const std::string form : {"label_words", "full"})
      for (const bool share_front : {true, false}) {
        CAPTURE(name);
        CAPTURE(form);
        CAPTURE(share_front);
        const Model model = tiny_model(name, at::kDouble);
        const Recording recording(golden / "models" / name / "prompt_tuning.safetensors");
        const at::Tensor prompt = recording["prompt"].set_requires_grad(true);
        const std::vector<TokenizedPrompt> tokenized = prompts(recording, prompt.size(0));
        std::vector<PackItem> items;
        for (const TokenizedPrompt& each : tokenized)
          items.push_back({&each});
        const Batch batch = pack(items, {at::kCPU, share_front});
        CHECK((batch.input.rows() < static_cast<int64_t>(tokenized.size()) * prompt.size(0) +
                                        recording["ids"].size(0)) == share_front);

        const bool label_words = form == "label_words";
        const at::Tensor labels =
            label_words ? recording["labels"] : recording["label_words"].index_select(0, recording["labels"]);
        const std::vector<ParameterGroup> groups{{{prompt}, 1.0, 0.01}};
        const auto optimizer = make_optimizer("adamw", groups);
        for (int64_t step = 0; step <= 3; ++step) {
          Conditioning conditioning;
          conditioning.embeddings = prompt;
          const at::Tensor hidden = model.backbone().forward({batch, conditioning});
          const Readout readout{Readout::Kind::scores, label_words ? recording["label_words"] : at::Tensor()};
          const at::Tensor loss = at::cross_entropy_loss(model.backbone().read(hidden, readout), labels);
          CHECK(std::abs(loss.item<double>() - recording[form + ".losses"][step].item<double>()) < 1e-8);
          if (step == 3)
            break;
          clear_gradients(groups);
          loss.backward();
          CHECK((prompt.grad() - recording[form + ".gradients"][step]).abs().max().item<double>() < 1e-8);
          optimizer->step(0.02);
          CHECK((prompt.detach() - recording[form + ".prompts"][step]).abs().max().item<double>() < 1e-8);
        }
      }
}
