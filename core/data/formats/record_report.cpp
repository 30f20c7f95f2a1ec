#include "data/formats/record_report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

struct Reason {
  std::string text;
  int64_t count = 0, first_line = 0;
};

/// The reason without the place within the line, which differs from one line to the next.
std::string_view without_place(std::string_view reason) {
  return reason.ends_with(')') ? reason.substr(0, reason.rfind(" (character ")) : reason;
}

std::vector<Reason> commonest_first(const std::vector<SkippedRecord>& skipped) {
  std::map<std::string_view, std::size_t> index_of;
  std::vector<Reason> reasons;
  for (const SkippedRecord& each : skipped) {
    const auto [entry, fresh] = index_of.emplace(without_place(each.reason), reasons.size());
    if (fresh)
      reasons.push_back({each.reason, 0, each.line});
    else
      reasons[entry->second].text = entry->first;
    ++reasons[entry->second].count;
  }
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const Reason& left, const Reason& right) { return left.count > right.count; });
  return reasons;
}

/// `20 rows: REASON (first in line 3); 1 row: ...`
std::string described(const std::vector<Reason>& reasons) {
  constexpr std::size_t most = 3;
  std::string text;
  int64_t others = 0;
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (i >= most) {
      others += reasons[i].count;
      continue;
    }
    text.append(i ? "; " : "")
        .append(counted(reasons[i].count, "row") + ": ")
        .append(reasons[i].text)
        .append(reasons[i].count == 1 ? " (line " : " (first in line ")
        .append(std::to_string(reasons[i].first_line) + ")");
  }
  return others > 0 ? text + "; and " + std::to_string(others) + " for other reasons" : text;
}

/// `lines 3 and 7: REASON; line 9: ...`, each reason once, of the first `most` records.
std::string by_line(const std::vector<SkippedRecord>& skipped, std::size_t most) {
  std::vector<std::pair<std::string_view, std::vector<int64_t>>> reasons;
  for (std::size_t i = 0; i < std::min(skipped.size(), most); ++i) {
    auto known = std::ranges::find(reasons, skipped[i].reason, &decltype(reasons)::value_type::first);
    if (known == reasons.end())
      known = reasons.insert(reasons.end(), {skipped[i].reason, {}});
    known->second.push_back(skipped[i].line);
  }
  std::string text;
  for (const auto& [reason, lines] : reasons) {
    text += text.empty() ? "" : "; ";
    for (std::size_t i = 0; i < lines.size(); ++i)
      text += (i == 0                  ? (lines.size() == 1 ? "line " : "lines ")
               : i + 1 == lines.size() ? " and "
                                       : ", ") +
              std::to_string(lines[i]);
    text.append(": ").append(reason);
  }
  return text;
}

std::string percent(int64_t part, int64_t whole) {
  const double exact = 100.0 * static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1));
  return "(" + std::to_string(std::max(1LL, std::llround(exact))) + "%)";
}

std::string counted(const std::vector<SkippedRecord>& skipped, int64_t records, const std::string& file,
                    const std::string& what) {
  const bool one = records == 1 && what.ends_with('s');
  return file + ": " + std::to_string(skipped.size()) + " of " + std::to_string(records) + " " +
         (one ? what.substr(0, what.size() - 1) : what);
}

} // namespace

std::string skipped_sentence(const std::vector<SkippedRecord>& skipped, int64_t records,
                             const std::string& file, const std::string& what, std::size_t most) {
  if (skipped.empty())
    return "";
  const std::string text = counted(skipped, records, file, what) + " skipped";
  constexpr std::size_t few = 3; // so few that line numbers are more useful than a count of reasons
  if (std::ssize(skipped) * 100 > records && skipped.size() > few)
    return text + " " + percent(std::ssize(skipped), records) + "; " + described(commonest_first(skipped)) +
           ".";
  return text + " (" + by_line(skipped, most) + (skipped.size() > most ? "; ...)." : ").");
}

void refuse_too_many(const std::vector<SkippedRecord>& skipped, int64_t records, const std::string& file,
                     const std::string& what) {
  if (std::ssize(skipped) * 10 <= records)
    return;
  throw DataError(counted(skipped, records, file, what) + " can't be used " +
                  percent(std::ssize(skipped), records) + "; " + described(commonest_first(skipped)) +
                  "; fix the file, or skip them with --allow-skipped.");
}

std::vector<std::string> RecordReport::messages(std::size_t most) const {
  std::vector<std::string> result;
  for (std::string text : {skipped_sentence(skipped, records, file, "examples", most), remarks()})
    if (!text.empty())
      result.push_back(std::move(text));
  return result;
}

std::string RecordReport::remarks() const {
  std::string text;
  const auto add = [&](int64_t count, const std::string& one, const std::string& several) {
    if (count > 0)
      text.append(text.empty() ? file + ": " : "; ")
          .append(std::to_string(count) + " " + (count == 1 ? one : several));
  };
  add(invalid_bytes, "ill-formed character was read as U+FFFD (is the text UTF-8?)",
      "ill-formed characters were read as U+FFFD (is the text UTF-8?)");
  add(half_escapes, "escape of half a character, such as \\ud83d, was read as U+FFFD",
      "escapes of half a character, such as \\ud83d, were read as U+FFFD");
  add(repeated_keys, "key appeared twice in its object, and its last value was used",
      "keys appeared twice in their objects, and their last values were used");
  add(kept_quotes,
      "value was read with its quotation marks; if they are not part of it, set \"quotes\" to true",
      "values were read with their quotation marks; if they are not part of them, set \"quotes\" to true");
  add(after_quotes,
      "value has text after its closing quotation mark; if marks within the text begin with a backslash, double them",
      "values have text after their closing quotation mark; if marks within the text begin with a backslash, double "
      "them");
  add(not_words, "line of CoNLL-U is a multiword token or an empty node, and was not read as a word",
      "lines of CoNLL-U are multiword tokens or empty nodes, and were not read as words");
  return text.empty() ? text : text + ".";
}

} // namespace cuecard
