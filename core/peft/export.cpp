#include "peft/export.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

#include "engine/tokenized_example.hpp"
#include "peft/adapter_tensors.hpp"
#include "peft/head.hpp"
#include "peft/module_tensors.hpp"

namespace cuecard::peft {

namespace {

/// Exports one card; every error begins with the card's name.
class Exporter {
public:
  Exporter(const TaskPipeline& pipeline, const Model& model, const ExportChoice& choice)
      : pipeline_(pipeline), shape_(model.shape()), model_(model), choice_(choice) {}

  Exported run(const registry::Registry& plugins) {
    if (pipeline_.input_features)
      refuse("its soft prompt depends on the input, which an adapter can't hold");
    const Conditioning conditioning = pipeline_.tuner->condition({pipeline_.task, {}});
    require_exportable(conditioning);
    Adapter& adapter = exported_.adapter;
    adapter.config.type = type_for(conditioning, plugins);
    adapter.config.base_model = choice_.base_model;
    const TokenizedPrompt prompt = sample_prompt();
    if (!conditioning.low_rank.empty()) {
      ordered_soft_prompt(prompt, {});
      store_low_rank(adapter, conditioning.low_rank, model_.backbone());
    } else if (!conditioning.rescalings.empty()) {
      ordered_soft_prompt(prompt, {});
      store_rescalings(adapter, conditioning.rescalings, model_.backbone());
    } else if (conditioning.embeddings.defined()) {
      const at::Tensor virtual_tokens =
          ordered_soft_prompt(prompt, conditioning.embeddings).to(at::kCPU, at::kFloat).contiguous();
      store_soft_prompt(adapter, virtual_tokens * embedding_scale(model_.files().configuration, shape_),
                        shape_);
    } else {
      ordered_soft_prompt(prompt, {});
      Prefix prefix = conditioning.prefixes.front();
      for (const Prefix& each : conditioning.prefixes)
        if (each.site != PrefixSite::self)
          prefix = each; // `store_prefix` rejects it
      prefix.key = prefix.key.detach().to(at::kCPU, at::kFloat);
      prefix.value = prefix.value.detach().to(at::kCPU, at::kFloat);
      refuse_if(store_prefix(adapter, prefix, shape_));
    }
    store_verbalizer(adapter);
    return std::move(exported_);
  }

private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw DataError("the card \"" + pipeline_.name + "\" can't be exported as a PEFT adapter: " + why + ".");
  }

  void refuse_if(const std::string& why) const {
    if (!why.empty())
      refuse(why);
  }

  void require_exportable(const Conditioning& conditioning) const {
    const std::string tuner = "its tuner \"" + pipeline_.record.tuner.component + "\" ";
    if (pipeline_.own_backbone)
      refuse(tuner + "replaces weights of the model, which a PEFT adapter can't hold");
    if (conditioning.triggers.defined())
      refuse(tuner + "trained discrete tokens, and PEFT's prompts are embeddings");
    const auto parts =
        static_cast<int>(conditioning.embeddings.defined() || conditioning.late_embeddings.defined()) +
        static_cast<int>(!conditioning.prefixes.empty()) + static_cast<int>(!conditioning.low_rank.empty()) +
        static_cast<int>(!conditioning.rescalings.empty());
    if (parts > 1)
      refuse(
          tuner +
          "trained more than one of a soft prompt, prefixes and updates of layers, and a PEFT adapter holds only one of "
          "them");
    if (parts == 0)
      refuse(tuner + "trained neither a soft prompt nor a prefix nor updates of layers");
    if (conditioning.late_embeddings.defined())
      refuse(tuner + "trained a soft prompt that enters at a later layer, which PEFT does not support");
  }

  Type type_for(const Conditioning& conditioning, const registry::Registry& plugins) const {
    // A soft prompt has several types; the others only one.
    const std::optional<Type> only = !conditioning.prefixes.empty()     ? std::optional(Type::prefix_tuning)
                                     : !conditioning.low_rank.empty()   ? std::optional(Type::lora)
                                     : !conditioning.rescalings.empty() ? std::optional(Type::ia3)
                                                                        : std::nullopt;
    const auto is_soft_prompt = [](Type type) {
      return type != Type::prefix_tuning && type != Type::lora && type != Type::ia3;
    };
    if (choice_.type) {
      if (only ? *choice_.type != *only : !is_soft_prompt(*choice_.type))
        throw UsageError(std::string("--type ") + name_of(*choice_.type) + ": the card \"" + pipeline_.name +
                         "\" has " +
                         (!only ? std::string("a soft prompt; use any type but PREFIX_TUNING, LORA and IA3.")
                          : *only == Type::prefix_tuning
                              ? "a prefix in every layer; its type is PREFIX_TUNING."
                              : std::string("updates of layers; its type is ") + name_of(*only) + "."));
      return *choice_.type;
    }
    if (only)
      return *only;
    const CardComponent& tuner = pipeline_.record.tuner;
    for (const std::string& kind :
         plugins.find(CUECARD_TUNER, tuner.plugin + "/" + tuner.component).component().adopts)
      if (const auto type = type_of(kind); type && is_soft_prompt(*type))
        return *type;
    return Type::prompt_tuning;
  }

