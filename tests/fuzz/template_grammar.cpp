// The template language, with its filters applied to the template's text.
#include <cuecard/parts/template/template_grammar.hpp>

#include "parser.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  return fuzz::read_or_refuse([&] {
    const ParsedTemplate parsed = parse_template(text);
    for (const TemplateItem& item : parsed.items) {
      fuzz::require(item.begin <= item.end && item.end <= text.size(), "an item is outside the template");
      fuzz::require(item.line >= 1 && item.column >= 1, "an item has no line or column");
      if (item.filter) {
        filter_text(*item.filter, text);
        filter_text(*item.filter, item.text);
      }
    }
  });
}
