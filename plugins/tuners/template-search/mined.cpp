#include "mined.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include <cuecard/error.hpp>
#include <cuecard/parts/template_grammar.hpp>

namespace cuecard {

namespace {

constexpr std::size_t longest_subject = 5; // words

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

/// A word without what punctuates it, and that.
std::pair<std::string, std::string> punctuated(const std::string& word) {
  const std::size_t last = word.find_last_not_of(".,;:!?");
  const std::size_t length = last == std::string::npos ? 0 : last + 1;
  return {word.substr(0, length), word.substr(length)};
}

bool ends_sentence(const std::string& word) {
  return !word.empty() && std::string(".!?").find(word.back()) != std::string::npos;
}

/// Where a phrase was seen.
struct Seen {
  std::set<std::size_t> labels;
  int64_t times = 0;
};

class Miner {
public:
  explicit Miner(const MiningRequest& request) : request_(request) {
    for (std::size_t label = 0; label < request.answers.size(); ++label)
      if (const std::vector<std::string> words = words_of(request.answers[label]); words.size() == 1)
        labels_.emplace(lower(words[0]), label);
    for (const Example& row : request.rows)
      if (row.label >= 0)
        for (const auto& [name, text] : row.fields)
          subjects_.emplace(row.label, joined(words_of(text), 0, words_of(text).size()));
  }

  void read_line(const std::string& line) {
    std::vector<std::string> sentence;
    for (const std::string& word : words_of(line)) {
      sentence.push_back(word);
      if (ends_sentence(word))
        read_sentence(std::exchange(sentence, {}));
    }
    read_sentence(sentence);
  }

  /// Of each length in turn, the best first.
  std::vector<std::string> phrases() const {
    std::map<std::size_t, std::vector<std::string>> by_length;
    for (const auto& [phrase, seen] : phrases_)
      by_length[words_of(phrase).size()].push_back(phrase);
    std::size_t longest = 0;
    for (auto& [length, own] : by_length) {
      std::sort(own.begin(), own.end(), [&](const std::string& a, const std::string& b) {
        const Seen &x = phrases_.at(a), &y = phrases_.at(b);
        return std::tuple(-std::ssize(x.labels), -x.times, a) < std::tuple(-std::ssize(y.labels), -y.times, b);
      });
      longest = std::max(longest, own.size());
    }
    std::vector<std::string> result;
    for (std::size_t rank = 0; rank < longest; ++rank)
      for (const auto& [length, own] : by_length)
        if (rank < own.size() && std::ssize(result) < request_.count)
          result.push_back(own[rank]);
    return result;
  }

  /// The punctuation that most often follows.
  std::string ending() const {
    const auto most = std::max_element(endings_.begin(), endings_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == endings_.end() ? "" : most->first;
  }

private:
  void read_sentence(const std::vector<std::string>& words) {
    for (std::size_t at = 0; at < words.size(); ++at) {
      const auto [word, ending] = punctuated(words[at]);
      const auto label = labels_.find(lower(word));
      if (label == labels_.end())
        continue;
      ++endings_[ending];
      if (take_middle(words, at, label->second))
        continue;
      for (std::size_t length = 1; length <= std::min<std::size_t>(at, request_.max_words); ++length)
        take(joined(words, at - length, at), label->second);
    }
  }

  /// What stands between the nearest subject of the label and the word, when there is one.
  bool take_middle(const std::vector<std::string>& words, std::size_t at, std::size_t label) {
    for (std::size_t end = at; end > 0; --end)
      for (std::size_t length = 1; length <= std::min(end, longest_subject); ++length)
        if (subjects_.contains({static_cast<int64_t>(label), joined(words, end - length, end)})) {
          if (end < at && at - end <= static_cast<std::size_t>(request_.max_words))
            take(joined(words, end, at), label);
          return true;
        }
    return false;
  }

  void take(const std::string& phrase, std::size_t label) {
    if (!is_plain(phrase))
      return;
    Seen& seen = phrases_[phrase];
    seen.labels.insert(label);
    ++seen.times;
  }

  const MiningRequest& request_;
  std::map<std::string, std::size_t> labels_; ///< by word in lower case
  std::set<std::pair<int64_t, std::string>> subjects_;
  std::map<std::string, Seen> phrases_;
  std::map<std::string, int64_t> endings_;
};

} // namespace

std::vector<std::string> mined(const MiningRequest& request) {
  const std::size_t in_front = request.gaps.in_front(), behind = request.gaps.count() - in_front;
  if (in_front > 1 || behind > 1)
    throw UsageError("the file's sentences can fill one gap in front of the answer and one behind it, and the "
                     "template has " +
                     std::to_string(in_front) + " and " + std::to_string(behind) + ": take some out.");
  Miner miner(request);
  std::vector<std::string> templates;
  std::istringstream lines(request.text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (line.find('{') != std::string::npos)
      templates.push_back(line);
    else
      miner.read_line(line);
  }
  for (const std::string& phrase : miner.phrases()) {
    std::vector<std::string> texts(in_front, phrase);
    texts.resize(request.gaps.count(), miner.ending());
    if (in_front > 0)
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
