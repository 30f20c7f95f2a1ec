/// A plugin of release 0.2 with a component of each kind: a backbone, a template, a verbalizer and a tuner, all named "release-0-2". It
/// uses what plugins use: the interfaces, those that the host gives them (Engine, Scorer, Vocabulary, Weights), and classes of the
/// parts as bases and members. Each component computes what a bundled one computes, or a simple function of it, so that ../check knows
/// its results.
///
/// This file belongs to a release and is not edited after it; see ../README.md.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/rope.hpp>
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/register.hpp>
#include <cuecard/tuner.hpp>

namespace {

using namespace cuecard;

constexpr const char* name = "release-0-2";

/// Llama, by the names of its checkpoints: what the bundled `llama` computes for a model without biases and with tied embeddings.
class Decoder final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& c) {
    BackboneShape shape;
    shape.family = name;
    shape.layers = c.integer("num_hidden_layers", 1, 1024);
    shape.hidden = shape.embedding_width = c.integer("hidden_size", 1, 1 << 20);
    shape.heads = c.integer("num_attention_heads", 1, 4096);
    shape.kv_heads = c.integer("num_key_value_heads", 1, 4096);
    shape.head_dim = c.integer("head_dim", 2, 4096);
    shape.vocabulary = c.integer("vocab_size", 1, 1 << 24);
    shape.max_positions = c.integer("max_position_embeddings", 1, 1 << 24);
    shape.causal = shape.has_lm_head = true;
    shape.sites = {{PrefixSite::self, shape.layers, shape.kv_heads, shape.head_dim}};
    return shape;
  }

  explicit Decoder(const BackboneArguments& arguments)
      : LoadedBackbone(describe(arguments.configuration)), rope_(arguments.configuration, shape_.head_dim),
        epsilon_(arguments.configuration.number("rms_norm_eps")) {
    const Weights& source = arguments.weights;
    const int64_t hidden = shape_.hidden, inner = arguments.configuration.integer("intermediate_size");
    const int64_t queries = shape_.heads * shape_.head_dim, keys = shape_.kv_heads * shape_.head_dim;
    const at::Tensor words = take_matrix(source, "model.embed_tokens.weight", {shape_.vocabulary, hidden});
    set_tables(source, "model.embed_tokens.weight", words, words);
    for (int64_t i = 0; i < shape_.layers; ++i) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      const auto norm = [&](const char* of) { return take(source, layer + of + ".weight", {hidden}); };
      const auto linear = [&](const char* of, int64_t out, int64_t in) {
        return take_linear(source, layer + of, out, in, false);
      };
      layers_.push_back({norm("input_layernorm"), norm("post_attention_layernorm"),
                         linear("self_attn.q_proj", queries, hidden), linear("self_attn.k_proj", keys, hidden),
                         linear("self_attn.v_proj", keys, hidden), linear("self_attn.o_proj", hidden, queries),
                         linear("mlp.gate_proj", inner, hidden), linear("mlp.up_proj", inner, hidden),
                         linear("mlp.down_proj", hidden, inner)});
    }
    norm_ = take(source, "model.norm.weight", {hidden});
  }

  at::Tensor forward(const ForwardArgs& args) const override {
    const Side& side = args.batch.input;
    const ForwardPass pass(args, side, shape_, PrefixSite::self);
    const RotaryAngles angles = rope_.angles(pass, side, input_table_.scalar_type());
    at::Tensor x = embed_tokens(input_table_, side, args.conditioning);
    for (int64_t i = 0; i < pass.layers(shape_.layers); ++i)
      x = run(i, pass.enter(i, x), angles, pass);
    return pass.partial() ? x : rms_norm(x, norm_, epsilon_);
  }

  at::Tensor project(const ProjectArgs& args) const override {
    return project_untransformed(output_table_, at::Tensor(), args, shape_.family);
  }

