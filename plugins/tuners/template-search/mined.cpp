#include "mined.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/template_grammar.hpp>

#include "candidates.hpp"

namespace cuecard {

namespace {

constexpr std::size_t max_subject_words = 5;

std::string lower(const std::string& text) {
  return filter_text(TextFilter::lower_case, text);
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

std::string joined(const std::vector<std::string>& words, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i)
    text += (text.empty() ? "" : " ") + words[i];
  return text;
}

/// A word without the punctuation after it, and the punctuation.
std::pair<std::string, std::string> split_punctuation(const std::string& word) {
  const std::size_t last = word.find_last_not_of(".,;:!?");
  const std::size_t length = last == std::string::npos ? 0 : last + 1;
  return {word.substr(0, length), word.substr(length)};
}

bool ends_sentence(const std::string& word) {
  return !word.empty() && std::string(".!?").find(word.back()) != std::string::npos;
}

struct Occurrences {
  std::set<std::size_t> labels;
  int64_t count = 0;
};

class Miner {
public:
  explicit Miner(const MiningRequest& request) : request_(request) {
    for (std::size_t label = 0; label < request.answers.size(); ++label)
      if (const std::vector<std::string> words = words_of(request.answers[label]); words.size() == 1)
        labels_.emplace(lower(words[0]), label);
    for (const Example& example : request.examples)
      if (example.label >= 0)
        for (const auto& [name, text] : example.fields)
          subjects_.emplace(example.label, joined(words_of(text), 0, words_of(text).size()));
  }

  void mine_line(const std::string& line) {
    std::vector<std::string> sentence;
    for (const std::string& word : words_of(line)) {
      sentence.push_back(word);
      if (ends_sentence(word))
        mine_sentence(std::exchange(sentence, {}));
    }
    mine_sentence(sentence);
  }

  /// The best of each length, then the second of each length, and so on.
  std::vector<std::string> phrases() const {
    std::vector<std::vector<std::string>> by_length;
    for (const auto& [phrase, occurrences] : phrases_) {
      const std::size_t length = words_of(phrase).size();
      by_length.resize(std::max(by_length.size(), length + 1));
      by_length[length].push_back(phrase);
    }
    for (std::vector<std::string>& of_length : by_length)
      std::ranges::sort(of_length, {}, [&](const std::string& phrase) {
        const Occurrences& occurrences = phrases_.at(phrase);
        return std::tuple(-std::ssize(occurrences.labels), -occurrences.count, phrase);
      });
    std::vector<std::string> result = interleaved(by_length);
    result.resize(std::min(result.size(), static_cast<std::size_t>(request_.count)));
    return result;
  }

  /// The most frequent punctuation after label words.
  std::string ending() const {
    const auto most = std::max_element(endings_.begin(), endings_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == endings_.end() ? "" : most->first;
  }

private:
  void mine_sentence(const std::vector<std::string>& words) {
    for (std::size_t at = 0; at < words.size(); ++at) {
      const auto [word, ending] = split_punctuation(words[at]);
      const auto label = labels_.find(lower(word));
      if (label == labels_.end())
        continue;
      ++endings_[ending];
      if (add_middle(words, at, label->second))
        continue;
      for (std::size_t length = 1; length <= std::min<std::size_t>(at, request_.max_words); ++length)
        add(joined(words, at - length, at), label->second);
    }
  }

  /// Adds the words between the label's nearest subject and the label word; false when there is no subject.
  bool add_middle(const std::vector<std::string>& words, std::size_t at, std::size_t label) {
    for (std::size_t end = at; end > 0; --end)
      for (std::size_t length = 1; length <= std::min(end, max_subject_words); ++length)
        if (subjects_.contains({static_cast<int64_t>(label), joined(words, end - length, end)})) {
          if (end < at && at - end <= static_cast<std::size_t>(request_.max_words))
            add(joined(words, end, at), label);
          return true;
        }
    return false;
  }

  void add(const std::string& phrase, std::size_t label) {
    if (!is_plain(phrase))
      return;
    Occurrences& occurrences = phrases_[phrase];
    occurrences.labels.insert(label);
    ++occurrences.count;
  }

  const MiningRequest& request_;
  std::map<std::string, std::size_t> labels_;          ///< by lower-case word
  std::set<std::pair<int64_t, std::string>> subjects_; ///< label and text of a field
  std::map<std::string, Occurrences> phrases_;
  std::map<std::string, int64_t> endings_; ///< counts of punctuation after label words
};

} // namespace

std::vector<std::string> mine_templates(const MiningRequest& request) {
  const std::size_t before = request.gaps.count_before_answer(), after = request.gaps.count() - before;
  if (before > 1 || after > 1)
    throw UsageError(
        "mined sentences can fill one gap before the answer and one after it, and the template has " +
        std::to_string(before) + " and " + std::to_string(after) + ": remove some.");
  Miner miner(request);
  std::vector<std::string> templates;
  std::istringstream lines(request.text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (line.find('{') != std::string::npos)
      templates.push_back(line);
    else
      miner.mine_line(line);
  }
  for (const std::string& phrase : miner.phrases()) {
    std::vector<std::string> texts(before, phrase);
    texts.resize(request.gaps.count(), miner.ending());
    if (before > 0)
      templates.push_back(request.gaps.filled(texts));
  }
  std::vector<std::string> distinct;
  std::set<std::string> known;
  for (std::string& each : templates)
    if (known.insert(each).second)
      distinct.push_back(std::move(each));
  return distinct;
}

} // namespace cuecard
