/// A method at work on one task: template, verbalizer and tuner, ready for one model. What a card becomes in
/// memory, and what becomes a card.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cuecard/template.hpp>
#include <cuecard/tuner.hpp>
#include <cuecard/verbalizer.hpp>

#include "batch/assemble.hpp"
#include "card/card.hpp"
#include "engine/model.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard {

/// A component and the options that somebody set, as text.
struct ComponentChoice {
  std::string component = "manual";
  std::vector<std::pair<std::string, std::string>> set;
};

/// What a method is made from, whether a task file or flags say it.
struct MethodChoice {
  std::string name = "task";
  ComponentChoice prompt_template, verbalizer, tuner;
  std::vector<std::string> labels;
  std::vector<std::vector<std::string>> label_words; ///< per label; empty: the label's name
  LengthLimit limit;
  uint64_t seed = 0;
  std::string metric; ///< one of `metric_names`; "": what is usual for what the verbalizer predicts
};

class CountedBackbone;
struct Counters;

struct Method {
  std::string name;
  int64_t task = 0; ///< which of its tuner's tasks it is
  /// Positions of the model that the tuner's prefixes take from the text.
  int64_t prefix_positions = 0;
  std::shared_ptr<Template> prompt_template;
  std::shared_ptr<Verbalizer> verbalizer;
  std::shared_ptr<Tuner> tuner;
  std::vector<std::string> labels;
  std::string metric;  ///< of a card: what it was measured by last
  PromptTarget target; ///< what its prompts are laid out for
  LengthLimit limit;
  /// The model with the weights that its tuner replaced; null when it replaced none. Methods with one run in
  /// batches of their own.
  std::shared_ptr<const Backbone> own_backbone;
  /// What a card records of it; tensors are filled in by `to_card`.
  Card record;

  /// Whether it labels words instead of rows.
  bool labels_words() const { return target.reading.rows == Reading::Rows::words; }
  /// Asked of one that was made.
  Predicts predicts() const;

  /// Parameters learned: elements of all parameter groups of tuner and verbalizer.
  int64_t parameters() const;

  /// The backbone that its rows go through.
  CountedBackbone backbone(const Model& model, Counters& counters) const;
};

/// Builds and prepares the components. `train` may be null (a card that is only used).
Method make_method(const Model& model, const registry::Registry& plugins, const MethodChoice& choice,
                   const std::vector<Example>* train = nullptr);

/// The same for several tasks that are learned together: one method for each choice, all with the tuner that
/// the first one names. `train`: one for each choice, or none at all.
std::vector<Method> make_methods(const Model& model, const registry::Registry& plugins,
                                 const std::vector<MethodChoice>& choices,
                                 const std::vector<const std::vector<Example>*>& train);

/// The method of a saved card. What its options name files or cards for is in what it learned: they are not
/// read again, and may be gone. The card must be this model's (identity checked unless `force`).
Method method_from_card(const Model& model, const registry::Registry& plugins, const Card& card,
                        bool force = false);

/// Makes of a method whose tuner found a plain prompt (FitReport::plain_prompt) one that needs no tuner: the
/// tuner is `manual` from now on, and the record's training settings say which one searched and how. The
/// label words that were found, if any, take the place of the task's.
void keep_plain_prompt(Method& method, const Model& model, const registry::Registry& plugins,
                       const std::vector<std::vector<std::string>>& label_words);

/// The card of a method as it stands now: components, options, learned tensors, the model's identity.
Card to_card(const Method& method, const Model& model);

} // namespace cuecard