private:
  struct Layer {
    at::Tensor before_attention, before_feed_forward;
    Linear query, key, value, output, gate, up, down;
  };

  at::Tensor run(int64_t index, const at::Tensor& x, const RotaryAngles& angles,
                 const ForwardPass& pass) const {
    const Layer& layer = layers_[static_cast<std::size_t>(index)];
    const bool last = index + 1 == shape_.layers && pass.selects_tokens();
    const auto selected = [&](const at::Tensor& rows) {
      return last ? rows.index_select(0, pass.selected_tokens()) : rows;
    };
    const auto heads = [&](const at::Tensor& rows) { return rows.view({rows.size(0), -1, shape_.head_dim}); };
    const at::Tensor normed = rms_norm(x, layer.before_attention, epsilon_);
    const at::Tensor query = rotate(heads(pass.linear(layer.query, selected(normed), last)),
                                    {selected(angles.cosine), selected(angles.sine)});
    const at::Tensor key = rotate(heads(pass.linear(layer.key, normed)), angles);
    const at::Tensor value = heads(pass.linear(layer.value, normed));
    const at::Tensor mixed =
        attention(query, pass.sources(index, key, value), last ? pass.last_layout() : pass.layout(index),
                  1.0 / std::sqrt(static_cast<double>(shape_.head_dim)));
    const at::Tensor attended =
        selected(x) + pass.linear(layer.output, mixed.reshape({mixed.size(0), -1}), last);
    const at::Tensor between = rms_norm(attended, layer.before_feed_forward, epsilon_);
    const at::Tensor raised =
        silu_gate(pass.linear(layer.gate, between, last), pass.linear(layer.up, between, last));
    return attended + pass.linear(layer.down, raised, last);
  }

  Rope rope_;
  double epsilon_;
  std::vector<Layer> layers_;
  at::Tensor norm_;
};

/// The bundled template `manual` with a line before every prompt.
class LineTemplate final : public GrammarTemplate {
public:
  explicit LineTemplate(const Options& options) : GrammarTemplate(options), line_(options.text("line")) {}

  void prepare(const TemplateTarget& target) override {
    GrammarTemplate::prepare(target);
    if (target.vocabulary.encode(line_).empty())
      throw UsageError("the template \"release-0-2\" has an empty line.");
  }
  ComponentState state() const override { return {{}, {{"line", line_}}}; }
  void load_state(const ComponentState& state) override { line_ = state.texts.at("line"); }

protected:
  void finish(Prompt& prompt, const Example*) const override {
    prompt.input.insert(prompt.input.begin(), Piece::text_of(line_ + "\n"));
  }

private:
  std::string line_;
};

/// Logits of the labels' first words, minus their means over the training examples, divided by a temperature.
class CentredVerbalizer final : public Verbalizer {
public:
  explicit CentredVerbalizer(const Options& options) : temperature_(options.number("temperature")) {}

  void prepare(const VerbalizerTarget& target) override {
    const LabelWords words = read_label_words(target, name, " ");
    require_distinct(words, target.labels, MultiToken::first);
    first_words_ = first_texts(words);
    words_ = WordScores(words, MultiToken::first, target.backbone.device());
    mean_ = at::Tensor();
  }
  OutputRequest output_request() const override { return {OutputRequest::Kind::logits, words_.token_ids()}; }
  void fit(const VerbalizerFitArgs& args) override {
    mean_ = at::Tensor();
    if (args.moment == VerbalizerFitArgs::Moment::before_training)
      return;
    std::vector<at::Tensor> parts;
    args.scorer.score(
        {args.examples, nullptr, output_request(), {}},
        [&](const at::Tensor& outputs, const Batch&) { parts.push_back(words_.label_means(words_(outputs))); });
    mean_ = at::cat(parts).mean(0);
  }
  Scores score(const ScoreArgs& args) const override {
    const at::Tensor means = words_.label_means(words_(args.outputs));
    return label_scores((mean_.defined() ? means - mean_ : means) / temperature_);
  }
  at::Tensor loss(const LossArgs& args) const override { return label_loss(args.scores, args.batch); }
  std::vector<std::string> answer_text(int64_t label) const override {
    return {text_of_label(first_words_, label)};
  }
  ComponentState state() const override {
    return mean_.defined() ? state_of({{"mean", mean_}}) : ComponentState();
  }
  void load_state(const ComponentState& state) override {
    mean_ = require_tensor(state, "mean", {words_.labels()}, name);
  }

private:
  double temperature_;
  std::vector<std::string> first_words_;
  WordScores words_;
  at::Tensor mean_; ///< [labels], or undefined
};

