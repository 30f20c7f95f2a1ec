#include <cuecard/parts/template/template_grammar.hpp>

#include <algorithm>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/chat_format.hpp>

#include "template/template_grammar_body.hpp"

namespace cuecard {

namespace {

using Kind = TemplateItem::Kind;

/// Templates are written by hand; anything longer is probably the wrong file.
constexpr std::size_t longest_template = 1 << 20;
constexpr int64_t most_duplicates = 4096;

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> keys = {"placeholder",      "meta",    "choice",      "soft",
                                                "trigger",          "mask",    "role",        "variant",
                                                "special",          "text",    "shortenable", "post_processing",
                                                "add_prefix_space", "soft_id", "duplicate",   "same"};
  return keys;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// "sep" for "<sep>", likewise for the other five markers; "" for any other text.
std::string marker_name(std::string_view text) {
  for (const std::string_view name : {"mask", "eos", "bos", "sep", "cls", "pad"})
    if (text.size() == name.size() + 2 && text.front() == '<' && text.back() == '>' &&
        text.substr(1, name.size()) == name)
      return std::string(name);
  return "";
}

/// The keys of one item; a value is checked when it is requested.
class ItemKeys {
public:
  ItemKeys(std::string_view text, std::size_t open, const ItemBody& body)
      : text_(text), open_(open), body_(body) {
    for (const ItemEntry& entry : body.entries)
      if (std::find(known_keys().begin(), known_keys().end(), entry.key) == known_keys().end())
        refuse(entry.key_at, "unknown key \"" + entry.key + "\"; the keys are " + listed(known_keys()) + "." +
                                 did_you_mean(entry.key, known_keys()));
  }

  bool has(std::string_view key) const { return find(key) != nullptr; }

  std::string text(std::string_view key, bool may_be_empty = false) const {
    const ItemEntry& entry = *find(key);
    const std::string* value = std::get_if<std::string>(&entry.value);
    if (value == nullptr || (value->empty() && !may_be_empty))
      refuse(entry.value_at,
             "\"" + entry.key + "\" needs a string in quotes, as in {\"" + entry.key + "\": \"...\"}");
    return *value;
  }

  bool flag(std::string_view key, bool otherwise) const {
    const ItemEntry* entry = find(key);
    if (entry == nullptr)
      return otherwise;
    if (const bool* value = std::get_if<bool>(&entry->value))
      return *value;
    // Existing templates also write "True" in quotes.
    const std::string* text = std::get_if<std::string>(&entry->value);
    if (text == nullptr || *text != "True")
      refuse(entry->value_at, "\"" + entry->key + "\" needs True or False");
    return true;
  }

  int64_t integer(std::string_view key, int64_t otherwise, int64_t minimum, int64_t maximum) const {
    const ItemEntry* entry = find(key);
    if (entry == nullptr)
      return otherwise;
    const int64_t* value = std::get_if<int64_t>(&entry->value);
    if (value == nullptr || *value < minimum || *value > maximum)
      refuse(entry->value_at, "\"" + entry->key + "\" needs a whole number from " + std::to_string(minimum) +
                                  " to " + std::to_string(maximum));
    return *value;
  }

  std::optional<TextFilter> filter() const {
    const ItemEntry* entry = find("post_processing");
    if (entry == nullptr)
      return std::nullopt;
    std::string written;
    if (const std::string* name = std::get_if<std::string>(&entry->value))
      written = *name;
    else if (const PythonLambda* lambda = std::get_if<PythonLambda>(&entry->value))
      written = lambda->source;
    const std::optional<TextFilter> found = find_text_filter(written);
    if (!found)
      refuse(entry->value_at, "\"post_processing\" must be one of " + listed(text_filter_names()) +
                                  " (or a lambda that spells one of them); nothing else is evaluated." +
                                  did_you_mean(written, text_filter_names()));
    if (!has("placeholder") && !has("meta") && !has("choice"))
      refuse(entry->key_at, "\"post_processing\" works on placeholder, meta and choice items only");
    return found;
  }

  [[noreturn]] void refuse(std::size_t offset, const std::string& reason) const {
    refuse_template(text_, offset, reason);
  }
  [[noreturn]] void refuse(const std::string& reason) const { refuse(open_, reason); }

private:
  const ItemEntry* find(std::string_view key) const {
    for (const ItemEntry& entry : body_.entries)
      if (entry.key == key)
        return &entry;
    return nullptr;
  }

