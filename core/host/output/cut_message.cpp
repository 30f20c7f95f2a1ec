#include "host/output/cut_message.hpp"

#include "host/output/messages.hpp"
#include "host/output/table.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

constexpr int64_t percent_to_warn = 5;

/// As the beginning of a sentence.
std::string place(const CutContext& context) {
  return context.file.empty() ? "" : context.file + ": ";
}

std::string limits(const CutExamples& cut) {
  const std::string most = grouped(cut.lost.limit);
  return cut.least_limit < cut.lost.limit ? grouped(cut.least_limit) + " to " + most : most;
}

/// Whether some were cut further, so that a text which continues them has room.
bool made_room(const CutExamples& cut, const CutContext& context) {
  return !context.new_tokens.empty() && cut.least_limit < context.alone;
}

/// `300 tokens of the field "text", 10 of the field "title"`
std::string losses(const CutTokens& lost) {
  std::string text;
  for (const auto& [field, tokens] : lost.by_field) {
    const std::string unit = !text.empty() ? "" : tokens == 1 ? " token" : " tokens";
    text += (text.empty() ? "" : ", ") + grouped(tokens) + unit +
            (field.empty() ? " of the template's text" : " of the field \"" + field + "\"");
  }
  return text;
}

} // namespace

std::string cut_sentence(const CutExamples& cut, const CutContext& context) {
  if (cut.cut == 0)
    return "";
  return place(context) + grouped(cut.cut) + " of " + grouped(cut.examples) + " " + context.what + " cut to " +
         limits(cut) + " tokens (" + losses(cut.lost) + " lost)" +
         (made_room(cut, context) ? " to leave room for new ones." : ".");
}

std::string cut_advice(const CutExamples& cut, const CutContext& context) {
  if (cut.cut * 100 <= cut.examples * percent_to_warn)
    return "";
  const bool models_own = context.longest > 0 && cut.lost.limit >= context.longest;
  if (made_room(cut, context))
    return place(context) + "more than " + std::to_string(percent_to_warn) + " % of the " + context.what +
           " are cut to leave room for new tokens: lower " + context.new_tokens + " (the model takes " +
           grouped(context.longest) + " tokens, the new ones included), or shorten the texts or the template.";
  const std::string takes =
      context.longest > 0 ? "the model takes up to " + grouped(context.longest) + " tokens" : "";
  return place(context) + "more than " + std::to_string(percent_to_warn) + " % of the " + context.what +
         " are cut" +
         (models_own ? ", and " + takes + ": "
                     : "; raise " + context.raise + (takes.empty() ? "" : " (" + takes + ")") + ", ") +
         (context.windows ? "set \"truncate\" to \"windows\" in the task file, which splits long texts, "
                          : "") +
         "use fewer demonstrations, or shorten the template.";
}

void report_cut(const CutExamples& cut, const CutContext& context) {
  if (const std::string text = cut_sentence(cut, context); !text.empty())
    messages() << "cuecard: " << one_line(text) << '\n';
  if (const std::string text = cut_advice(cut, context); !text.empty())
    messages() << "cuecard: warning: " << one_line(text) << '\n';
}

} // namespace cuecard::host
