#include "metrics/f1.hpp"

#include <set>
#include <stdexcept>
#include <string_view>

namespace cuecard {

namespace {

double quotient(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A tag in two: what it says of the word's place, and the type.
struct Tag {
  char place = 'O';
  std::string_view type;

  explicit Tag(std::string_view tag = "O") {
    if (tag.size() > 2 && tag[1] == '-') {
      place = tag[0];
      type = tag.substr(2);
    }
  }
};

/// Whether the entity that `before` belongs to, if it does, goes on in `tag`.
bool goes_on(const Tag& before, const Tag& tag) {
  if (before.place == 'O' || before.type != tag.type || before.place == 'E' || before.place == 'S')
    return false;
  return tag.place == 'I' || tag.place == 'E';
}

} // namespace

double Found::precision() const {
  return quotient(correct, predicted);
}

double Found::recall() const {
  return quotient(correct, gold);
}

double Found::f1() const {
  return quotient(2 * correct, predicted + gold);
}

Found& Found::operator+=(const Found& other) {
  correct += other.correct;
  predicted += other.predicted;
  gold += other.gold;
  return *this;
}

std::vector<Found> found_labels(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold,
                                int64_t labels) {
  if (predicted.size() != gold.size())
    throw std::logic_error("lists of labels of different lengths");
  std::vector<Found> found(static_cast<std::size_t>(labels));
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0)
      continue;
    Found& wanted = found.at(static_cast<std::size_t>(gold[i]));
    ++wanted.gold;
    wanted.correct += predicted[i] == gold[i];
    if (predicted[i] >= 0)
      ++found.at(static_cast<std::size_t>(predicted[i])).predicted;
  }
  return found;
}

double macro_f1(const std::vector<Found>& labels) {
  double sum = 0;
  int64_t used = 0;
  for (const Found& label : labels) {
    used += label.predicted + label.gold > 0;
    sum += label.f1();
  }
  return used > 0 ? sum / static_cast<double>(used) : 0;
}

double micro_f1(const std::vector<Found>& labels) {
  Found all;
  for (const Found& label : labels)
    all += label;
  return all.f1();
}

std::vector<Entity> entities(const std::vector<std::string>& tags) {
  std::vector<Entity> found;
  Tag before;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const Tag tag(tags[i]);
    const auto at = static_cast<int64_t>(i);
    if (tag.place != 'O') {
      if (!goes_on(before, tag))
        found.push_back({std::string(tag.type), at, at});
      found.back().end = at + 1;
    }
    before = tag;
  }
  return found;
}

bool is_entity_tag(const std::string& tag) {
  return tag == "O" ||
         (tag.size() > 2 && tag[1] == '-' && std::string_view("BIES").find(tag[0]) != std::string_view::npos);
}

std::map<std::string, Found> found_entities(const std::vector<std::vector<std::string>>& predicted,
                                            const std::vector<std::vector<std::string>>& gold) {
  if (predicted.size() != gold.size())
    throw std::logic_error("lists of sentences of different lengths");
  std::map<std::string, Found> found;
  for (std::size_t s = 0; s < gold.size(); ++s) {
    if (predicted[s].size() != gold[s].size())
      throw std::logic_error("tags of sentences of different lengths");
    const std::vector<Entity> wanted = entities(gold[s]);
    const std::set<Entity> known(wanted.begin(), wanted.end());
    for (const Entity& entity : wanted)
      ++found[entity.type].gold;
    for (const Entity& entity : entities(predicted[s])) {
      ++found[entity.type].predicted;
      found[entity.type].correct += known.contains(entity);
    }
  }
  return found;
}

} // namespace cuecard