  std::string_view text_;
  std::size_t open_;
  const ItemBody& body_;
};

void read_soft(const ItemKeys& keys, const ItemBody& body, TemplateItem& item) {
  item.kind = Kind::soft;
  item.soft_id = keys.integer("soft_id", 0, 1, INT32_MAX);
  item.duplicate = keys.integer("duplicate", 1, 1, most_duplicates);
  item.same = keys.flag("same", false);
  for (const ItemEntry& entry : body.entries)
    item.has_words |= entry.key == "soft" && !std::holds_alternative<PythonNone>(entry.value);
  if (item.has_words)
    item.text = keys.text("soft");
}

void read_trigger(const ItemKeys& keys, const ItemBody& body, TemplateItem& item) {
  item.kind = Kind::trigger;
  item.shortenable = false;
  item.duplicate = keys.integer("duplicate", 1, 1, most_duplicates);
  for (const ItemEntry& entry : body.entries)
    item.has_words |= entry.key == "trigger" && !std::holds_alternative<PythonNone>(entry.value);
  if (item.has_words)
    item.text = keys.text("trigger");
}

void read_role(const ItemKeys& keys, TemplateItem& item) {
  item.kind = Kind::role;
  item.prefix.clear();
  item.shortenable = false;
  item.text = keys.text("role");
  if (std::ranges::find(chat_roles(), item.text) == chat_roles().end())
    keys.refuse("\"role\" must be one of " + listed(chat_roles()) + "." +
                did_you_mean(item.text, chat_roles()));
}

/// Sets the kind, in the order of the header's list, and its attributes.
void read_long_form(const ItemKeys& keys, const ItemBody& body, TemplateItem& item) {
  const std::optional<TextFilter> filter = keys.filter();
  if (keys.has("add_prefix_space"))
    item.prefix = keys.text("add_prefix_space", true);
  item.shortenable = keys.flag("shortenable", keys.has("placeholder"));
  if (keys.has("placeholder")) {
    item.kind = Kind::field;
    item.text = keys.text("placeholder");
    item.filter = filter;
  } else if (keys.has("meta")) {
    item.kind = Kind::meta;
    item.text = keys.text("meta");
    item.filter = filter;
  } else if (keys.has("choice")) {
    item.kind = Kind::choice;
    item.text = keys.text("choice");
    item.filter = filter;
  } else if (keys.has("soft") || keys.has("soft_id")) {
    item.shortenable = false;
    read_soft(keys, body, item);
  } else if (keys.has("trigger")) {
    read_trigger(keys, body, item);
  } else if (keys.has("mask")) {
    item.kind = Kind::answer;
    item.shortenable = false;
  } else if (keys.has("role")) {
    read_role(keys, item);
  } else if (keys.has("variant")) {
    item.kind = Kind::variant;
    item.shortenable = false;
  } else if (keys.has("special")) {
    item.text = keys.text("special");
    item.kind = marker_name(item.text).empty() ? Kind::text : Kind::special;
    item.prefix.clear();
  } else if (keys.has("text")) {
    item.text = keys.text("text", true);
  } else {
    keys.refuse(
        "this item has none of the keys placeholder, meta, choice, soft, trigger, mask, role, variant, special "
        "and text, which define what an item is");
  }
}

void read_short_form(const std::string& name, TemplateItem& item) {
  if (name == "mask") {
    item.kind = Kind::answer;
  } else if (name == "soft") {
    item.kind = Kind::soft;
  } else if (name == "trigger") {
    item.kind = Kind::trigger;
  } else if (name.rfind("meta.", 0) == 0 && name.size() > 5) {
    item.kind = Kind::meta;
    item.text = name.substr(5);
  } else {
    item.kind = Kind::field;
    item.text = name;
    item.shortenable = true;
  }
}

/// An item whose text is exactly a marker is that special token, whatever its key.
void recognise_marker(TemplateItem& item) {
  const std::string name = marker_name(item.kind == Kind::text ? item.prefix + item.text : item.text);
  if ((item.kind == Kind::text || item.kind == Kind::special) && !name.empty()) {
    item.kind = Kind::special;
    item.text = name;
  }
}

} // namespace

ParsedTemplate parse_template(std::string_view text) {
  if (text.size() > longest_template)
    throw UsageError("the template has " + std::to_string(text.size()) + " bytes, and at most " +
                     std::to_string(longest_template) + " are accepted: is this the right file?");
  ParsedTemplate parsed;
  bool has_quotes = false;
  TemplatePlace place{1, 1};
  std::size_t counted = 0;
  for (std::size_t at = 0; at < text.size();) {
    TemplateItem item;
    if (at > 0 && text[at - 1] == ' ')
      item.prefix = " ";
    for (; at < text.size() && text[at] == ' '; ++at)
      item.prefix = " ";
    if (at == text.size())
      break;
    advance_place(place, text, counted, at);
    counted = at;
    item.line = place.line;
    item.column = place.column;
    item.begin = at;
    if (text[at] == '{') {
      const ItemBody body = read_item_body(text, at);
      if (body.name.empty()) {
        has_quotes = true;
        read_long_form(ItemKeys(text, at, body), body, item);
      } else {
        read_short_form(body.name, item);
      }
      at = body.end;
    } else {
      const std::size_t end = std::min(text.find('{', at), text.size());
      item.text = text.substr(at, end - at);
      item.text.erase(item.text.find_last_not_of(' ') + 1);
      at = end;
    }
    item.end = at;
    recognise_marker(item);
    if (!parsed.items.empty() && parsed.items.back().kind == Kind::role)
      item.prefix.clear();
    parsed.has_answer |= item.kind == Kind::answer;
    parsed.items.push_back(std::move(item));
  }
  parsed.implied_answer = !parsed.has_answer && !has_quotes;
  advance_place(place, text, counted, text.size());
  parsed.end_line = place.line;
  parsed.end_column = place.column;
  return parsed;
}

} // namespace cuecard
