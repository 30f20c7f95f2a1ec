// What verbalizers and tuners run prompts with.
#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "engine/generator.hpp"
#include "engine/predictor_rows.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

class Predictor::MethodScorer final : public Scorer {
public:
  explicit MethodScorer(Predictor& predictor) : predictor_(predictor) {}

  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor& values, const Batch& batch)>& use) override {
    const at::NoGradGuard no_grad; // not inference mode: what is kept of it may meet autograd later
    std::vector<std::string> problems(request.examples.size());
    const Source source = request.prompts ? source_of(*request.prompts, request.reading)
                                          : predictor_.source_of(request.examples, problems);
    const CountedBackbone backbone = predictor_.methods_[0]->backbone(predictor_.model_, predictor_.counters_);
    bool any = false;
    predictor_.run(source, [&](const Chunk& chunk) {
      any = true;
      use(backbone.read(chunk.hidden, request.readout, chunk.batch), chunk.batch);
    });
    if (!any && !problems.empty())
      throw DataError("none of the " + std::to_string(problems.size()) +
                      " rows could be scored: " + problems.front());
  }

  std::vector<Prompt> blank() override { return blank_prompts(*predictor_.methods_[0]); }

  std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                               const GenerateSettings& settings) override {
    std::vector<TokenizedPrompt> rows;
    for (const Prompt& prompt : prompts)
      rows.push_back(tokenized(*predictor_.methods_[0], predictor_.model_, prompt, {}));
    return predictor_.write(std::move(rows), std::vector<int64_t>(prompts.size(), 0), settings);
  }

private:
  Source source_of(const std::vector<Prompt>& prompts, const Reading& reading) const {
    return {std::ssize(prompts), [this, &prompts, reading](int64_t index) {
              static const Example nothing;
              std::vector<Row> rows(1);
              rows[0].index = index;
              rows[0].example = &nothing;
              rows[0].prompt = tokenized(*predictor_.methods_[0], predictor_.model_,
                                         prompts[static_cast<std::size_t>(index)], reading);
              return rows;
            }};
  }

  Predictor& predictor_;
};

std::unique_ptr<Scorer> Predictor::make_scorer() {
  return std::make_unique<MethodScorer>(*this);
}

} // namespace cuecard
