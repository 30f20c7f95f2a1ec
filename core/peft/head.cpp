#include "peft/head.hpp"

#include <set>

#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

namespace cuecard::peft {

namespace {

constexpr const char* of_input = "head";
constexpr const char* of_words = "words";

/// The tensors of one module, "classifier" or "score", by the names that the verbalizers give them.
class Reader {
public:
  Reader(const Adapter& adapter, const BackboneShape& shape) : adapter_(adapter), shape_(shape) {
    for (const auto& [name, tensor] : adapter.head) {
      const std::string module = name.substr(0, name.find('.'));
      if (!module_.empty() && module != module_)
        throw DataError(adapter.folder.string() + ": has two heads, \"" + module_ + "\" and \"" + module +
                        "\"; expected one.");
      module_ = module;
    }
    if (module_.empty())
      throw DataError(
          adapter.folder.string() + ": is for " + name_of(adapter.config.task) +
          " and lacks the head, a tensor \"base_model.classifier.weight\" or \"base_model.score.weight\".");
    dense_ = adapter.head.count(module_ + ".dense.weight") > 0;
  }

  bool dense() const { return dense_; }
  bool has_bias() const { return adapter_.head.count(output() + ".bias") > 0; }

  Learned read() {
    const int64_t labels = rows(output() + ".weight");
    TensorMap tensors{{"weight", take(output() + ".weight", {labels, shape_.hidden})}};
    if (has_bias())
      tensors["bias"] = take(output() + ".bias", {labels});
    if (dense_) {
      tensors["dense.weight"] = take(module_ + ".dense.weight", {shape_.hidden, shape_.hidden});
      tensors["dense.bias"] = take(module_ + ".dense.bias", {shape_.hidden});
    }
    for (const auto& [name, tensor] : adapter_.head)
      if (!taken_.count(name))
        throw DataError(where(name) +
                        "is no part of a head that a card can hold: one layer, or two with tanh between.");
    return {tensors, {}};
  }

private:
  std::string output() const { return dense_ ? module_ + ".out_proj" : module_; }

  std::string where(const std::string& name) const {
    return adapter_.folder.string() + ": the tensor \"base_model." + name + "\" ";
  }

  const at::Tensor& find(const std::string& name) const {
    const auto found = adapter_.head.find(name);
    if (found == adapter_.head.end())
      throw DataError(adapter_.folder.string() + ": lacks the tensor \"base_model." + name + "\" of the head.");
    return found->second;
  }

  int64_t rows(const std::string& name) const {
    const at::Tensor& weight = find(name);
    if (weight.dim() != 2 || weight.size(0) < 1)
      throw DataError(where(name) + "has " + std::to_string(weight.dim()) +
                      " dimensions; expected a matrix of labels and hidden size.");
    if (weight.size(0) == 1)
      throw DataError(where(name) +
                      "has one row, which is a regression; a card chooses among two labels or more.");
    return weight.size(0);
  }

  at::Tensor take(const std::string& name, const std::vector<int64_t>& expected) {
    taken_.insert(name);
    const at::Tensor& tensor = find(name);
    if (tensor.sizes() == at::IntArrayRef(expected))
      return tensor;
    const auto text = [](at::IntArrayRef sizes) {
      std::string result;
      for (const int64_t size : sizes)
        result += (result.empty() ? "" : " x ") + std::to_string(size);
      return result;
    };
    throw DataError(where(name) + "is " + text(tensor.sizes()) + "; expected " + text(expected) + " for the " +
                    shape_.family + " model's hidden size " + std::to_string(shape_.hidden) + ".");
  }

