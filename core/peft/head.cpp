#include "peft/head.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/training/named_tensors.hpp>

namespace cuecard::peft {

namespace {

constexpr const char* sequence_head = "head";
constexpr const char* token_head = "words";
constexpr const char* context_pooler = "pooler.dense"; ///< of DeBERTa's class for sequences, in no encoder

/// Of the verbalizer "head" (its option "activation").
constexpr std::array<std::string_view, 3> head_activations{"tanh", "gelu", "relu"};

/// The sequence classification head of transformers' class for a model family.
struct SequenceHead {
  std::string dense, output;       ///< modules; `dense` is empty where there is a single layer
  std::string activation = "tanh"; ///< between the two
  bool transform = false;          ///< it reads the state after the transform of the masked-LM head
};

/// Whether transformers' classifiers of the family, of sequences and of words, read the state after the transform of the
/// masked-LM head, which they call `head`.
bool reads_transform(const BackboneShape& shape) {
  return shape.family == "modernbert";
}

SequenceHead sequence_head_of(const BackboneShape& shape, const BaseLayers& base) {
  if (shape.family == "roberta" || shape.family == "mpnet")
    return {"classifier.dense", "classifier.out_proj", "tanh"};
  if (shape.family == "electra")
    return {"classifier.dense", "classifier.out_proj", "gelu"};
  if (shape.family == "distilbert")
    return {"pre_classifier", "classifier", "relu"};
  if (shape.family == "deberta-v2")
    return {context_pooler, "classifier", base.pooler_activation};
  return {"", shape.causal ? "score" : "classifier", "tanh", reads_transform(shape)};
}

/// "transformers' head for bert models is one linear layer after the pooler"
std::string sequence_head_text(const BackboneShape& shape, const BaseLayers& base) {
  const SequenceHead head = sequence_head_of(shape, base);
  return "transformers' head for " + shape.family + " models is " +
         (!head.dense.empty()
              ? "two linear layers on the last hidden state with " + head.activation + " between"
          : head.transform ? std::string("one linear layer after the transform of the masked-LM head")
          : shape.causal   ? std::string("one linear layer without bias")
                           : std::string("one linear layer after the pooler"));
}

/// Why a card can't compute what transformers' class has between the last hidden state and the classifier; "" if it can.
std::string why_not_computed(const BackboneShape& shape, const BaseLayers& base, bool words) {
  if (reads_transform(shape) && !words && base.pooling != "cls")
    return "transformers' head for " + shape.family + " models reads the \"" + base.pooling +
           "\" of all tokens' states (\"classifier_pooling\" of the model's config.json), and a card's head reads one token";
  if (reads_transform(shape) && !shape.has_lm_head)
    return "transformers' head for " + shape.family +
           " models reads the state after \"head.dense\" and \"head.norm\", which a card can use only of a model with a "
           "masked-LM head, and this model's files have none";
  if (!words && shape.family == "deberta-v2" &&
      std::ranges::find(head_activations, base.pooler_activation) == head_activations.end())
    return "the model's \"pooler_hidden_act\" is \"" + base.pooler_activation +
           "\", and a card's head has tanh, gelu or relu";
  return "";
}

/// The adapter, with the model's own pooler where its head reads one that PEFT did not save.
Adapter with_pooler(const Adapter& adapter, const BackboneShape& shape, const BaseLayers& base) {
  Adapter whole = adapter;
  const std::string weight = std::string(context_pooler) + ".weight";
  if (sequence_head_of(shape, base).dense != context_pooler || adapter.config.task != Task::seq_cls ||
      adapter.head.empty() || adapter.head.contains(weight))
    return whole;
  if (base.pooler.empty())
    throw DataError(
        adapter.folder.string() + ": its head reads \"" + context_pooler + "\" of a " + shape.family +
        " model, but this model's files have none; transformers initialized one at random during training, and "
        "PEFT did not save it (it does with \"modules_to_save\": [\"pooler\"]).");
  for (const auto& [name, tensor] : base.pooler)
    whole.head[name] = tensor;
  return whole;
}

/// Reads the tensors of the head module, "classifier" or "score", under the verbalizers' tensor names.
class HeadReader {
public:
  HeadReader(const Adapter& adapter, const BackboneShape& shape) : adapter_(adapter), shape_(shape) {
    for (const auto& [name, tensor] : adapter.head) {
      std::string module = name.substr(0, name.find('.'));
      if (module == "pre_classifier" || module == "pooler")
        module = "classifier";
      if (!module_.empty() && module != module_)
        throw DataError(adapter.folder.string() + ": has two heads, \"" + module_ + "\" and \"" + module +
                        "\"; expected one.");
      module_ = module;
    }
    if (module_.empty())
      throw DataError(adapter.folder.string() + ": \"task_type\" is " + name_of(adapter.config.task) +
                      ", but the classification head is missing: no tensor \"base_model.classifier.weight\" or "
                      "\"base_model.score.weight\".");
    for (const auto& [name, tensor] : adapter.head)
      if (name.starts_with("pre_classifier."))
        dense_ = "pre_classifier";
      else if (name.starts_with(std::string(context_pooler) + "."))
        dense_ = context_pooler;
      else if (name == module_ + ".dense.weight")
        dense_ = module_ + ".dense";
  }

