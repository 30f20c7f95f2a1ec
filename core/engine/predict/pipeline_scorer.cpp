#include "engine/predict/pipeline_scorer.hpp"

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "engine/checks/returned_scores.hpp"
#include "engine/generate/continued_prompt.hpp"
#include "engine/generate/generator.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

class PipelineScorer final : public Scorer {
public:
  PipelineScorer(BatchRunner& runner, TextWriter& writer) : runner_(runner), writer_(writer) {}

  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor& outputs, const Batch& batch)>& use) override {
    const at::NoGradGuard no_grad; // not inference mode: callers may use the outputs with autograd later
    check_score_request(request, runner_.model().backbone());
    ExampleNotes notes(request.examples.size());
    const RunSource source = request.prompts ? runner_.prompts(*request.prompts, request.positions)
                                             : runner_.examples(request.examples, notes);
    const CountedBackbone backbone = runner_.backbone(0);
    bool any = false;
    runner_.run(source, [&](const ForwardBatch& forward) {
      any = true;
      use(backbone.project(forward.hidden, request.output, forward.batch), forward.batch);
    });
    if (!any && !notes.problems.empty())
      throw DataError("none of the " + std::to_string(notes.problems.size()) +
                      " examples could be scored: " + notes.problems.front());
  }

  std::vector<Prompt> blank() override { return blank_prompts(runner_.pipeline(0)); }

  std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                               const GenerateSettings& settings) override {
    try {
      check_settings(settings, runner_.model().shape().vocabulary);
    } catch (const UsageError& error) {
      throw UsageError(std::string("Scorer::generate: ") + error.what());
    }
    std::vector<TokenizedPrompt> tokenized_prompts;
    tokenized_prompts.reserve(prompts.size());
    for (const Prompt& prompt : prompts)
      tokenized_prompts.push_back(
          continued_prompt(runner_.pipeline(0), runner_.model(), prompt, settings.max_length));
    return writer_.write(std::move(tokenized_prompts), {}, std::vector<int64_t>(prompts.size(), 0), settings);
  }

private:
  BatchRunner& runner_;
  TextWriter& writer_;
};

} // namespace

std::unique_ptr<Scorer> make_scorer(BatchRunner& runner, TextWriter& writer) {
  return std::make_unique<PipelineScorer>(runner, writer);
}

} // namespace cuecard
