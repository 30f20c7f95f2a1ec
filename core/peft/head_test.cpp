// Classification heads by transformers model class.
#include "peft/head.hpp"

#include <ATen/ATen.h>

#include "model/test_folder.hpp"

// After LibTorch, whose logging header also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::peft;

namespace {

BackboneShape shape_of(const std::string& family) {
  BackboneShape shape;
  shape.family = family;
  shape.hidden = 4;
  shape.causal = family == "gpt2" || family == "llama" || family == "gpt-neox";
  shape.has_lm_head = true;
  shape.has_pooler = family == "bert";
  shape.encoder_decoder = family == "t5" || family == "bart";
  return shape;
}

Adapter adapter_of(Task task, TensorMap head, Type type = Type::prefix_tuning) {
  Adapter adapter;
  adapter.config.task = task;
  adapter.config.type = type;
  adapter.head = std::move(head);
  return adapter;
}

TensorMap one_layer(const std::string& module, bool bias) {
  TensorMap head{{module + ".weight", at::randn({3, 4})}};
  if (bias)
    head[module + ".bias"] = at::randn({3});
  return head;
}

TensorMap two_layers() {
  return {{"classifier.dense.weight", at::randn({4, 4})},
          {"classifier.dense.bias", at::randn({4})},
          {"classifier.out_proj.weight", at::randn({3, 4})},
          {"classifier.out_proj.bias", at::randn({3})}};
}

TensorMap pre_classifier() {
  TensorMap head = one_layer("classifier", true);
  head["pre_classifier.weight"] = at::randn({4, 4});
  head["pre_classifier.bias"] = at::randn({4});
  return head;
}

/// DeBERTa's, where PEFT saved its pooler; without it one_layer("classifier", true).
TensorMap with_context_pooler() {
  TensorMap head = one_layer("classifier", true);
  head["pooler.dense.weight"] = at::randn({4, 4});
  head["pooler.dense.bias"] = at::randn({4});
  return head;
}

std::string error_of(TensorMap head, const std::string& family, Task task = Task::seq_cls) {
  const Adapter adapter = adapter_of(task, std::move(head));
  return sentence([&] { head_of(adapter, shape_of(family)); });
}

std::string option(const Head& head, const std::string& name) {
  for (const auto& [key, value] : head.options)
    if (key == name)
      return value;
  return "";
}

Options options_of(const Head& head) {
  Options options;
  for (const char* name : {"pooler", "row", "activation"})
    options.set(name, option(head, name));
  options.set("transform", option(head, "transform") == "true");
  return options;
}

} // namespace

TEST_CASE("heads of each model class are imported and exported") {
  struct Class {
    const char* family;
    TensorMap head;
    Type type;
    const char *pooler, *row, *dense, *bias, *activation = "tanh";
  };
  const Class classes[] = {
      {"bert", one_layer("classifier", true), Type::prefix_tuning, "yes", "sequence", "false", "true"},
      {"bert", one_layer("classifier", true), Type::prompt_tuning, "yes", "first", "false", "true"},
      {"roberta", two_layers(), Type::prefix_tuning, "no", "sequence", "true", "true"},
      {"roberta", two_layers(), Type::p_tuning, "no", "first", "true", "true"},
      {"mpnet", two_layers(), Type::prompt_tuning, "no", "first", "true", "true"},
      {"electra", two_layers(), Type::prefix_tuning, "no", "sequence", "true", "true", "gelu"},
      {"distilbert", pre_classifier(), Type::prompt_tuning, "no", "first", "true", "true", "relu"},
      {"deberta-v2", with_context_pooler(), Type::prompt_tuning, "no", "first", "true", "true", "gelu"},
      {"modernbert", one_layer("classifier", true), Type::lora, "no", "sequence", "false", "true"},
      {"modernbert", one_layer("classifier", true), Type::prompt_tuning, "no", "first", "false", "true"},
      {"llama", one_layer("score", false), Type::prompt_tuning, "no", "sequence", "false", "false"},
      {"gpt2", one_layer("score", false), Type::prefix_tuning, "no", "sequence", "false", "false"},
  };
  for (const Class& each : classes) {
    CAPTURE(each.family);
    const Head head = head_of(adapter_of(Task::seq_cls, each.head, each.type), shape_of(each.family));
    CHECK(head.verbalizer == "head");
    CHECK(head.labels == 3);
    CHECK(option(head, "pooler") == each.pooler);
    CHECK(option(head, "row") == each.row);
    CHECK(option(head, "dense") == each.dense);
    CHECK(option(head, "bias") == each.bias);
    CHECK(option(head, "activation") == each.activation);
    CHECK(option(head, "transform") == (each.family == std::string("modernbert") ? "true" : "false"));
    Adapter stored = adapter_of(Task::causal_lm, {}, each.type);
    CHECK(store_head(stored, "head", options_of(head), head.state.tensors, shape_of(each.family)) == "");
    CHECK(stored.config.task == Task::seq_cls);
    REQUIRE(stored.head.size() == each.head.size());
    for (const auto& [name, tensor] : each.head)
      CHECK(at::equal(stored.head.at(name), tensor));
  }
  for (const auto& [family, module] : {std::pair{"bert", "classifier"},
                                       {"gpt2", "classifier"},
                                       {"gpt-neox", "classifier"},
                                       {"llama", "score"},
                                       {"deberta-v2", "classifier"},
                                       {"modernbert", "classifier"},
                                       {"electra", "classifier"},
                                       {"distilbert", "classifier"}}) {
    const Head head = head_of(adapter_of(Task::token_cls, one_layer(module, true)), shape_of(family));
    CHECK(head.verbalizer == "words");
    Options options;
    options.set("transform", option(head, "transform") == "true");
    CHECK(options.flag("transform") == (family == std::string("modernbert")));
    Adapter stored = adapter_of(Task::causal_lm, {}, Type::prompt_tuning);
    CHECK(store_head(stored, "words", options, head.state.tensors, shape_of(family)) == "");
    CHECK(stored.config.task == Task::token_cls);
    CHECK(stored.head.count(std::string(module) + ".weight") == 1);
  }
}