  /// The module of the first of two layers; empty if there is one.
  const std::string& dense() const { return dense_; }
  bool has_bias() const { return adapter_.head.count(output() + ".bias") > 0; }

  ComponentState read() {
    const int64_t labels = num_labels(output() + ".weight");
    TensorMap tensors{{"weight", take(output() + ".weight", {labels, shape_.hidden})}};
    if (has_bias())
      tensors["bias"] = take(output() + ".bias", {labels});
    if (!dense_.empty()) {
      tensors["dense.weight"] = take(dense_ + ".weight", {shape_.hidden, shape_.hidden});
      tensors["dense.bias"] = take(dense_ + ".bias", {shape_.hidden});
    }
    for (const auto& [name, tensor] : adapter_.head)
      if (!taken_.count(name))
        throw DataError(
            where(name) +
            "is not part of a supported head: one linear layer, or two with an activation between.");
    return {tensors, {}};
  }

private:
  std::string output() const { return dense_ == module_ + ".dense" ? module_ + ".out_proj" : module_; }

  std::string where(const std::string& name) const {
    return adapter_.folder.string() + ": the tensor \"base_model." + name + "\" ";
  }

  const at::Tensor& find(const std::string& name) const {
    const auto found = adapter_.head.find(name);
    if (found == adapter_.head.end())
      throw DataError(adapter_.folder.string() + ": lacks the tensor \"base_model." + name + "\" of the head.");
    return found->second;
  }

  int64_t num_labels(const std::string& name) const {
    const at::Tensor& weight = find(name);
    if (weight.dim() != 2 || weight.size(0) < 1)
      throw DataError(where(name) + "has " + std::to_string(weight.dim()) +
                      " dimensions; expected a matrix [labels, hidden size].");
    if (weight.size(0) == 1)
      throw DataError(where(name) + "has one output, which is regression; a card needs at least two labels.");
    return weight.size(0);
  }

  at::Tensor take(const std::string& name, const std::vector<int64_t>& expected) {
    taken_.insert(name);
    const at::Tensor& tensor = find(name);
    if (tensor.sizes() == at::IntArrayRef(expected))
      return tensor;
    throw DataError(where(name) + "is " + sizes_of(tensor) + "; expected " + sizes_of(expected) + " for the " +
                    shape_.family + " model's hidden size " + std::to_string(shape_.hidden) + ".");
  }

