#include "engine/generate/text_writer.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/generate/continued_prompt.hpp"
#include "engine/generate/generator.hpp"

namespace cuecard {

Decision decision_of(const Generated& text) {
  // A text often begins with the space that separates it from the prompt; that is not part of the answer.
  constexpr const char* white_space = " \n\t\r";
  Decision decision;
  if (const std::size_t begin = text.text.find_first_not_of(white_space); begin != std::string::npos)
    decision.text = text.text.substr(begin, text.text.find_last_not_of(white_space) - begin + 1);
  decision.value = text.log_prob;
  return decision;
}

TextWriter::TextWriter(BatchRunner& runner) : runner_(runner) {}

TextWriter::~TextWriter() = default;

bool TextWriter::generates(const Example& example) const {
  const std::optional<int64_t> card = runner_.find(example);
  return card && runner_.pipeline(*card)
                     .verbalizer->generation()
                     .has_value(); // `pipeline_of` reports a card that is missing
}

void TextWriter::forget(int64_t card) {
  if (const void* own = runner_.pipeline(card).own_backbone.get())
    generators_.erase(own);
  for (auto& each : generators_)
    each.second->forget(card);
}

namespace {

/// The prompt to continue, with its answer slot open.
TokenizedPrompt prompt_to_continue(const BatchRunner& runner, const Example& example, int64_t card,
                                   const at::Tensor& representation, const GenerateSettings& settings) {
  const TaskPipeline& pipeline = runner.pipeline(card);
  std::vector<Prompt> prompts = pipeline.prompt_template->render({example});
  if (std::ranges::any_of(prompts, [](const Prompt& prompt) { return prompt.choice > 0; }))
    throw DataError(
        "the template makes a prompt for each alternative, but a text continues a single prompt: remove "
        "{\"choice\"} from the template");
  pipeline.tuner->edit(prompts, {example, pipeline.task, false, representation});
  // One of several variants is enough to continue.
  return continued_prompt(pipeline, runner.model(), prompts.at(0), settings.max_length);
}

} // namespace

std::vector<std::vector<Generated>> TextWriter::write(std::vector<TokenizedPrompt> prompts,
                                                      const std::vector<const Example*>& examples,
                                                      const std::vector<int64_t>& cards,
                                                      const GenerateSettings& settings,
                                                      const TokenCallback& callback) {
  if (prompts.empty())
    return {};
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    read_last_token(prompts[i], runner_.model().shape());
    items.push_back({&prompts[i], examples.empty() ? nullptr : examples[i]});
    items.back().card = cards[i];
  }
  return generator_of(cards.front()).write(items, condition_by(cards.front()), settings, callback);
}

Generator& TextWriter::generator_of(int64_t card) {
  std::unique_ptr<Generator>& generator = generators_[runner_.pipeline(card).own_backbone.get()];
  if (!generator)
    generator = std::make_unique<Generator>(
        runner_.model(), runner_.backbone(card),
        GenerateLimits{runner_.settings().batch_size, runner_.settings().batch_tokens});
  return *generator;
}

std::function<std::shared_ptr<const BatchConditioning>(std::vector<PackItem>&)>
TextWriter::condition_by(int64_t card) {
  return [this, backbone = runner_.backbone(card)](std::vector<PackItem>& items) {
    return runner_.mix().condition(items, backbone);
  };
}

PendingPrompt TextWriter::open(const Example& example, int64_t card,
                               std::shared_ptr<const GenerateSettings> settings) {
  check(*settings, runner_.model().shape());
  TokenizedPrompt prompt =
      prompt_to_continue(runner_, example, card, runner_.representations_of({&example})[0], *settings);
  read_last_token(prompt, runner_.model().shape());
  return {0, 0, std::move(prompt), &example, card, std::move(settings)};
}

void TextWriter::run(PromptSource& source, int64_t card) {
  generator_of(card).run(source, condition_by(card));
}

std::vector<std::vector<Generated>> TextWriter::generate(const std::vector<const Example*>& examples,
                                                         const GenerateSettings& settings, ExampleNotes* notes,
                                                         const TokenCallback& callback) {
  struct Group {
    std::vector<TokenizedPrompt> prompts;
    std::vector<const Example*> examples;
    std::vector<int64_t> cards, indices;
  };
  std::map<const void*, Group> groups; // by backbone
  ExampleNotes found(examples.size());
  const std::vector<at::Tensor> representations = runner_.representations_of(examples);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    try {
      const int64_t card = runner_.pipeline_of(*examples[i]);
      TokenizedPrompt prompt = prompt_to_continue(runner_, *examples[i], card, representations[i], settings);
      found.cut[i] = prompt.cut;
      Group& group = groups[runner_.pipeline(card).own_backbone.get()];
      group.prompts.push_back(std::move(prompt));
      group.examples.push_back(examples[i]);
      group.cards.push_back(card);
      group.indices.push_back(static_cast<int64_t>(i));
    } catch (const DataError& error) {
      found.problems[i] = error.what();
    }
  }
  std::vector<std::vector<Generated>> texts(examples.size());
  for (auto& own : groups) {
    Group& group = own.second;
    TokenCallback numbered;
    if (callback)
      numbered = [&](int64_t prompt, std::span<const int64_t> ids) {
        return callback(group.indices[static_cast<std::size_t>(prompt)], ids);
      };
    auto generated = write(std::move(group.prompts), group.examples, group.cards, settings, numbered);
    for (std::size_t i = 0; i < generated.size(); ++i)
      texts[static_cast<std::size_t>(group.indices[i])] = std::move(generated[i]);
  }
  if (notes)
    *notes = std::move(found);
  return texts;
}

} // namespace cuecard
