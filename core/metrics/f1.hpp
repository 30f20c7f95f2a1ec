/// Precision, recall and F1 (van Rijsbergen 1979) of labels and of named entities.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cuecard {

/// The counts that precision, recall and F1 are computed from. A division by zero gives 0, as in conlleval and
/// scikit-learn.
struct F1Counts {
  int64_t correct = 0, predicted = 0, gold = 0;

  double precision() const;
  double recall() const;
  double f1() const;
  F1Counts& operator+=(const F1Counts& other);
};

/// Counts per label. Items with a negative (unknown) gold label are ignored; a negative prediction means none.
/// Throws std::logic_error when the lists differ in length.
std::vector<F1Counts> count_labels(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold,
                                   int64_t labels);

/// Counts per label where an example has any number of labels: each list is a set, ascending. Throws
/// std::logic_error when the numbers of lists differ.
std::vector<F1Counts> count_label_sets(const std::vector<std::vector<int64_t>>& predicted,
                                       const std::vector<std::vector<int64_t>>& gold, int64_t labels);
/// Share of the examples whose predicted set is the gold set (scikit-learn's accuracy_score of multi-label data); 0
/// without examples.
double subset_accuracy(const std::vector<std::vector<int64_t>>& predicted,
                       const std::vector<std::vector<int64_t>>& gold);
/// Mean over the examples of the F1 of their labels (scikit-learn's f1_score with average="samples",
/// zero_division=0: an example without predicted and gold labels counts 0).
double samples_f1(const std::vector<std::vector<int64_t>>& predicted,
                  const std::vector<std::vector<int64_t>>& gold);

/// Mean F1 of the labels that occur among predictions or gold labels.
double macro_f1(const std::vector<F1Counts>& labels);
/// Mean F1 of all labels; one that does not occur counts 0 (scikit-learn's average="macro", zero_division=0).
double mean_f1(const std::vector<F1Counts>& labels);
/// F1 of the summed counts; equals accuracy when every item has one gold label and one prediction.
double micro_f1(const std::vector<F1Counts>& labels);

/// A named entity: the words [begin, end) of a sentence.
struct Entity {
  std::string type;
  int64_t begin = 0, end = 0;

  auto
  operator<=>(const Entity&) const = default; // NOLINT(modernize-use-nullptr): clang-tidy 14 takes it for a 0
};

/// The entities in a sentence's tags `B-TYPE`, `I-TYPE`, `E-TYPE`, `S-TYPE` and `O`. Follows conlleval (Tjong
/// Kim Sang & De Meulder 2003), which accepts IOB1, IOB2, IOE and mixtures: B begins an entity; I begins one
/// after O or another type; E ends one. S is a single-word entity, as in seqeval.
std::vector<Entity> entities(const std::vector<std::string>& tags);

/// Whether `tag` belongs to a scheme that `entities` supports.
bool is_entity_tag(const std::string& tag);

/// Counts per entity type; an entity is correct when type and boundaries match. Takes one list of tags per
/// sentence. Throws std::logic_error when the lengths differ.
std::map<std::string, F1Counts> count_entities(const std::vector<std::vector<std::string>>& predicted,
                                               const std::vector<std::vector<std::string>>& gold);

} // namespace cuecard
