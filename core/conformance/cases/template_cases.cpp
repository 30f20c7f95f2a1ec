// Cases of templates: prompts are a function of the example, accept any text, and can be truncated and
// serialised.
#include <algorithm>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/planted_task.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard::conformance {

namespace {

/// Everything that a model sees of prompts.
std::string seen(const std::vector<TokenizedPrompt>& prompts) {
  std::string text;
  for (const TokenizedPrompt& prompt : prompts) {
    for (const auto* side : {&prompt.input, &prompt.output}) {
      for (const PromptToken& token : *side)
        text += std::to_string(token.id) + ":" + std::to_string(token.segment) + ":" +
                std::to_string(token.soft_slot) + ":" + std::to_string(token.trigger_slot) + " ";
      text += "/";
    }
    for (const int64_t answer : prompt.answers)
      text += " " + std::to_string(answer);
    text += "\n";
  }
  return text;
}

/// An example with `text` in every field that the template reads.
Example filled(const TaskPipeline& pipeline, const std::string& text) {
  Example example = planted_rows(1, 1).at(0);
  for (const std::string& field : pipeline.prompt_template->fields()) {
    constexpr std::string_view meta = "meta.";
    if (field.starts_with(meta))
      example.meta[field.substr(meta.size())] = text;
    else if (!example.words.contains(field))
      example.fields[field] = text;
  }
  return example;
}

std::size_t answers_of(const std::vector<TokenizedPrompt>& prompts) {
  return prompts.empty() ? 0 : prompts.front().answers.size();
}

std::string deterministic(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(6, subject.seed);
    const TaskPipeline one = planted_pipeline(subject, model, planted_with(subject), rows),
                       other = planted_pipeline(subject, model, planted_with(subject), rows);
    std::vector<std::string> first;
    first.reserve(rows.size());
    for (const Example& row : rows)
      first.push_back(seen(tokenized(one, model, row)));
    for (std::size_t i = rows.size(); i-- > 0;) {
      require(seen(tokenized(one, model, rows[i])) == first[i],
              "rendering an example a second time gives another prompt.");
      require(seen(tokenized(other, model, rows[i])) == first[i],
              "a second object of the same options gives another prompt.");
    }
    require(one.prompt_template->answer_slots() ==
                static_cast<int64_t>(answers_of(tokenized(one, model, rows[0]))),
            "`answer_slots` is " + std::to_string(one.prompt_template->answer_slots()) + ", and a prompt has " +
                std::to_string(answers_of(tokenized(one, model, rows[0]))) + ".");
    const Prompt blank = one.prompt_template->blank();
    int64_t slots = 0;
    for (const auto* side : {&blank.prepended, &blank.input, &blank.output})
      slots += std::ranges::count(*side, Piece::Kind::answer, &Piece::kind);
    require(slots == one.prompt_template->answer_slots(),
            "`blank` has " + counted(slots, "answer slot") + "; expected " +
                std::to_string(one.prompt_template->answer_slots()) + ".");
  });
}

std::string cut(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    TaskPipeline pipeline =
        planted_pipeline(subject, model, planted_with(subject), planted_rows(2, subject.seed));
    std::string text = "the film";
    for (int i = 0; i < 10; ++i)
      text += " was a plot";
    const Example example = filled(pipeline, text);
    const std::vector<TokenizedPrompt> whole = tokenized(pipeline, model, example);
    const std::size_t answers = answers_of(whole);
    const auto longest = static_cast<int64_t>(whole.at(0).input.size());
    for (const Truncate how : {Truncate::tail, Truncate::head, Truncate::balanced}) {
      int64_t cut = 0;
      for (int64_t budget = 1; budget < longest; ++budget) {
        pipeline.limit = {budget, how};
        const std::string where = " with " + std::to_string(budget) + " tokens (" + name_of(how) + ")";
        try {
          const std::vector<TokenizedPrompt> prompts = tokenized(pipeline, model, example);
          ++cut;
          for (const TokenizedPrompt& prompt : prompts)
            require(static_cast<int64_t>(prompt.input.size()) <= budget, "a prompt is too long" + where + ".");
          require(answers_of(prompts) == answers, "an answer slot is lost" + where + ".");
        } catch (const DataError&) { // the budget is smaller than what can't be cut
          require(cut == 0, "a prompt can't be cut" + where + ", although it can to fewer.");
        }
      }
      require(cut > 0,
              "no prompt can be cut (" + name_of(how) + "): mark the pieces of fields as shortenable.");
    }
  });
}