  const Adapter& adapter_;
  const BackboneShape& shape_;
  std::string module_, dense_;
  std::set<std::string> taken_;
};

/// Whether the model's token classification class calls its layer `score`: causal models but GPT-2 and GPT-NeoX.
bool token_head_is_score(const BackboneShape& shape) {
  return shape.causal && shape.family != "gpt2" && shape.family != "gpt-neox";
}

/// Whether the flag is set; cards of older versions lack some.
bool flag_of(const Options& options, const std::string& name) {
  const auto found = options.values().find(name);
  return found != options.values().end() && std::get<bool>(found->second);
}

std::string store_token_head(Adapter& adapter, const Options& options, const TensorMap& trained,
                             const BackboneShape& shape) {
  if (shape.family == "opt" || shape.family == "olmo2")
    return "transformers has no token classification class for " + shape.family + " models";
  if (flag_of(options, "transform") != reads_transform(shape))
    return "transformers' head for words of " + shape.family + " models is one linear layer on the " +
           (reads_transform(shape) ? "state after the transform of the masked-LM head (train it with --set "
                                     "verbalizer.transform=true)"
                                   : "last hidden state (train it with --set verbalizer.transform=false)");
  const std::string module = token_head_is_score(shape) ? "score" : "classifier";
  adapter.config.task = Task::token_cls;
  adapter.head = {{module + ".weight", trained.at("weight")}, {module + ".bias", trained.at("bias")}};
  return "";
}

/// Sequence classification heads of causal models: one layer without bias.
std::string store_causal_head(Adapter& adapter, const Options& options, const TensorMap& trained) {
  if (flag_of(options, "transform"))
    return "transformers' heads of causal models read the last hidden state (train it with --set "
           "verbalizer.transform=false)";
  if (trained.count("bias") || trained.count("dense.weight"))
    return "transformers' heads of causal models have no bias and no dense layer (train it with --set "
           "verbalizer.bias=false)";
  adapter.head = {{"score.weight", trained.at("weight")}};
  return "";
}

/// For cards without the option: tanh.
std::string activation_of(const Options& options) {
  const auto found = options.values().find("activation");
  return found == options.values().end() ? "tanh" : std::get<std::string>(found->second);
}

std::string store_encoder_head(Adapter& adapter, const Options& options, const TensorMap& trained,
                               const BackboneShape& shape, const BaseLayers& base) {
  if (const std::string why = why_not_computed(shape, base, false); !why.empty())
    return why;
  const SequenceHead head = sequence_head_of(shape, base);
  const bool transform = flag_of(options, "transform");
  const bool two = !head.dense.empty(), dense = trained.count("dense.weight") > 0;
  const bool pooled =
      options.text("pooler") == "yes" || (options.text("pooler") == "auto" && shape.has_pooler && !transform);
  const bool reads_pooler = !two && !head.transform;
  if (reads_pooler && !shape.has_pooler)
    return sequence_head_text(shape, base) + ", and this model's files have no pooler";
  if (dense != two || pooled != reads_pooler || transform != head.transform ||
      (dense && activation_of(options) != head.activation))
    return sequence_head_text(shape, base) + " (train it with " +
           (head.transform ? std::string("--set verbalizer.dense=false --set verbalizer.transform=true")
            : !two         ? std::string("--set verbalizer.dense=false --set verbalizer.pooler=yes")
                           : "--set verbalizer.dense=true --set verbalizer.activation=" + head.activation +
                         (shape.has_pooler ? " --set verbalizer.pooler=no" : "")) +
           ")";
  if (adapter.config.has_soft_prompt() && options.text("row") != "first")
    return "PEFT's head reads the first virtual token, but the card's reads [CLS] (train it with --set "
           "verbalizer.row=first)";
  if (!trained.count("bias"))
    return "transformers' head for " + shape.family + " models has a bias, but the card's has none";
  adapter.head = {{head.output + ".weight", trained.at("weight")}, {head.output + ".bias", trained.at("bias")}};
  if (two) {
    adapter.head[head.dense + ".weight"] = trained.at("dense.weight");
    adapter.head[head.dense + ".bias"] = trained.at("dense.bias");
  }
  if (head.dense != context_pooler)
    return "";
  if (std::ranges::all_of(base.pooler,
                          [&](const auto& own) { return at::equal(adapter.head.at(own.first), own.second); }) &&
      !base.pooler.empty())
    for (const auto& [name, tensor] : base.pooler)
      adapter.head.erase(name);
  else
    adapter.config.modules_to_save.emplace_back("pooler");
  return "";
}

} // namespace

BaseLayers base_layers_of(const ModelFiles& files, const BackboneShape& shape) {
  BaseLayers base;
  if (shape.family == "modernbert")
    base.pooling = files.configuration.text_or("classifier_pooling", "cls");
  if (shape.family != "deberta-v2")
    return base;
  base.pooler_activation = files.configuration.text_or("pooler_hidden_act", "gelu");
  for (const auto& [name, shape_of_it] :
       {std::pair<std::string, std::vector<int64_t>>{std::string(context_pooler) + ".weight", {-1, -1}},
        {std::string(context_pooler) + ".bias", {-1}}})
    if (files.weights->has(name))
      base.pooler[name] = files.weights->get(name, shape_of_it).to(at::kCPU, at::kFloat).contiguous();
  return base;
}

void require_class_for_head(const Adapter& adapter, const BackboneShape& shape) {
  if (!adapter.config.has_head() || !shape.encoder_decoder)
    return;
  const bool words = adapter.config.task == Task::token_cls;
  throw DataError(
      adapter.folder.string() + ": \"task_type\" is " + name_of(adapter.config.task) +
      (words && shape.family == "t5"
           ? ", and transformers' class for t5 models labels words by the encoder's states, but a card "
             "reads the decoder's; train a card on the task instead."
       : words ? ", but transformers has no token classification class for " + shape.family +
                     " models; use the model that it was trained on."
               : ", and transformers' head for " + shape.family +
                     " models reads the decoder at the end of the text, where a card has no head; "
                     "train a card on the task instead."));
}

Head head_of(const Adapter& adapter, const BackboneShape& shape, const BaseLayers& base) {
  const bool words = adapter.config.task == Task::token_cls;
  const Adapter whole = with_pooler(adapter, shape, base);
  HeadReader head_reader(whole, shape);
  if (const std::string why = why_not_computed(shape, base, words); !why.empty())
    throw DataError(adapter.folder.string() + ": \"task_type\" is " + name_of(adapter.config.task) + ", and " +
                    why + ".");
  const std::string transform = reads_transform(shape) ? "true" : "false";
  Head head;
  head.state = head_reader.read();
  head.labels = head.state.tensors.at("weight").size(0);
  head.verbalizer = words ? token_head : sequence_head;
  if (words) {
    if (!head_reader.dense().empty())
      throw DataError(adapter.folder.string() +
                      ": the head for TOKEN_CLS has a dense layer; expected a single linear layer.");
    if (!head_reader.has_bias())
      head.state.tensors["bias"] = at::zeros({head.labels});
    head.options = {{"transform", transform}};
    return head;
  }
  const SequenceHead expected = sequence_head_of(shape, base);
  if (head_reader.dense() != expected.dense)
    throw DataError(
        adapter.folder.string() + ": its head " +
        (head_reader.dense().empty() ? "is one linear layer" : "has a layer \"" + head_reader.dense() + "\"") +
        ", but " + sequence_head_text(shape, base) + "; use the model that it was trained on.");
  const bool two = !expected.dense.empty(), pooled = !shape.causal && !two && !expected.transform;
  if (pooled && !shape.has_pooler)
    throw DataError(
        adapter.folder.string() + ": its head reads the pooler of a " + shape.family +
        " model, but this model's files have none; transformers initialized one at random during training, and "
        "PEFT did not save it.");
  head.options = {{"pooler", pooled ? "yes" : "no"},
                  {"row", adapter.config.has_soft_prompt() && !shape.causal ? "first" : "sequence"},
                  {"transform", transform},
                  {"dense", two ? "true" : "false"},
                  {"activation", expected.activation},
                  {"bias", head_reader.has_bias() ? "true" : "false"}};
  return head;
}

bool is_head(const std::string& verbalizer) {
  return verbalizer == sequence_head || verbalizer == token_head;
}

std::string store_head(Adapter& adapter, const std::string& verbalizer, const Options& options,
                       const TensorMap& trained, const BackboneShape& shape, const BaseLayers& base) {
  if (shape.encoder_decoder)
    return "PEFT does not save the heads of encoder-decoders, which transformers calls \"classification_head\"";
  adapter.config.modules_to_save = {"classifier", "score"};
  if (verbalizer == token_head)
    return store_token_head(adapter, options, trained, shape);
  adapter.config.task = Task::seq_cls;
  return shape.causal ? store_causal_head(adapter, options, trained)
                      : store_encoder_head(adapter, options, trained, shape, base);
}

} // namespace cuecard::peft
