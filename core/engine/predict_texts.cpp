// What a predictor does with rows that the model writes for.
#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/fronts.hpp"
#include "engine/generator.hpp"
#include "engine/predictor.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

/// The prompt's last token and what is written meet in a space, which is no part of the answer.
std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \n\t\r");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n\t\r") - begin + 1);
}

} // namespace

bool Predictor::writes(const Example& example) const {
  for (std::size_t card = 0; card < methods_.size(); ++card)
    if (methods_[card]->name == example.card || (methods_.size() == 1 && example.card.empty()))
      return methods_[card]->verbalizer->generation().has_value();
  return false; // `method_of` says what is wrong with it
}

TokenizedPrompt Predictor::open_prompt(const Example& example, int64_t card) const {
  const Method& method = *methods_[static_cast<std::size_t>(card)];
  std::vector<Prompt> prompts = method.prompt_template->render(example);
  if (std::ranges::any_of(prompts, [](const Prompt& prompt) { return prompt.choice > 0; }))
    throw DataError("the template gives a prompt for each alternative, and a text is written behind one: take "
                    "{\"choice\"} out of the template");
  method.tuner->edit(prompts, {example, method.task, false, {}});
  return tokenized(method, model_, prompts.at(0), {}); // one of several variants is enough to write behind
}

std::vector<std::vector<Generated>> Predictor::write(std::vector<TokenizedPrompt> prompts,
                                                     const std::vector<int64_t>& cards,
                                                     const GenerateSettings& settings,
                                                     const WriteWatch& watch) {
  if (prompts.empty())
    return {};
  const Method& method = *methods_[static_cast<std::size_t>(cards.front())];
  std::unique_ptr<Generator>& generator = generators_[method.own_backbone.get()];
  if (!generator)
    generator = std::make_unique<Generator>(model_, method.backbone(model_, counters_), mix_->conditioning(),
                                            GenerateLimits{settings_.batch_size, settings_.batch_tokens});
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    read_last_row(prompts[i], model_.backbone().shape());
    items.push_back({&prompts[i], nullptr, cards[i], mix_->soft_offset(cards[i])});
  }
  return generator->write(items, settings, watch);
}

std::vector<std::vector<Generated>> Predictor::generate(const std::vector<const Example*>& examples,
                                                        const GenerateSettings& settings,
                                                        std::vector<std::string>* problems,
                                                        const WriteWatch& watch) {
  check(settings, model_.backbone().shape());
  struct Lane {
    std::vector<TokenizedPrompt> prompts;
    std::vector<int64_t> cards, rows;
  };
  std::map<const void*, Lane> lanes; // by the weights that they need
  std::vector<std::string> found(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    try {
      const int64_t card = method_of(*examples[i]);
      TokenizedPrompt prompt = open_prompt(*examples[i], card);
      Lane& lane = lanes[methods_[static_cast<std::size_t>(card)]->own_backbone.get()];
      lane.prompts.push_back(std::move(prompt));
      lane.cards.push_back(card);
      lane.rows.push_back(static_cast<int64_t>(i));
    } catch (const DataError& error) {
      found[i] = error.what();
    }
  }
  std::vector<std::vector<Generated>> texts(examples.size());
  for (auto& [weights, lane] : lanes) {
    WriteWatch numbered;
    if (watch)
      numbered = [&](int64_t prompt, std::span<const int64_t> ids) {
        return watch(lane.rows[static_cast<std::size_t>(prompt)], ids);
      };
    auto written = write(std::move(lane.prompts), lane.cards, settings, numbered);
    for (std::size_t i = 0; i < written.size(); ++i)
      texts[static_cast<std::size_t>(lane.rows[i])] = std::move(written[i]);
  }
  if (problems)
    *problems = std::move(found);
  return texts;
}

void Predictor::predict_texts(const std::vector<const Example*>& examples, const std::vector<int64_t>& which,
                              std::vector<Prediction>& predictions, std::vector<std::string>& problems) {
  std::map<int64_t, std::vector<int64_t>> by_card; // each has settings of its own
  for (const int64_t row : which)
    by_card[method_of(*examples[static_cast<std::size_t>(row)])].push_back(row);
  for (const auto& [card, rows] : by_card) {
    std::vector<const Example*> own;
    for (const int64_t row : rows)
      own.push_back(examples[static_cast<std::size_t>(row)]);
    std::vector<std::string> found;
    const auto texts =
        generate(own, *methods_[static_cast<std::size_t>(card)]->verbalizer->generation(), &found);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(rows[i]);
      predictions[row].card = card;
      problems[row] = found[i];
      if (found[i].empty()) {
        predictions[row].decision.text = trimmed(texts[i].at(0).text);
        predictions[row].decision.value = texts[i].at(0).log_prob;
      }
    }
  }
}

} // namespace cuecard