  /// The card's prompt for a sample input.
  TokenizedPrompt sample_prompt() {
    Example example;
    const OutputPositions& output_positions = pipeline_.layout.positions;
    for (const std::string& field : pipeline_.prompt_template->fields()) {
      if (output_positions.kind == OutputPositions::Kind::words && field == output_positions.field)
        example.words[field] = {"a"};
      else if (field.starts_with("meta."))
        example.meta[field.substr(5)] = "a";
      else
        example.fields[field] = "a";
    }
    std::vector<Prompt> prompts = pipeline_.prompt_template->render({example});
    pipeline_.tuner->edit(prompts, {example, pipeline_.task});
    if (prompts.size() != 1)
      refuse("it renders " + std::to_string(prompts.size()) + " prompts per input, and PEFT uses one");
    if (const std::string text = template_content(prompts[0]); !text.empty()) {
      if (!choice_.drop_template)
        refuse("its template adds " + text +
               " to the input, which an adapter can't hold; export with --drop-template and add it to each "
               "input yourself");
      exported_.not_exported.push_back("the template " + pipeline_.prompt_template->source());
    }
    return tokenized(pipeline_, model_, prompts[0], output_positions);
  }

  /// The first thing, quoted, that a prompt contains besides one input field and soft slots; empty if nothing.
  static std::string template_content(const Prompt& prompt) {
    std::vector<Piece> pieces = prompt.prepended;
    pieces.insert(pieces.end(), prompt.input.begin(), prompt.input.end());
    pieces.insert(pieces.end(), prompt.output.begin(), prompt.output.end());
    int64_t fields = 0;
    for (const Piece& piece : pieces) {
      const bool text = piece.kind == Piece::Kind::text || piece.kind == Piece::Kind::special ||
                        piece.kind == Piece::Kind::trigger;
      if (text && !piece.text.empty())
        return "\"" + piece.text + "\"";
      if (piece.kind != Piece::Kind::field)
        continue;
      if (fields++ > 0)
        return "a second field \"" + piece.field + "\"";
      if (piece.lead > 0)
        return "\"" + piece.text.substr(0, static_cast<std::size_t>(piece.lead)) + "\"";
    }
    return "";
  }

  /// `embeddings` in prompt order. Requires all soft slots to precede the rest of the input, as in PEFT.
  at::Tensor ordered_soft_prompt(const TokenizedPrompt& prompt, const at::Tensor& embeddings) const {
    std::vector<int64_t> slots;
    for (const PromptToken& token : prompt.input)
      if (token.soft_slot >= 0)
        slots.push_back(token.soft_slot);
    for (const PromptToken& token : prompt.output)
      if (token.soft_slot >= 0)
        refuse("it has a soft slot in the decoder input, which PEFT does not support");
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (prompt.input[i].soft_slot < 0)
        refuse("a soft slot of its template is within or after the text, and PEFT places virtual tokens before "
               "everything, including the model's first special token");
    if (!embeddings.defined())
      return {};
    return at::index_select(embeddings.detach(), 0, index_tensor(slots, embeddings.device()));
  }

  void store_verbalizer(Adapter& adapter) {
    const CardComponent& verbalizer = pipeline_.record.verbalizer;
    const ComponentState state = pipeline_.verbalizer->state();
    if (is_head(verbalizer.component)) {
      TensorMap tensors;
      for (const auto& [name, tensor] : state.tensors)
        tensors[name] = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
      if (tensors.erase("threshold") > 0)
        exported_.not_exported.emplace_back(
            "the threshold of the labels, of which an example may have several (load the "
            "adapter with problem_type=\"multi_label_classification\")");
      refuse_if(store_head(adapter, verbalizer.component, verbalizer.options, tensors, shape_,
                           base_layers_of(model_.files(), shape_)));
      std::string names;
      for (const std::string& label : pipeline_.labels)
        names += (names.empty() ? "" : ", ") + label;
      exported_.not_exported.push_back("the label names (" + names + ")");
      return;
    }
    if (pipeline_.layout.positions.kind != OutputPositions::Kind::answer_slots || !state.empty())
      refuse("its verbalizer \"" + verbalizer.component + "\" can't be represented in a PEFT adapter");
    if (!shape_.generates() && !adapter.config.updates_layers())
      refuse("the " + shape_.family + " model is a masked language model, for which PEFT has no task type");
    adapter.config.task = !shape_.generates()      ? Task::unspecified
                          : shape_.encoder_decoder ? Task::seq_2_seq_lm
                                                   : Task::causal_lm;
    std::string words;
    for (std::size_t label = 0; label < pipeline_.labels.size(); ++label) {
      words += (label ? "; " : "") + pipeline_.labels[label];
      const auto& lists = pipeline_.record.label_words;
      for (std::size_t i = 0; label < lists.size() && i < lists[label].size(); ++i)
        words += (i ? ", " : ": ") + lists[label][i];
    }
    if (!words.empty())
      exported_.not_exported.push_back("the label words (" + words + ")");
  }

  const TaskPipeline& pipeline_;
  const BackboneShape& shape_;
  const Model& model_;
  const ExportChoice& choice_;
  Exported exported_;
};

} // namespace

Exported export_card(const TaskPipeline& pipeline, const Model& model, const registry::Registry& plugins,
                     const ExportChoice& choice) {
  return Exporter(pipeline, model, choice).run(plugins);
}

} // namespace cuecard::peft
