/// Metrics of generated texts against references: exact match, BLEU, ROUGE-L, chrF, and SQuAD's EM and F1. All
/// range from 0 to 1.
#pragma once

#include <string>
#include <vector>

namespace cuecard {

/// One generated text and one or more references per example. The metrics throw std::logic_error when the lists
/// differ in length.
struct GeneratedTexts {
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> references;
};

/// Whether `text` equals one of `references`, ignoring blanks of any script at both ends.
bool is_exact(const std::string& text, const std::vector<std::string>& references);

/// Fraction of texts that satisfy `is_exact`.
double exact_match(const GeneratedTexts& generated);

/// Corpus BLEU (Papineni et al. 2002) with sacreBLEU's defaults (Post 2018): n-grams up to order 4, 13a
/// tokenization, case-sensitive, closest reference length, exponential smoothing.
double bleu(const GeneratedTexts& generated);

/// Mean ROUGE-L (Lin 2004) as computed by the package rouge-score, without stemming: the best F1 over an
/// example's references. Words are lower-cased runs of ASCII letters and digits: other scripts have none.
double rouge_l(const GeneratedTexts& generated);

/// SQuAD's exact match (Rajpurkar et al. 2016, section 6.1, and the evaluation script): texts are compared
/// lower-cased, without ASCII punctuation and articles, and with blanks collapsed.
double squad_em(const GeneratedTexts& generated);

/// SQuAD's F1: the mean over examples of the best word-level F1 with a reference, normalized as in `squad_em`. A
/// question without an answer, whose one reference is "", counts 1 for a text without words, else 0 (SQuAD 2.0,
/// evaluate-v2.0.py).
double squad_f1(const GeneratedTexts& generated);

/// The examples of SQuAD 2.0 that have an answer, and those that have none: whose one reference is "". The script
/// evaluates them together and apart (HasAns, NoAns).
struct ByAnswer {
  GeneratedTexts has_answer, no_answer;
};
ByAnswer by_answer(const GeneratedTexts& generated);

/// Corpus chrF (Popović 2015) with sacreBLEU's defaults: character n-grams up to order 6 without whitespace,
/// beta 2, the best-scoring reference of each example.
double chrf(const GeneratedTexts& generated);

} // namespace cuecard