/// Prompt tuning with known initial values, trained by steps of constant size in the direction of the gradient's signs.
class SignTuner final : public Tuner {
public:
  explicit SignTuner(const Options& options) : length_(options.integer("length")) {}

  void prepare(const Problem& problem) override {
    const int64_t width = problem.backbone.shape().embedding_width;
    first_slot_ = static_cast<int64_t>(problem.tasks.at(0).prompt_template.soft_slots().size());
    const int64_t rows = first_slot_ + length_;
    prompt_ = (at::arange(rows * width, at::kFloat).sin() * 0.1).view({rows, width});
    prompt_ = prompt_.to(problem.backbone.device()).requires_grad_();
  }
  void edit(std::vector<Prompt>& prompts, const EditArgs&) const override {
    for (Prompt& prompt : prompts)
      for (int64_t i = 0; i < length_; ++i)
        prompt.prepended.push_back(Piece::soft_slot(first_slot_ + i));
  }
  Conditioning condition(const ConditionArgs&) const override {
    Conditioning conditioning;
    conditioning.embeddings = prompt_;
    return conditioning;
  }
  std::vector<ParameterGroup> parameters() override { return {{{prompt_}}}; }
  FitRequest defaults(const FitRequest& request) const override {
    FitRequest usual;
    usual.learning_rate = 0.01;
    return filled_in(request, usual);
  }
  FitReport fit(Engine& engine) override {
    engine.resume();
    const FitSettings& settings = engine.settings();
    FitReport report;
    for (int64_t step = 0; step < settings.steps; ++step) {
      double loss = 0, weight = 0;
      for (const Batch& batch : engine.training_batches(0, step)) {
        const Pass pass{true, static_cast<uint64_t>(step)};
        const at::Tensor part = engine.loss(0, batch, condition({0, pass}), pass);
        part.backward();
        const double count = engine.problem().tasks[0].verbalizer.weight(batch);
        loss += part.item<double>() * count;
        weight += count;
      }
      const at::NoGradGuard no_grad;
      prompt_.sub_(prompt_.grad().sign() * settings.learning_rate);
      prompt_.mutable_grad() = at::Tensor();
      report.losses.push_back(static_cast<float>(loss / weight));
      engine.progress(step + 1, settings.steps, loss / weight, engine.evaluate_dev(0));
    }
    report.steps = report.best_step = settings.steps;
    report.settings = recorded(settings);
    return report;
  }
  ComponentState state(int64_t) const override { return state_of({{"prompt", prompt_}}); }
  void load_state(const ComponentState& state) override {
    copy_state({{"prompt", prompt_}}, state, "soft prompt does not fit");
  }

private:
  int64_t length_, first_slot_ = 0;
  at::Tensor prompt_; ///< [first_slot_ + length_, embedding width]
};

constexpr cuecard_option_v1 template_options[] = {
    template_text_option,
    predict_eos_option,
    encoder_decoder_option,
    chat_format_option,
    text_option("line", "Answer briefly.", "", "The line before every prompt.", "arbitrary"),
};
constexpr cuecard_option_v1 verbalizer_options[] = {
    number_option("temperature", "1", 1e-3, 1e3, "Divides the scores.", "1 changes nothing"),
};
constexpr cuecard_option_v1 tuner_options[] = {
    integer_option("length", "4", 1, 1000, "Number of virtual tokens.", "arbitrary", CUECARD_ROLE_LENGTH),
};

constexpr cuecard_component_v1 components[] = {
    backbone<Decoder>(name, "A Llama", name),
    prompt_template<LineTemplate>(name, "A template with a line before it", template_options),
    verbalizer<CentredVerbalizer>(name, "Label words, centred", CUECARD_TRAINS_NOTHING, verbalizer_options),
    tuner<SignTuner>(name, "A few virtual tokens", CUECARD_TRAINS_TENSORS, tuner_options),
};

} // namespace

CUECARD_PLUGIN("release-0-2", "0.2.0", "Apache-2.0", "", components)
