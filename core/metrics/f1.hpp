/// Precision, recall and F1 (van Rijsbergen 1979), of labels and of entities.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cuecard {

/// What was found, of what there is. A quotient by zero is 0, as in conlleval and scikit-learn.
struct Found {
  int64_t correct = 0, predicted = 0, gold = 0;

  double precision() const;
  double recall() const;
  double f1() const;
  Found& operator+=(const Found& other);
};

/// By label. Rows whose gold label is negative (unknown) don't count; a negative prediction is none. Both lists
/// are equally long, else std::logic_error.
std::vector<Found> found_labels(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold,
                                int64_t labels);

/// Mean F1 of the labels that are predicted or gold somewhere.
double macro_f1(const std::vector<Found>& labels);
/// F1 of all labels' counts together. Where every row has one label and one prediction it is the accuracy.
double micro_f1(const std::vector<Found>& labels);

/// A chunk of words that are one entity: words begin to end.
struct Entity {
  std::string type;
  int64_t begin = 0, end = 0;

  auto operator<=>(const Entity&) const = default;
};

/// The entities that a sentence's tags `B-TYPE`, `I-TYPE`, `E-TYPE`, `S-TYPE` and `O` spell. The rules of
/// conlleval (Tjong Kim Sang & De Meulder 2003), which read IOB1, IOB2, IOE and mixtures of them: B begins an
/// entity; I begins one behind O or another type; E ends one, and so what follows begins one. With S, an entity
/// of its own, as seqeval extends them.
std::vector<Entity> entities(const std::vector<std::string>& tags);

/// Whether `entities` understands the tag.
bool is_entity_tag(const std::string& tag);

/// By type: entities of `predicted` with the type and both ends of one of `gold`. A list of tags per sentence,
/// in the same order and of the same lengths, else std::logic_error.
std::map<std::string, Found> found_entities(const std::vector<std::vector<std::string>>& predicted,
                                            const std::vector<std::vector<std::string>>& gold);

} // namespace cuecard
