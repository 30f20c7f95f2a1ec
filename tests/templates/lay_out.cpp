#include "lay_out.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/template_grammar.hpp>
#include <cuecard/testing/no_backbone.hpp>

#include "manual_tuner.hpp"
#include "manual_verbalizer.hpp"

namespace cuecard {

namespace {

Options template_options(const LayoutCase& given) {
  Options options;
  options.set("text", given.text);
  options.set("predict-eos", given.predict_eos);
  options.set("encoder-decoder", given.encoder_decoder.empty() ? "auto" : given.encoder_decoder);
  options.set("chat-format", std::string("auto"));
  return options;
}

Options verbalizer_options() {
  Options options;
  for (const char* name : {"multi-token-handler", "prefix", "calibrate"})
    options.set(name, std::string("none"));
  options.set("calibrate-rows", int64_t{1});
  options.set("post-log-softmax", true);
  return options;
}

} // namespace

Layout lay_out(const LayoutCase& given, const Vocabulary& vocabulary) {
  Layout layout;
  Stage stage = Stage::parse;
  try {
    const ParsedTemplate parsed = parse_template(given.text);
    if (!parsed.has_answer && !parsed.implied_answer) // as the template component refuses it
      throw UsageError("the template has no answer slot");

    stage = Stage::load;
    PromptLayout prompt_layout;
    prompt_layout.causal = given.causal;
    prompt_layout.encoder_decoder = !given.encoder_decoder.empty();
    prompt_layout.decoder_start = given.decoder_start;
    GrammarTemplate prompt_template(template_options(given));
    prompt_template.prepare({vocabulary, prompt_layout});
    layout.soft_slots = prompt_template.soft_slots();
    if (given.with_manual_tuner) {
      const testing::NoBackbone backbone;
      manual::ManualVerbalizer verbalizer(verbalizer_options());
      manual::ManualTuner({}).prepare(
          {backbone, vocabulary, {{"case", prompt_template, verbalizer, {}, nullptr, nullptr}}, 0});
    }

    stage = Stage::wrap;
    layout.prompt =
        prompt_template.render({given.example, given.give_answers ? &given.example.answers : nullptr}).at(0);

    stage = Stage::tokenize;
    layout.tokens = assemble(layout.prompt, vocabulary, prompt_layout, given.limit);
    stage = Stage::done;
  } catch (const UsageError& error) {
    layout.message = error.what();
  } catch (const DataError& error) {
    layout.message = error.what();
  }
  layout.failed = stage;
  return layout;
}

} // namespace cuecard
