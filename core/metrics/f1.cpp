#include "metrics/f1.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string_view>

namespace cuecard {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A tag split into its scheme prefix (B, I, E, S or O) and the entity type.
struct Tag {
  char prefix = 'O';
  std::string_view type;

  explicit Tag(std::string_view tag = "O") {
    if (tag.size() > 2 && tag[1] == '-') {
      prefix = tag[0];
      type = tag.substr(2);
    }
  }
};

/// Whether `tag` continues the entity of the `previous` tag.
bool continues(const Tag& previous, const Tag& tag) {
  if (previous.prefix == 'O' || previous.type != tag.type || previous.prefix == 'E' || previous.prefix == 'S')
    return false;
  return tag.prefix == 'I' || tag.prefix == 'E';
}

} // namespace

double F1Counts::precision() const {
  return ratio(correct, predicted);
}

double F1Counts::recall() const {
  return ratio(correct, gold);
}

double F1Counts::f1() const {
  return ratio(2 * correct, predicted + gold);
}

F1Counts& F1Counts::operator+=(const F1Counts& other) {
  correct += other.correct;
  predicted += other.predicted;
  gold += other.gold;
  return *this;
}

std::vector<F1Counts> count_labels(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold,
                                   int64_t labels) {
  if (predicted.size() != gold.size())
    throw std::logic_error("numbers of predicted and gold labels differ");
  std::vector<F1Counts> counts(static_cast<std::size_t>(labels));
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0)
      continue;
    F1Counts& label = counts.at(static_cast<std::size_t>(gold[i]));
    ++label.gold;
    label.correct += predicted[i] == gold[i];
    if (predicted[i] >= 0)
      ++counts.at(static_cast<std::size_t>(predicted[i])).predicted;
  }
  return counts;
}

namespace {

std::vector<int64_t> shared(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

void require_equal(std::size_t predicted, std::size_t gold) {
  if (predicted != gold)
    throw std::logic_error("numbers of predicted and gold sets of labels differ");
}

} // namespace

std::vector<F1Counts> count_label_sets(const std::vector<std::vector<int64_t>>& predicted,
                                       const std::vector<std::vector<int64_t>>& gold, int64_t labels) {
  require_equal(predicted.size(), gold.size());
  std::vector<F1Counts> counts(static_cast<std::size_t>(labels));
  for (std::size_t i = 0; i < gold.size(); ++i) {
    for (const int64_t label : predicted[i])
      ++counts.at(static_cast<std::size_t>(label)).predicted;
    for (const int64_t label : gold[i])
      ++counts.at(static_cast<std::size_t>(label)).gold;
    for (const int64_t label : shared(predicted[i], gold[i]))
      ++counts.at(static_cast<std::size_t>(label)).correct;
  }
  return counts;
}

double subset_accuracy(const std::vector<std::vector<int64_t>>& predicted,
                       const std::vector<std::vector<int64_t>>& gold) {
  require_equal(predicted.size(), gold.size());
  int64_t equal = 0;
  for (std::size_t i = 0; i < gold.size(); ++i)
    equal += predicted[i] == gold[i];
  return ratio(equal, std::ssize(gold));
}

double samples_f1(const std::vector<std::vector<int64_t>>& predicted,
                  const std::vector<std::vector<int64_t>>& gold) {
  require_equal(predicted.size(), gold.size());
  double sum = 0;
  for (std::size_t i = 0; i < gold.size(); ++i)
    sum +=
        F1Counts{std::ssize(shared(predicted[i], gold[i])), std::ssize(predicted[i]), std::ssize(gold[i])}.f1();
  return gold.empty() ? 0 : sum / static_cast<double>(gold.size());
}

double mean_f1(const std::vector<F1Counts>& labels) {
  double sum = 0;
  for (const F1Counts& label : labels)
    sum += label.f1();
  return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
}

double macro_f1(const std::vector<F1Counts>& labels) {
  double sum = 0;
  int64_t used = 0;
  for (const F1Counts& label : labels) {
    used += label.predicted + label.gold > 0;
    sum += label.f1();
  }
  return used > 0 ? sum / static_cast<double>(used) : 0;
}

double micro_f1(const std::vector<F1Counts>& labels) {
  F1Counts all;
  for (const F1Counts& label : labels)
    all += label;
  return all.f1();
}

std::vector<Entity> entities(const std::vector<std::string>& tags) {
  std::vector<Entity> found;
  Tag previous;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const Tag tag(tags[i]);
    const auto at = static_cast<int64_t>(i);
    if (tag.prefix != 'O') {
      if (!continues(previous, tag))
        found.push_back({std::string(tag.type), at, at});
      found.back().end = at + 1;
    }
    previous = tag;
  }
  return found;
}

bool is_entity_tag(const std::string& tag) {
  return tag == "O" ||
         (tag.size() > 2 && tag[1] == '-' && std::string_view("BIES").find(tag[0]) != std::string_view::npos);
}

std::map<std::string, F1Counts> count_entities(const std::vector<std::vector<std::string>>& predicted,
                                               const std::vector<std::vector<std::string>>& gold) {
  if (predicted.size() != gold.size())
    throw std::logic_error("numbers of predicted and gold sentences differ");
  std::map<std::string, F1Counts> counts;
  for (std::size_t s = 0; s < gold.size(); ++s) {
    if (predicted[s].size() != gold[s].size())
      throw std::logic_error("numbers of predicted and gold tags of a sentence differ");
    const std::vector<Entity> gold_entities = entities(gold[s]);
    const std::set<Entity> gold_set(gold_entities.begin(), gold_entities.end());
    for (const Entity& entity : gold_entities)
      ++counts[entity.type].gold;
    for (const Entity& entity : entities(predicted[s])) {
      ++counts[entity.type].predicted;
      counts[entity.type].correct += gold_set.contains(entity);
    }
  }
  return counts;
}

} // namespace cuecard
