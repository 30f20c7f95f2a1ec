#include "peft/export.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

#include "engine/tokenized_example.hpp"
#include "peft/head.hpp"
#include "peft/learned_rows.hpp"

namespace cuecard::peft {

namespace {

/// A card on its way out; every refusal begins with its name.
class Exporter {
public:
  Exporter(const Method& method, const Model& model, const ExportChoice& choice)
      : method_(method), shape_(model.backbone().shape()), model_(model), choice_(choice) {}

  Exported run(const registry::Registry& plugins) {
    const Conditioning learned = method_.tuner->condition(method_.task, {});
    require_one_kind(learned);
    Adapter& adapter = exported_.adapter;
    adapter.config.type = type_for(learned, plugins);
    adapter.config.base_model = choice_.base_model;
    const TokenizedPrompt prompt = prompt_of_one_text();
    if (learned.prefixes.empty()) {
      const at::Tensor rows = rows_in_front(prompt, learned.embeddings).to(at::kCPU, at::kFloat).contiguous();
      keep_rows(adapter, rows * embedding_scale(model_.files().configuration, shape_), shape_);
    } else {
      rows_in_front(prompt, {});
      Prefix prefix = learned.prefixes.front();
      for (const Prefix& each : learned.prefixes)
        if (each.site != PrefixSite::self)
          prefix = each; // which is refused
      prefix.key = prefix.key.detach().to(at::kCPU, at::kFloat);
      prefix.value = prefix.value.detach().to(at::kCPU, at::kFloat);
      refuse_if(keep_prefix(adapter, prefix, shape_));
    }
    keep_reading(adapter);
    return std::move(exported_);
  }

private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw DataError("the card \"" + method_.name + "\" can't become a PEFT adapter: " + why + ".");
  }

  void refuse_if(const std::string& why) const {
    if (!why.empty())
      refuse(why);
  }

  void require_one_kind(const Conditioning& learned) const {
    const std::string tuner = "its tuner \"" + method_.record.tuner.component + "\" ";
    if (method_.own_backbone)
      refuse(tuner + "replaces weights of the model, and PEFT's prompts leave them alone");
    if (learned.triggers.defined())
      refuse(tuner + "learned tokens, and PEFT's prompts are rows of numbers");
    if (learned.embeddings.defined() && !learned.prefixes.empty())
      refuse(tuner +
             "learned rows among the embeddings and prefixes in the layers, and PEFT holds one of them");
    if (!learned.embeddings.defined() && learned.prefixes.empty())
      refuse(tuner + "learned nothing that stands in front of the text");
  }

  Type type_for(const Conditioning& learned, const registry::Registry& plugins) const {
    const bool prefix = !learned.prefixes.empty();
    if (choice_.type) {
      if ((*choice_.type == Type::prefix_tuning) != prefix)
        throw UsageError(std::string("--type ") + name_of(*choice_.type) + ": the card \"" + method_.name +
                         "\" learned " +
                         (prefix ? "a prefix in every layer; its type is PREFIX_TUNING."
                                 : "rows among the embeddings; its type is any but PREFIX_TUNING."));
      return *choice_.type;
    }
    if (prefix)
      return Type::prefix_tuning;
    const CardComponent& tuner = method_.record.tuner;
    for (const std::string& kind :
         plugins.find(CUECARD_TUNER, tuner.plugin + "/" + tuner.component).component().adopts)
      if (const auto type = type_of(kind); type && *type != Type::prefix_tuning)
        return *type;
    return Type::prompt_tuning;
  }