  const Adapter& adapter_;
  const BackboneShape& shape_;
  std::string module_;
  bool dense_ = false;
  std::set<std::string> taken_;
};

/// Llama's classes call their layer `score` for words, too.
bool scores_words(const BackboneShape& shape) {
  return shape.causal && shape.family != "gpt2";
}

std::string keep_words(Adapter& adapter, const TensorMap& learned, const BackboneShape& shape) {
  const std::string module = scores_words(shape) ? "score" : "classifier";
  adapter.config.task = Task::token_cls;
  adapter.head = {{module + ".weight", learned.at("weight")}, {module + ".bias", learned.at("bias")}};
  return "";
}

/// Heads of causal models: a layer without bias.
std::string keep_score(Adapter& adapter, const TensorMap& learned) {
  if (learned.count("bias") || learned.count("dense.weight"))
    return "transformers' heads of causal models have no bias and no dense layer (--set verbalizer.bias=false "
           "when it "
           "is learned)";
  adapter.head = {{"score.weight", learned.at("weight")}};
  return "";
}

std::string keep_classifier(Adapter& adapter, const Options& options, const TensorMap& learned,
                            const BackboneShape& shape) {
  const bool dense = learned.count("dense.weight") > 0, roberta = shape.family == "roberta";
  const bool pooled = options.text("pooler") == "yes" || (options.text("pooler") == "auto" && shape.pools);
  const std::string wanted =
      roberta ? "--set verbalizer.dense=true --set verbalizer.pooler=no" : "--set verbalizer.pooler=yes";
  if (dense != roberta || pooled == roberta)
    return "transformers' head of a " + shape.family + " model " +
           (roberta ? "is two layers on the last hidden state" : "is one layer behind the pooler") + " (" +
           wanted + " when it is learned)";
  if (!adapter.config.has_prefix() && options.text("row") != "first")
    return "PEFT's head reads the first learned row, and the card's [CLS] (--set verbalizer.row=first when it "
           "is "
           "learned)";
  if (!learned.count("bias"))
    return "transformers' head of a " + shape.family + " model has a bias, and the card's none";
  if (!dense) {
    adapter.head = {{"classifier.weight", learned.at("weight")}, {"classifier.bias", learned.at("bias")}};
    return "";
  }
  adapter.head = {{"classifier.dense.weight", learned.at("dense.weight")},
                  {"classifier.dense.bias", learned.at("dense.bias")},
                  {"classifier.out_proj.weight", learned.at("weight")},
                  {"classifier.out_proj.bias", learned.at("bias")}};
  return "";
}

} // namespace

Head head_of(const Adapter& adapter, const BackboneShape& shape) {
  Reader reader(adapter, shape);
  const bool words = adapter.config.task == Task::token_cls;
  Head head;
  head.learned = reader.read();
  head.labels = head.learned.tensors.at("weight").size(0);
  head.verbalizer = words ? of_words : of_input;
  if (words) {
    if (reader.dense())
      throw DataError(adapter.folder.string() +
                      ": the head for TOKEN_CLS has a dense layer; expected one layer.");
    if (!reader.has_bias())
      head.learned.tensors["bias"] = at::zeros({head.labels});
    return head;
  }
  const bool pooled = !shape.causal && !reader.dense();
  if (pooled && !shape.pools)
    throw DataError(
        adapter.folder.string() + ": its head reads the pooler of a " + shape.family +
        " model, and this model's files have none: transformers drew one at random then, and PEFT did not "
        "save it.");
  head.options = {{"pooler", pooled ? "yes" : "no"},
                  {"row", shape.causal || adapter.config.has_prefix() ? "sequence" : "first"},
                  {"dense", reader.dense() ? "true" : "false"},
                  {"bias", reader.has_bias() ? "true" : "false"}};
  return head;
}

bool is_head(const std::string& verbalizer) {
  return verbalizer == of_input || verbalizer == of_words;
}

std::string keep_head(Adapter& adapter, const std::string& verbalizer, const Options& options,
                      const TensorMap& learned, const BackboneShape& shape) {
  if (shape.encoder_decoder)
    return "PEFT does not save the heads of encoder-decoders";
  adapter.config.saved = {"classifier", "score"};
  if (verbalizer == of_words)
    return keep_words(adapter, learned, shape);
  adapter.config.task = Task::seq_cls;
  return shape.causal ? keep_score(adapter, learned) : keep_classifier(adapter, options, learned, shape);
}

} // namespace cuecard::peft
