/// What texts are worth beside those that are right: exact match, BLEU, ROUGE-L, chrF, SQuAD's two. All from 0
/// to 1.
#pragma once

#include <string>
#include <vector>

namespace cuecard {

/// A text for each row, and for each row the texts that are right, one or more. As many of either, else
/// std::logic_error.
struct WrittenTexts {
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> references;
};

/// Whether `text` is one of `references`, blanks at both ends apart.
bool is_exact(const std::string& text, const std::vector<std::string>& references);

/// Share of rows whose text is exact.
double exact_match(const WrittenTexts& rows);

/// BLEU of the corpus (Papineni et al. 2002) with n-grams up to 4, as sacreBLEU reports it by default (Post
/// 2018): tokens of `mteval_tokens`, case kept, the reference that is closest in length, and exponential
/// smoothing where no n-gram of a length is right.
double bleu(const WrittenTexts& rows);

/// Mean ROUGE-L of the rows (Lin 2004) as E2E and COCO report it: of each row the best precision and the best
/// recall among its references, and their F with beta 1.2. Words are runs of letters and digits, ASCII letters
/// in lower case.
double rouge_l(const WrittenTexts& rows);

/// Share of rows whose text is one of its references as SQuAD compares them (Rajpurkar et al. 2016,
/// section 6.1, and the evaluation script): without punctuation and the words a, an, the, ASCII letters in
/// lower case, blanks as one.
double squad_em(const WrittenTexts& rows);

/// Mean over rows of the best F1 of words beside a reference, words as in `squad_em`.
double squad_f1(const WrittenTexts& rows);

/// chrF of the corpus (Popović 2015) as sacreBLEU reports it by default: character n-grams up to 6 without
/// blanks, beta 2, of each row the reference that the row agrees with best.
double chrf(const WrittenTexts& rows);

} // namespace cuecard