  /// What the card makes of an input, here of one that can't be mistaken for a text of the template's.
  TokenizedPrompt prompt_of_one_text() {
    Example example;
    const Reading& reading = method_.target.reading;
    for (const std::string& field : method_.prompt_template->fields()) {
      if (reading.rows == Reading::Rows::words && field == reading.field)
        example.words[field] = {"a"};
      else if (field.starts_with("meta."))
        example.meta[field.substr(5)] = "a";
      else
        example.fields[field] = "a";
    }
    std::vector<Prompt> prompts = method_.prompt_template->render(example);
    method_.tuner->edit(prompts, {example, method_.task});
    if (prompts.size() != 1)
      refuse("it makes " + std::to_string(prompts.size()) + " prompts of an input, and PEFT one");
    if (const std::string text = own_text(prompts[0]); !text.empty()) {
      if (!choice_.leave_template)
        refuse(
            "its template has a text of its own (" + text +
            "), which an adapter can't hold: export with --leave-template and put that text around each input "
            "yourself");
      exported_.left_behind.push_back("the template " + method_.prompt_template->source());
    }
    return tokenized(method_, model_, prompts[0], reading);
  }

  /// What stands in a prompt besides one input and soft slots, quoted; "" when nothing does.
  static std::string own_text(const Prompt& prompt) {
    std::vector<Piece> pieces = prompt.front;
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
        return "more fields than one, the second \"" + piece.field + "\"";
      if (piece.lead > 0)
        return "\"" + piece.text.substr(0, static_cast<std::size_t>(piece.lead)) + "\"";
    }
    return "";
  }

  /// `embeddings` in the order in which they stand. PEFT's stand in front of everything else.
  at::Tensor rows_in_front(const TokenizedPrompt& prompt, const at::Tensor& embeddings) const {
    std::vector<int64_t> slots;
    for (const TokenRow& row : prompt.input)
      if (row.soft_slot >= 0)
        slots.push_back(row.soft_slot);
    for (const TokenRow& row : prompt.output)
      if (row.soft_slot >= 0)
        refuse("it has a soft slot in the decoder's text, and PEFT has none there");
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (prompt.input[i].soft_slot < 0)
        refuse("a soft slot of its template stands in the text or behind it, and PEFT's rows stand in front of "
               "everything, the model's own first token included");
    if (!embeddings.defined())
      return {};
    return at::index_select(embeddings.detach(), 0, index_tensor(slots, embeddings.device()));
  }

  void keep_reading(Adapter& adapter) {
    const CardComponent& verbalizer = method_.record.verbalizer;
    const Learned learned = method_.verbalizer->export_learned();
    if (is_head(verbalizer.component)) {
      TensorMap tensors;
      for (const auto& [name, tensor] : learned.tensors)
        tensors[name] = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
      refuse_if(keep_head(adapter, verbalizer.component, verbalizer.options, tensors, shape_));
      std::string names;
      for (const std::string& label : method_.labels)
        names += (names.empty() ? "" : ", ") + label;
      exported_.left_behind.push_back("the labels' names (" + names + ")");
      return;
    }
    if (method_.target.reading.rows != Reading::Rows::answers || !learned.empty())
      refuse("its verbalizer \"" + verbalizer.component + "\" holds what no PEFT adapter has a place for");
    if (!shape_.generates())
      refuse("the " + shape_.family + " model fills a mask, and PEFT has no task for that");
    adapter.config.task = shape_.encoder_decoder ? Task::seq_2_seq_lm : Task::causal_lm;
    std::string words;
    for (std::size_t label = 0; label < method_.labels.size(); ++label) {
      words += (label ? "; " : "") + method_.labels[label];
      const auto& lists = method_.record.label_words;
      for (std::size_t i = 0; label < lists.size() && i < lists[label].size(); ++i)
        words += (i ? ", " : ": ") + lists[label][i];
    }
    if (!words.empty())
      exported_.left_behind.push_back("the labels and their words (" + words + ")");
  }

  const Method& method_;
  const BackboneShape& shape_;
  const Model& model_;
  const ExportChoice& choice_;
  Exported exported_;
};

} // namespace

Exported export_card(const Method& method, const Model& model, const registry::Registry& plugins,
                     const ExportChoice& choice) {
  return Exporter(method, model, choice).run(plugins);
}

} // namespace cuecard::peft
