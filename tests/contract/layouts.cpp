/// contract-layouts [FILE]: prints the sizes, offsets and places in virtual tables of what crosses the ABI boundary between a host and a plugin,
/// or compares them with those that were recorded in FILE, line by line.
///
/// A plugin that was built by a release relies on them. docs/versioning.md says which may change, and with which version.
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>

#include <cuecard/extensions/token_search.hpp>
#include <cuecard/parts/attention/disentangled_attention.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/decoder_backbone.hpp>
#include <cuecard/parts/layers/encoder_backbone.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/stored/block_types.hpp>
#include <cuecard/parts/template/chat_format.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/template_grammar.hpp>
#include <cuecard/parts/training/multi_label.hpp>
#include <cuecard/parts/training/optimizer.hpp>
#include <cuecard/parts/training/own_weights.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/joint_word_scores.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/plugin.h>
#include <cuecard/tuner.hpp>

namespace {

using namespace cuecard;

/// A pointer to a data member is its offset, and one to a virtual function is 1 plus the offset of its entry in the virtual table (Itanium
/// C++ ABI, 2.3).
template <class Pointer>
std::ptrdiff_t first_word(Pointer pointer) {
  static_assert(sizeof pointer >= sizeof(std::ptrdiff_t));
  std::ptrdiff_t word = 0;
  std::memcpy(&word, &pointer, sizeof word);
  return word;
}
template <class Pointer>
std::ptrdiff_t entry_of(Pointer function) {
  return (first_word(function) - 1) / static_cast<std::ptrdiff_t>(sizeof(void*));
}

struct Member {
  const char* name;
  std::ptrdiff_t place;
};

template <class Type>
void show(std::ostream& out, const char* name, std::initializer_list<Member> members) {
  out << name << ": " << sizeof(Type) << " bytes, aligned to " << alignof(Type) << '\n';
  for (const Member& member : members)
    out << "  " << member.place << " " << member.name << '\n';
}

#define FIELD(name)                                                                                            \
  { #name, first_word(&Type::name) }
#define FUNCTION(name)                                                                                         \
  { #name "()", entry_of(&Type::name) }
#define SHOW(type, ...)                                                                                        \
  {                                                                                                            \
    using Type [[maybe_unused]] = type;                                                                        \
    show<Type>(out, #type, {__VA_ARGS__});                                                                     \
  }

void plugin_header(std::ostream& out) {
  out << "plugin ABI " << CUECARD_ABI_MAJOR << "." << CUECARD_ABI_MINOR << '\n';
  SHOW(cuecard_plugin_v1, FIELD(magic), FIELD(struct_size), FIELD(abi_major), FIELD(abi_minor), FIELD(abi_kind),
       FIELD(torch_abi), FIELD(torch_major), FIELD(torch_minor), FIELD(torch_patch), FIELD(cxx_std),
       FIELD(stdlib), FIELD(abi_flags), FIELD(component_count), FIELD(component_size), FIELD(id),
       FIELD(version), FIELD(license), FIELD(compiler), FIELD(homepage), FIELD(components))
  SHOW(cuecard_component_v1, FIELD(kind), FIELD(kind_version), FIELD(trains), FIELD(option_count),
       FIELD(option_size), FIELD(reserved), FIELD(name), FIELD(summary), FIELD(model_types), FIELD(adopts),
       FIELD(options), FIELD(create), FIELD(destroy), FIELD(describe))
  SHOW(cuecard_option_v1, FIELD(name), FIELD(type), FIELD(role), FIELD(value), FIELD(minimum), FIELD(maximum),
       FIELD(choices), FIELD(help), FIELD(source), FIELD(needs))
  SHOW(cuecard_failure, FIELD(text), FIELD(kind))
}

void values(std::ostream& out) {
  out << "\nvalues\n";
  SHOW(at::Tensor)
  SHOW(Options)
  SHOW(Configuration)
  SHOW(ComponentState, FIELD(tensors), FIELD(texts))
  SHOW(Example, FIELD(id), FIELD(fields), FIELD(words), FIELD(meta), FIELD(label), FIELD(word_labels),
       FIELD(answers), FIELD(references), FIELD(spans), FIELD(card), FIELD(line), FIELD(label_set),
       FIELD(unanswerable))
  SHOW(Example::Span, FIELD(field), FIELD(begin), FIELD(end))
  SHOW(Piece, FIELD(kind), FIELD(text), FIELD(field), FIELD(slot), FIELD(word), FIELD(segment),
       FIELD(shortenable), FIELD(lead), FIELD(first_layer))
  SHOW(Prompt, FIELD(prepended), FIELD(input), FIELD(output), FIELD(choice), FIELD(variant))
  SHOW(OutputPositions, FIELD(kind), FIELD(field), FIELD(with_sequence))
  SHOW(TokenOrigin, FIELD(field), FIELD(word), FIELD(begin), FIELD(end))
  SHOW(LateTokens, FIELD(layer), FIELD(tokens), FIELD(slots))
  SHOW(Side, FIELD(ids), FIELD(positions), FIELD(segments), FIELD(offsets), FIELD(parent), FIELD(cards),
       FIELD(inputs), FIELD(cache_of), FIELD(soft_tokens), FIELD(soft_slots), FIELD(trigger_tokens),
       FIELD(trigger_slots), FIELD(late), FIELD(late_lengths), FIELD(late_layers))
  SHOW(Batch, FIELD(input), FIELD(output), FIELD(source_of), FIELD(answer_tokens), FIELD(answer_tokens_host),
       FIELD(answer_offsets), FIELD(answer_targets), FIELD(answer_labels), FIELD(answer_origin),
       FIELD(examples), FIELD(choices), FIELD(variants), FIELD(candidates), FIELD(cards), FIELD(sequence_of),
       FIELD(labels), FIELD(cache))
  SHOW(Pass, FIELD(training), FIELD(seed))
  SHOW(Prefix, FIELD(site), FIELD(key), FIELD(value), FIELD(positions), FIELD(input))
  SHOW(LowRankUpdate, FIELD(weight), FIELD(a), FIELD(b), FIELD(scale), FIELD(dropout))
  SHOW(Rescaling, FIELD(weight), FIELD(factors), FIELD(of_input))
  SHOW(Conditioning, FIELD(embeddings), FIELD(late_embeddings), FIELD(prefixes), FIELD(low_rank),
       FIELD(rescalings), FIELD(triggers))
  SHOW(BatchConditioning, FIELD(embeddings), FIELD(late_embeddings), FIELD(prefixes), FIELD(low_rank),
       FIELD(rescalings), FIELD(triggers), FIELD(prefix_cards), FIELD(low_rank_cards), FIELD(rescaling_cards),
       FIELD(pass))
  SHOW(Token, FIELD(id), FIELD(begin), FIELD(end))
  SHOW(TextPart, FIELD(text), FIELD(specials))
  SHOW(SpecialTokens, FIELD(bos), FIELD(eos), FIELD(unk), FIELD(sep), FIELD(pad), FIELD(cls), FIELD(mask))
  SHOW(KvCache)
}

void backbones(std::ostream& out) {
  out << "\nbackbone " << CUECARD_BACKBONE_VERSION << '\n';
  SHOW(BackboneArguments)
  SHOW(BackboneShape, FIELD(family), FIELD(layers), FIELD(hidden), FIELD(heads), FIELD(kv_heads),
       FIELD(head_dim), FIELD(embedding_width), FIELD(vocabulary), FIELD(max_positions), FIELD(causal),
       FIELD(encoder_decoder), FIELD(decoder_start), FIELD(has_lm_head), FIELD(has_pooler), FIELD(sites),
       FIELD(windows), FIELD(segments))
  SHOW(BackboneShape::Site, FIELD(site), FIELD(layers), FIELD(kv_heads), FIELD(head_dim))
  SHOW(OutputRequest, FIELD(kind), FIELD(token_ids))
  SHOW(ForwardArgs, FIELD(cache_out), FIELD(all_tokens), FIELD(layers))
  SHOW(ProjectArgs, FIELD(targets))
  SHOW(LinearLayer, FIELD(weight), FIELD(out), FIELD(in))
  SHOW(Backbone, FUNCTION(shape), FUNCTION(device), FUNCTION(token_vectors), FUNCTION(token_dot_products),
       FUNCTION(forward), FUNCTION(project), FUNCTION(weights), FUNCTION(linear_layers))
  SHOW(Weights, FUNCTION(has), FUNCTION(names), FUNCTION(get))
}

void templates(std::ostream& out) {
  out << "\ntemplate " << CUECARD_TEMPLATE_VERSION << '\n';
  SHOW(SoftSlot, FIELD(initial_token))
  SHOW(PromptLayout, FIELD(causal), FIELD(encoder_decoder), FIELD(decoder_start), FIELD(positions),
       FIELD(masked_targets), FIELD(segments))
  SHOW(TemplateTarget, FIELD(layout), FIELD(files))
  SHOW(RenderArgs, FIELD(answers))
  SHOW(Template, FUNCTION(prepare), FUNCTION(fields), FUNCTION(render), FUNCTION(blank), FUNCTION(soft_slots),
       FUNCTION(answer_slots), FUNCTION(triggers), FUNCTION(set_triggers), FUNCTION(source),
       FUNCTION(set_source))
  SHOW(Vocabulary, FUNCTION(encode), FUNCTION(encode_with_specials), FUNCTION(encode_parts), FUNCTION(decode),
       FUNCTION(piece), FUNCTION(id), FUNCTION(size), FUNCTION(special), FUNCTION(is_special),
       FUNCTION(sequence_prefix), FUNCTION(sequence_suffix), FUNCTION(kind), FUNCTION(chat_template))
}

void verbalizers(std::ostream& out) {
  out << "\nverbalizer " << CUECARD_VERBALIZER_VERSION << '\n';
  SHOW(ParameterGroup, FIELD(tensors), FIELD(learning_rate_scale), FIELD(weight_decay))
  SHOW(VerbalizerTarget, FIELD(labels), FIELD(label_words), FIELD(slot_words), FIELD(files), FIELD(cards),
       FIELD(seed), FIELD(multi_label))
  SHOW(Scores, FIELD(values), FIELD(offsets), FIELD(entries))
  SHOW(Decision, FIELD(labels), FIELD(probabilities), FIELD(text), FIELD(value))
  SHOW(ScoreArgs, FIELD(pass))
  SHOW(LossArgs)
  SHOW(DecideArgs)
  SHOW(GivenAnswersArgs, FIELD(training))
  SHOW(VerbalizerFitArgs, FIELD(moment), FIELD(dev))
  SHOW(GenerateSettings, FIELD(max_length), FIELD(min_length), FIELD(beams), FIELD(returns), FIELD(temperature),
       FIELD(top_k), FIELD(top_p), FIELD(min_p), FIELD(repetition_penalty), FIELD(length_penalty),
       FIELD(no_repeat_ngram), FIELD(early_stop), FIELD(banned), FIELD(stop), FIELD(seed))
  SHOW(Generated, FIELD(ids), FIELD(text), FIELD(log_prob))
  SHOW(ScoreRequest, FIELD(examples), FIELD(prompts), FIELD(output), FIELD(positions))
  SHOW(Verbalizer, FUNCTION(prepare), FUNCTION(output_positions), FUNCTION(num_answer_slots),
       FUNCTION(supports_multi_label), FUNCTION(output_request), FUNCTION(given_answers),
       FUNCTION(label_representatives), FUNCTION(calibrate), FUNCTION(fit), FUNCTION(score), FUNCTION(loss),
       FUNCTION(weight), FUNCTION(decide), FUNCTION(answer_text), FUNCTION(generation), FUNCTION(parameters),
       FUNCTION(state), FUNCTION(load_state))
  SHOW(Scorer, FUNCTION(score), FUNCTION(blank), FUNCTION(generate))
}

void tuners(std::ostream& out) {
  out << "\ntuner " << CUECARD_TUNER_VERSION << '\n';
  SHOW(Task, FIELD(name), FIELD(labels), FIELD(train), FIELD(dev), FIELD(metric), FIELD(multi_label))
  SHOW(Problem, FIELD(tasks), FIELD(seed), FIELD(files), FIELD(cards))
  SHOW(InputFeatures, FIELD(kind), FIELD(layers), FIELD(soft_slots))
  SHOW(ConditionArgs, FIELD(task), FIELD(pass), FIELD(inputs))
  SHOW(EditArgs, FIELD(task), FIELD(training), FIELD(representation))
  SHOW(FitRequest, FIELD(steps), FIELD(epochs), FIELD(min_steps), FIELD(learning_rate), FIELD(batch_size),
       FIELD(batch_tokens), FIELD(warmup), FIELD(clip), FIELD(evaluate_every), FIELD(patience),
       FIELD(optimizer), FIELD(schedule), FIELD(decay))
  SHOW(FitSettings, FIELD(steps), FIELD(learning_rate), FIELD(batch_size), FIELD(batch_tokens), FIELD(warmup),
       FIELD(clip), FIELD(evaluate_every), FIELD(patience), FIELD(optimizer), FIELD(schedule), FIELD(decay))
  SHOW(FitReport, FIELD(steps), FIELD(best_step), FIELD(best_dev), FIELD(stopped_early), FIELD(cancelled),
       FIELD(failure), FIELD(losses), FIELD(settings), FIELD(plain_prompt), FIELD(label_words))
  SHOW(Tuner, FUNCTION(prepare), FUNCTION(edit), FUNCTION(wants_representation), FUNCTION(input_features),
       FUNCTION(condition), FUNCTION(replaced_weights), FUNCTION(parameters), FUNCTION(defaults), FUNCTION(fit),
       FUNCTION(state), FUNCTION(load_state), FUNCTION(adopt))
  SHOW(Engine, FUNCTION(problem), FUNCTION(settings), FUNCTION(training_batches), FUNCTION(steps_per_epoch),
       FUNCTION(rerender), FUNCTION(input_features), FUNCTION(loss), FUNCTION(evaluate_dev), FUNCTION(scorer),
       FUNCTION(resume), FUNCTION(checkpoint), FUNCTION(progress), FUNCTION(extension))
  out << '\n' << TokenSearch::id << '\n';
  SHOW(CandidateScores, FIELD(loss), FIELD(correct))
  SHOW(TokenSearch, FUNCTION(gradient), FUNCTION(scores))
}

/// Plugins have them as bases and members, so their sizes are part of what is compiled into a plugin.
void parts(std::ostream& out) {
  out << "\nparts\n";
  SHOW(AttentionLayout)
  SHOW(AttentionOptions)
  SHOW(AttentionPlan)
  SHOW(CrossPass)
  SHOW(DistanceBuckets)
  SHOW(ForwardPass)
  SHOW(KeyRange)
  SHOW(KeySpan)
  SHOW(KeyValues)
  SHOW(PositionTerms)
  SHOW(RelativeBias)
  SHOW(RowRange)
  SHOW(DecoderBackbone)
  SHOW(DecoderConfiguration)
  SHOW(DecoderDefaults)
  SHOW(DecoderFamily)
  SHOW(DecoderLayer)
  SHOW(DecoderNorms)
  SHOW(EncoderBackbone)
  SHOW(EncoderConfiguration)
  SHOW(EncoderDefaults)
  SHOW(EncoderFamily)
  SHOW(EncoderKeys)
  SHOW(EncoderNames)
  SHOW(EncoderProjection)
  SHOW(LayerNorm)
  SHOW(Linear)
  SHOW(LoadedBackbone)
  SHOW(PostNormLayer)
  SHOW(PostNormNames)
  SHOW(Rope)
  SHOW(RopeFamily)
  SHOW(RotaryAngles)
  SHOW(StackSizes)
  SHOW(BidirectionalLstm)
  SHOW(BlockType)
  SHOW(Calibration)
  SHOW(ChatFormat)
  SHOW(GrammarTemplate)
  SHOW(GrammarTemplateSettings)
  SHOW(JointWordScores)
  SHOW(LabelWord)
  SHOW(LabelWordEncoding)
  SHOW(Mlp)
  SHOW(MultiLabel)
  SHOW(Optimizer)
  SHOW(OwnWeights)
  SHOW(ParsedTemplate)
  SHOW(Random)
  SHOW(Schedule)
  SHOW(TemplateItem)
  SHOW(TrainablePrefix)
  SHOW(TrainablePrefixes)
  SHOW(WordScores)
}

/// Says where the two texts differ first. Returns the exit code.
int compare(const std::string& recorded, const std::string& found, const char* file) {
  std::istringstream before(recorded), now(found);
  std::string was, is, section;
  for (int line = 1;; ++line) {
    const bool more_before = static_cast<bool>(std::getline(before, was));
    const bool more_now = static_cast<bool>(std::getline(now, is));
    if (!more_before && !more_now)
      return 0;
    if (more_before != more_now || was != is) {
      std::cerr
          << file << ":" << line << ": \"" << (more_before ? was : "") << "\" is recorded, \""
          << (more_now ? is : "") << "\" was found, below \"" << section
          << "\". A plugin that a release built relies on it: see docs/versioning.md for what may change and with "
             "which version, then record it with `build/release/tests/contract-layouts >tests/contract/layouts.txt`.\n";
      return 1;
    }
    if (!was.empty() && was.front() != ' ')
      section = was;
  }
}

} // namespace

int main(int count, char** words) {
  std::ostringstream out;
  plugin_header(out);
  values(out);
  backbones(out);
  templates(out);
  verbalizers(out);
  tuners(out);
  parts(out);
  if (count == 1) {
    std::cout << out.str();
    return 0;
  }
  std::ifstream file(words[1]);
  const std::string recorded((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return compare(recorded, out.str(), words[1]);
}
