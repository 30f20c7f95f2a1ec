// The functions of cuecard.h that read answers. Rows and labels that do not exist have none.
#include <algorithm>
#include <limits>

#include "embedding/handles.hpp"

namespace {

using namespace cuecard;
using namespace cuecard::embedding;

/// Null for a row that does not exist or was not answered.
const Answer* answer_of(const cuecard_answers* answers, std::size_t row) {
  if (row >= answers->answers.size() || answers->answers[row].failure)
    return nullptr;
  return &answers->answers[row];
}

/// Null unless labels of the whole row are predicted.
const Answer* labelled(const cuecard_answers* answers, std::size_t row) {
  const Answer* const answer = answer_of(answers, row);
  return answer && !answer->decision.probabilities.empty() && !answer->pipeline->labels_words() ? answer
                                                                                                : nullptr;
}

const char* name_of(const Answer& answer, int64_t label) {
  return label < 0 ? nullptr : answer.pipeline->labels[static_cast<std::size_t>(label)].c_str();
}

/// Whether the prediction is a span or a text that the card's verbalizer had the model generate.
bool predicts_text(const Answer& answer) {
  return !answer.continued && answer.pipeline->predicts() == Predicts::texts;
}

} // namespace

size_t cuecard_answer_count(const cuecard_answers* answers) {
  return answers->answers.size();
}

const cuecard_error* cuecard_answer_error(const cuecard_answers* answers, size_t row) {
  return row < answers->errors.size() && answers->errors[row].failure ? &answers->errors[row] : nullptr;
}

const char* cuecard_answer_card(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = answer_of(answers, row);
  return answer ? answer->pipeline->name.c_str() : nullptr;
}

const char* cuecard_answer_label(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = labelled(answers, row);
  return answer && !answer->pipeline->record.multi_label ? name_of(*answer, answer->decision.labels.at(0))
                                                         : nullptr;
}

size_t cuecard_answer_label_count(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = labelled(answers, row);
  return answer ? answer->decision.probabilities.size() : 0;
}

const char* cuecard_answer_label_name(const cuecard_answers* answers, size_t row, size_t label) {
  return label < cuecard_answer_label_count(answers, row)
             ? name_of(*labelled(answers, row), static_cast<int64_t>(label))
             : nullptr;
}

double cuecard_answer_probability(const cuecard_answers* answers, size_t row, size_t label) {
  return label < cuecard_answer_label_count(answers, row)
             ? labelled(answers, row)->decision.probabilities[label]
             : std::numeric_limits<double>::quiet_NaN();
}

bool cuecard_answer_has_label(const cuecard_answers* answers, size_t row, size_t label) {
  const Answer* const answer = labelled(answers, row);
  return answer && std::ranges::find(answer->decision.labels, static_cast<int64_t>(label)) !=
                       answer->decision.labels.end();
}

int64_t cuecard_answer_cut(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = answer_of(answers, row);
  return answer ? answer->cut : 0;
}

size_t cuecard_answer_word_count(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = answer_of(answers, row);
  return answer && answer->pipeline->labels_words() ? answer->decision.labels.size() : 0;
}

const char* cuecard_answer_word_label(const cuecard_answers* answers, size_t row, size_t word) {
  return word < cuecard_answer_word_count(answers, row)
             ? name_of(*answer_of(answers, row), answer_of(answers, row)->decision.labels[word])
             : nullptr;
}

size_t cuecard_answer_text_count(const cuecard_answers* answers, size_t row) {
  const Answer* const answer = answer_of(answers, row);
  return !answer ? 0 : predicts_text(*answer) ? 1 : answer->texts.size();
}

const char* cuecard_answer_text(const cuecard_answers* answers, size_t row, size_t text) {
  if (text >= cuecard_answer_text_count(answers, row))
    return nullptr;
  const Answer& answer = *answer_of(answers, row);
  return predicts_text(answer) ? answer.decision.text.c_str() : answer.texts[text].text.c_str();
}

double cuecard_answer_log_prob(const cuecard_answers* answers, size_t row, size_t text) {
  if (text >= cuecard_answer_text_count(answers, row))
    return std::numeric_limits<double>::quiet_NaN();
  const Answer& answer = *answer_of(answers, row);
  return predicts_text(answer) ? answer.decision.value : answer.texts[text].log_prob;
}

size_t cuecard_answer_text_tokens(const cuecard_answers* answers, size_t row, size_t text) {
  if (text >= cuecard_answer_text_count(answers, row) || predicts_text(*answer_of(answers, row)))
    return 0;
  return answer_of(answers, row)->texts[text].ids.size();
}

void cuecard_answers_free(cuecard_answers* answers) {
  delete answers;
}