std::string unicode(const Subject& subject) {
  const std::vector<std::pair<std::string, std::string>> texts{
      {"an empty text", ""},
      {"blanks", " \t \n "},
      {"an emoji of several characters", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xAC"},
      {"a combining accent", "e\xCC\x81"},
      {"text from right to left", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D"},
      {"a character outside of planes", "\xF4\x8F\xBF\xBF"},
      {"invalid UTF-8", std::string("\xFF\xFE\x80", 3)},
      {"a zero byte", std::string("a\0b", 3)},
      {"a long word", std::string(300, 'x')},
  };
  return for_each_model(subject, [&](const Model& model, const Family&) {
    TaskPipeline pipeline =
        planted_pipeline(subject, model, planted_with(subject), planted_rows(2, subject.seed));
    const std::size_t answers = answers_of(tokenized(pipeline, model, filled(pipeline, "the film")));
    for (const auto& [what, text] : texts) {
      std::vector<TokenizedPrompt> prompts;
      try {
        prompts = tokenized(pipeline, model, filled(pipeline, text));
      } catch (const DataError&) { // refused with a sentence
        continue;
      }
      require(answers_of(prompts) == answers, what + " changes the number of answer slots.");
      for (const TokenizedPrompt& prompt : prompts)
        for (const PromptToken& token : prompt.input)
          require(token.id >= 0 && token.id < model.vocabulary().size(),
                  what + " gives a token that does not exist.");
    }
  });
}

std::size_t special_tokens(const Model& model, const std::vector<TokenizedPrompt>& prompts) {
  std::size_t count = 0;
  for (const TokenizedPrompt& prompt : prompts)
    for (const PromptToken& token : prompt.input)
      count += token.soft_slot < 0 && model.vocabulary().is_special(token.id);
  return count;
}

std::string special(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const TaskPipeline pipeline =
        planted_pipeline(subject, model, planted_with(subject), planted_rows(2, subject.seed));
    const std::vector<TokenizedPrompt> plain = tokenized(pipeline, model, filled(pipeline, "the film"));
    for (const char* text : {"<mask>", "a </s> b", "<s>", "<cls><sep>", "<extra_id_0>", "{\"mask\"}",
                             "{\"soft\"}", "{text}", "[MASK]"}) {
      const std::vector<TokenizedPrompt> prompts = tokenized(pipeline, model, filled(pipeline, text));
      const std::string where = "a field that says " + std::string(text);
      require(answers_of(prompts) == answers_of(plain), where + " changes the number of answer slots.");
      require(special_tokens(model, prompts) == special_tokens(model, plain),
              where + " becomes a special token; texts of examples are Piece::field_of.");
      for (const TokenizedPrompt& prompt : prompts)
        for (const PromptToken& token : prompt.input)
          require(token.soft_slot < static_cast<int64_t>(pipeline.prompt_template->soft_slots().size()),
                  where + " becomes a soft slot.");
    }
  });
}

std::string source(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(4, subject.seed);
    const TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
    const std::string written = pipeline.prompt_template->source();
    std::vector<std::string> before;
    before.reserve(rows.size());
    for (const Example& row : rows)
      before.push_back(seen(tokenized(pipeline, model, row)));
    pipeline.prompt_template->set_source(written);
    require(pipeline.prompt_template->source() == written,
            "`source` after `set_source` of the same text is another text: \"" + written + "\" became \"" +
                pipeline.prompt_template->source() + "\".");
    for (std::size_t i = 0; i < rows.size(); ++i)
      require(seen(tokenized(pipeline, model, rows[i])) == before[i],
              "the template that `source` writes gives another prompt than the one it was written from.");
  });
}

std::string card(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(4, subject.seed);
    const TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows),
                       read = after_saving(subject, model, pipeline, family.name);
    for (const Example& row : rows)
      require(
          seen(tokenized(read, model, row)) == seen(tokenized(pipeline, model, row)),
          "the template of a card that was saved and read gives another prompt: `state` lacks something, or "
          "`load_state` loads something else.");
  });
}

} // namespace

std::vector<Case> template_cases() {
  return {
      {"template-same", CUECARD_TEMPLATE,
       "an example gives the same prompt every time, with the declared answer slots", &deterministic},
      {"template-cut", CUECARD_TEMPLATE,
       "a prompt can be cut to every number of tokens and keeps its answer slots", &cut},
      {"template-unicode", CUECARD_TEMPLATE, "any text in a field gives a prompt, or one sentence", &unicode},
      {"template-special", CUECARD_TEMPLATE, "what looks like a special token or a slot in a field is text",
       &special},
      {"template-source", CUECARD_TEMPLATE, "`source` and `set_source` are inverse", &source},
      {"template-card", CUECARD_TEMPLATE, "a card gives the same prompts after saving and reading it", &card},
  };
}

} // namespace cuecard::conformance
