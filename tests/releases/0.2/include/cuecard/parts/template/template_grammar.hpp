/// The template language: OpenPrompt's, with its own parser. Nothing in a template is ever evaluated.
///
///   template := ( spaces | literal | item )*      literal := characters without "{"
///   item     := "{" body "}"
///   body     := key ("," key)* | key ":" value ("," key ":" value)* | name
///   key      := text in single or double quotes, with Python's escapes
///   value    := text in quotes | whole number | True | False | None | lambda (post_processing only)
///   name     := letters, digits, "_", "-", "."; not starting with a digit
///
/// In a body of keys alone each has the value None: `{"mask"}` is `{"mask": None}`. Braces inside quotes are
/// text.
///
/// Spaces: an item or literal that follows one or more U+0020 has the prefix " ", else ""; spaces before an
/// item and at the end of the template are not text themselves. Only U+0020 counts: tab and line feed are text.
///
/// The first of these keys that an item has determines its kind:
///
///   placeholder  a field of the example; shortenable by default
///   meta         a key of the example's side data
///   choice       one alternative of a list of the example (multiple choice), the k-th in the k-th prompt
///   soft         one soft token, or with text a soft token per token of that text; see `TemplateItem`
///   trigger      one token that a search chooses, or with text the token with that spelling
///   mask         an answer slot
///   role         begins a turn of a chat: system, user or assistant; spaces after it are not text
///   variant      ends one template and begins the next: the members of an ensemble
///   special      `<mask> <eos> <bos> <sep> <cls> <pad>`: that token of the model; any other text as it is
///   text         text
///
/// Further keys: `shortenable` (True | False), `post_processing` (a filter, on placeholder, meta and choice),
/// `add_prefix_space` (text that replaces the prefix), on soft items `soft_id`, `duplicate`, `same`, and on
/// trigger items `duplicate`.
///
/// The short form is an extension, not valid in OpenPrompt: `{name}` is `{"placeholder": "name"}`, `{meta.key}`
/// is `{"meta": "key"}`, and `{mask}`, `{soft}` and `{trigger}` are `{"mask"}`, `{"soft"}` and `{"trigger"}`.
/// (A field with one of those three names needs the long form.)
///
/// A template for a verbalizer that uses answer slots needs a mask item. A template in which no item has quotes may
/// omit it: it then ends in one (`ParsedTemplate::implied_answer`), so that `Review: {text}\nOverall, it was`
/// is a template for causal models.
///
/// Errors are UsageError: `template line L, column C: ...`, both from 1, columns in characters. For a text that is too
/// long to be a template it names no place.
///
/// Threads: functions of this file may be called from several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/export.hpp>

namespace cuecard {

/// The filters of `post_processing`. The list is closed: a filter is written as its name or as one of the equivalent Python
/// lambdas.
enum class TextFilter {
  append_full_stop,                 ///< lambda s: s + "."
  drop_last_character,              ///< lambda s: s[:-1]
  lower_first_character,            ///< lambda s: s[:1].lower() + s[1:]
  lower_case,                       ///< lambda s: s.lower()
  upper_case,                       ///< lambda s: s.upper()
  strip_spaces,                     ///< lambda s: s.strip()
  strip_full_stops,                 ///< lambda s: s.strip(".")
  strip_end_full_stops,             ///< lambda s: s.rstrip(".")
  strip_ideographic_full_stops,     ///< lambda s: s.strip("。")
  strip_end_ideographic_full_stops, ///< lambda s: s.rstrip("。")
  strip_end_punctuation,            ///< lambda s: s.rstrip(string.punctuation)
  join_with_space,                  ///< lambda s: " ".join(s)
  join_with_comma,                  ///< lambda s: ", ".join(s)
  join_with_bare_comma,             ///< lambda s: ",".join(s)
  join_with_line_feed,              ///< lambda s: "\n".join(s)
  join_with_blank_line,             ///< lambda s: "\n\n".join(s)
};

/// Names as templates write them: `append-full-stop`, ...
CUECARD_API const std::vector<std::string>& text_filter_names();

/// The filter that `written` names or spells as a lambda, if any.
CUECARD_API std::optional<TextFilter> find_text_filter(std::string_view written);

/// True for the filters that join a list of words into one text.
CUECARD_API bool joins_words(TextFilter filter);

/// Filters one text; a joining filter leaves it unchanged. Characters are UTF-8 code points; case mapping is
/// one to one.
CUECARD_API std::string filter_text(TextFilter filter, std::string_view text);

/// Joins a list of words; std::logic_error if `filter` doesn't join.
CUECARD_API std::string filter_words(TextFilter filter, const std::vector<std::string>& words);

/// One item of a template: a text, or the content of a pair of braces.
struct TemplateItem {
  /// What the braces hold; `text`: what is outside of them, `meta`: side data.
  enum class Kind { text, field, meta, choice, soft, answer, special, trigger, role, variant };
  Kind kind = Kind::text;
  /// Precedes the text: "" or " ", unless add_prefix_space sets it. Not used for `answer`, `special` and
  /// `role`.
  std::string prefix;
  /// The literal text; the name of the field, side-data key or list of alternatives; the words that soft tokens
  /// are initialised from; the trigger as the vocabulary spells it; the marker of the special token without
  /// brackets ("sep"); the role.
  std::string text;
  bool shortenable = false;
  std::optional<TextFilter> filter;
  /// Soft items. With `has_words`: one soft token per token of prefix + text. Without: `duplicate` soft tokens, all sharing one
  /// embedding if `same`. Later items with the same `soft_id` repeat the soft tokens of the first; 0: none.
  bool has_words = false;
  int64_t soft_id = 0;
  int64_t duplicate = 1;
  bool same = false;

  int64_t line = 1, column = 1;   ///< of its first character, from 1
  std::size_t begin = 0, end = 0; ///< byte range of the item in the template
};

/// A template as a list of items.
struct ParsedTemplate {
  std::vector<TemplateItem> items;
  bool has_answer = false; ///< whether an item is an answer slot
  /// The template has no answer item and no item with quotes, so it ends in an answer.
  bool implied_answer = false;
  int64_t end_line = 1, end_column = 1;
};

/// Parses a template. UsageError that gives line and column.
CUECARD_API ParsedTemplate parse_template(std::string_view text);

/// The beginning of every message about a place in a template.
CUECARD_API std::string template_place(int64_t line, int64_t column);

} // namespace cuecard
