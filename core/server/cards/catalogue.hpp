/// The cards and the base model that clients may name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/scorer.hpp>

#include "metrics/task_metric.hpp"

namespace cuecard {
struct TaskPipeline;
}

namespace cuecard::server {

/// Metadata of a served card, whether it is in memory or not. Immutable: a changed card gets a new object.
struct ServedCard {
  std::string name;
  std::vector<std::string> fields; ///< of its template
  std::vector<std::string> labels;
  Predicts predicts = Predicts::labels;
  bool labels_words = false;
  bool multi_label = false;
  bool alternatives = false; ///< a field of its template is a list of alternatives
  std::string tuner;
  std::optional<GenerateSettings> generation; ///< of a card whose prediction is a text that the model generates
  std::int64_t since = 0;                     ///< seconds since 1970
};

ServedCard served(const TaskPipeline& pipeline);

/// Threads: the server's.
class Catalogue {
public:
  explicit Catalogue(std::string base) : base_(std::move(base)) {}

  void set(ServedCard card) { cards_.insert_or_assign(card.name, card); }
  void drop(const std::string& name) { cards_.erase(name); }

  /// Problem 404 when there is no such card.
  const ServedCard& card(const std::string& name) const;
  /// A card or the model itself; null for the latter. Problem 404 when there is none of the name.
  const ServedCard* model(const std::string& name) const;
  /// Null when there is no such card.
  const ServedCard* find(const std::string& name) const;
  /// The only card; Problem 400 when there are none or several.
  const ServedCard& only() const;
  const std::map<std::string, ServedCard>& cards() const { return cards_; }
  /// The name of the model itself.
  const std::string& base() const { return base_; }

private:
  [[noreturn]] void refuse(const char* what, const std::string& name, std::vector<std::string> names) const;

  std::string base_;
  std::map<std::string, ServedCard> cards_;
};

} // namespace cuecard::server