TEST_CASE("missing, duplicate, misshapen and unsupported heads are rejected") {
  CHECK(contains(error_of({}, "bert"), "the classification head is missing"));
  TensorMap head = one_layer("classifier", true);
  head["score.weight"] = at::zeros({3, 4});
  CHECK(contains(error_of(head, "bert"), "has two heads, \"classifier\" and \"score\""));
  CHECK(contains(error_of({{"classifier.bias", at::zeros({3})}}, "bert"),
                 "lacks the tensor \"base_model.classifier.w"));
  CHECK(contains(error_of({{"score.weight", at::zeros({3, 5})}}, "llama"), "is 3 x 5; expected 3 x 4"));
  CHECK(contains(error_of({{"score.weight", at::zeros({3})}}, "llama"), "has 1 dimensions"));
  CHECK(contains(error_of({{"score.weight", at::zeros({1, 4})}}, "llama"), "which is regression"));
  head = one_layer("classifier", true);
  head["classifier.bias"] = at::zeros({4});
  CHECK(contains(error_of(head, "bert"), "\"base_model.classifier.bias\" is 4; expected 3"));
  head = two_layers();
  head.erase("classifier.dense.bias");
  CHECK(contains(error_of(head, "roberta"), "lacks the tensor \"base_model.classifier.dense.bias\""));
  head = one_layer("classifier", true);
  head["classifier.norm.weight"] = at::zeros({4});
  CHECK(contains(error_of(head, "bert"),
                 "\"base_model.classifier.norm.weight\" is not part of a supported head"));
  CHECK(contains(
      error_of(one_layer("classifier", true), "roberta"),
      "its head is one linear layer, but transformers' head for roberta models is two linear layers on the "
      "last hidden state with tanh between"));
  CHECK(contains(error_of(two_layers(), "distilbert"), "its head has a layer \"classifier.dense\", but"));
  CHECK(contains(error_of(pre_classifier(), "electra"), "its head has a layer \"pre_classifier\", but"));
  head = pre_classifier();
  head.erase("pre_classifier.weight");
  CHECK(contains(error_of(head, "distilbert"), "lacks the tensor \"base_model.pre_classifier.weight\""));
  CHECK(contains(error_of(two_layers(), "bert", Task::token_cls),
                 "has a dense layer; expected a single linear layer"));
}

TEST_CASE("DeBERTa's pooler is that of the adapter, else the model's own, which is not stored again") {
  const TensorMap both = with_context_pooler();
  BaseLayers base;
  base.pooler_activation = "tanh";
  base.pooler = {{"pooler.dense.weight", at::randn({4, 4})}, {"pooler.dense.bias", at::randn({4})}};
  const BackboneShape shape = shape_of("deberta-v2");
  const auto stored = [&](const Head& head) {
    Adapter adapter = adapter_of(Task::causal_lm, {}, Type::lora);
    CHECK(store_head(adapter, "head", options_of(head), head.state.tensors, shape, base) == "");
    return adapter;
  };
  const Head own = head_of(adapter_of(Task::seq_cls, one_layer("classifier", true), Type::lora), shape, base);
  CHECK(option(own, "activation") == "tanh");
  CHECK(at::equal(own.state.tensors.at("dense.weight"), base.pooler.at("pooler.dense.weight")));
  CHECK(at::equal(own.state.tensors.at("dense.bias"), base.pooler.at("pooler.dense.bias")));
  CHECK(stored(own).head.size() == 2);
  CHECK(stored(own).config.modules_to_save == std::vector<std::string>{"classifier", "score"});
  const Head saved = head_of(adapter_of(Task::seq_cls, both, Type::lora), shape, base);
  CHECK(at::equal(saved.state.tensors.at("dense.weight"), both.at("pooler.dense.weight")));
  CHECK(stored(saved).head.size() == 4);
  CHECK(stored(saved).config.modules_to_save == std::vector<std::string>{"classifier", "score", "pooler"});
  CHECK(contains(error_of(one_layer("classifier", true), "deberta-v2"),
                 "its head reads \"pooler.dense\" of a deberta-v2 model, but this model's files have none"));
  base.pooler_activation = "silu";
  CHECK(contains(sentence([&] { head_of(adapter_of(Task::seq_cls, both), shape, base); }),
                 "\"pooler_hidden_act\" is \"silu\", and a card's head has tanh, gelu or relu"));
}

