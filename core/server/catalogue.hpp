/// The cards and the base model that clients may name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/task_pipeline.hpp"

namespace cuecard::server {

/// A card as it is served. Never changes; a changed card is another one.
struct ServedCard {
  std::shared_ptr<const TaskPipeline> pipeline;
  std::vector<std::string> fields; ///< of its template
  std::int64_t since = 0;          ///< seconds since 1970

  const std::string& name() const { return pipeline->name; }
};

ServedCard served(std::shared_ptr<const TaskPipeline> pipeline);

/// Threads: the server's.
class Catalogue {
public:
  explicit Catalogue(std::string base) : base_(std::move(base)) {}

  void set(ServedCard card);
  void drop(const std::string& name) { cards_.erase(name); }

  /// Problem 404 when there is no such card.
  const ServedCard& card(const std::string& name) const;
  /// Null when there is no such card.
  const ServedCard* find(const std::string& name) const;
  /// The only card; Problem 400 when there are none or several.
  const ServedCard& only() const;
  const std::map<std::string, ServedCard>& cards() const { return cards_; }
  /// The name of the model itself.
  const std::string& base() const { return base_; }

private:
  std::string base_;
  std::map<std::string, ServedCard> cards_;
};

} // namespace cuecard::server
