#include "candidate_filter.hpp"

#include <algorithm>
#include <string>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/template_grammar.hpp>

namespace cuecard {

namespace {

bool spelling_is_unique(const Vocabulary& vocabulary, int64_t id) {
  try {
    return vocabulary.id(vocabulary.piece(id)) == id;
  } catch (const DataError&) {
    return false; // a gap in the vocabulary
  }
}

} // namespace

bool capitalised(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (text.empty())
    return false;
  std::size_t end = 1; // of the first UTF-8 character
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    ++end;
  const std::string_view first = text.substr(0, end);
  return filter_text(TextFilter::lower_case, first) != first;
}

std::vector<int64_t> allowed_tokens(const Vocabulary& vocabulary, int64_t num_rows, bool filter,
                                    const std::vector<int64_t>& answers) {
  std::vector<int64_t> allowed;
  for (int64_t id = 0; id < std::min(num_rows, vocabulary.size()); ++id) {
    if (!spelling_is_unique(vocabulary, id))
      continue;
    if (filter &&
        (vocabulary.is_special(id) || std::find(answers.begin(), answers.end(), id) != answers.end() ||
         capitalised(vocabulary.decode(std::vector<int64_t>{id}))))
      continue;
    allowed.push_back(id);
  }
  return allowed;
}

} // namespace cuecard