TEST_CASE("ModernBERT's heads need the transform of the masked-LM head, and one token's state") {
  const Adapter sequences = adapter_of(Task::seq_cls, one_layer("classifier", true), Type::lora),
                words = adapter_of(Task::token_cls, one_layer("classifier", true), Type::lora);
  BackboneShape shape = shape_of("modernbert");
  BaseLayers mean;
  mean.pooling = "mean";
  CHECK(
      contains(sentence([&] { head_of(sequences, shape, mean); }), "reads the \"mean\" of all tokens' states"));
  CHECK(sentence([&] { head_of(words, shape, mean); }).empty());
  Adapter stored = adapter_of(Task::causal_lm, {}, Type::lora);
  const TensorMap trained{{"weight", at::zeros({3, 4})}, {"bias", at::zeros({3})}};
  CHECK(contains(store_head(stored, "words", {}, trained, shape), "--set verbalizer.transform=true"));
  Options options;
  options.set("transform", true);
  CHECK(contains(store_head(stored, "words", options, trained, shape_of("bert")),
                 "--set verbalizer.transform=false"));
  shape.has_lm_head = false;
  CHECK(contains(sentence([&] { head_of(words, shape); }),
                 "a card can use only of a model with a masked-LM head, and this model's files have none"));
}

TEST_CASE("heads that transformers can't represent are rejected with the options to train with") {
  const auto store_error = [](const std::string& family, const std::string& pooler, const std::string& row,
                              const TensorMap& trained, Type type = Type::prompt_tuning) {
    Options options;
    options.set("pooler", pooler);
    options.set("row", row);
    Adapter adapter = adapter_of(Task::causal_lm, {}, type);
    return store_head(adapter, "head", options, trained, shape_of(family));
  };
  const TensorMap one{{"weight", at::zeros({3, 4})}, {"bias", at::zeros({3})}};
  TensorMap two = one;
  two["dense.weight"] = at::zeros({4, 4});
  two["dense.bias"] = at::zeros({4});
  CHECK(store_error("bert", "auto", "first", one) == "");
  CHECK(store_error("bert", "auto", "sequence", one, Type::prefix_tuning) == "");
  CHECK(contains(store_error("bert", "auto", "sequence", one), "--set verbalizer.row=first"));
  CHECK(contains(store_error("bert", "no", "first", one), "--set verbalizer.pooler=yes"));
  CHECK(contains(store_error("bert", "auto", "first", two), "one linear layer after the pooler"));
  CHECK(contains(store_error("roberta", "auto", "first", one), "--set verbalizer.dense=true"));
  const std::string electra = store_error("electra", "auto", "first", one);
  CHECK(electra ==
        "transformers' head for electra models is two linear layers on the last hidden state with gelu between "
        "(train it with --set verbalizer.dense=true --set verbalizer.activation=gelu)");
  CHECK(store_error("electra", "auto", "first", two) == electra); // no option "activation": tanh
  CHECK(store_error("roberta", "auto", "first", two) == "");
  CHECK(contains(store_error("distilbert", "no", "first", two), "relu between"));
  BackboneShape unpooled = shape_of("bert");
  unpooled.has_pooler = false;
  Options automatic;
  automatic.set("pooler", std::string("auto"));
  Adapter of_unpooled = adapter_of(Task::causal_lm, {});
  CHECK(
      contains(store_head(of_unpooled, "head", automatic, one, unpooled), "this model's files have no pooler"));
  CHECK(contains(store_error("llama", "auto", "sequence", one), "--set verbalizer.bias=false"));
  CHECK(contains(store_error("bert", "auto", "first", {{"weight", at::zeros({3, 4})}}),
                 "has a bias, but the card's has none"));
  CHECK(contains(store_error("t5", "auto", "sequence", one), "does not save the heads of encoder-decoders"));
}
