// The many forms in which a checkpoint of one model can be saved: each must give the recorded outputs. Most forms are made here
// from the golden models, whose outputs were recorded with transformers; `./run oracle` makes more with transformers
// (checkpoints.py).
#include <cstdlib>
#include <cstring>
#include <tuple>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "recorded_difference.hpp"

using namespace cuecard;
using namespace cuecard::test;

namespace {

struct Family {
  const char* name;
  const char* prefix; ///< of all names but the head's
  const char* words;  ///< the table of words, without the prefix
  const char* head;   ///< what scores words
  std::vector<const char*> others = {};
};

const std::vector<Family> families{
    {"llama-tied", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"llama-untied", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"mistral", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"qwen2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"qwen3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gemma3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"phi3", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"phi3-longrope", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"olmo2", "model.", "embed_tokens.weight", "lm_head.weight"},
    {"gpt-neox", "gpt_neox.", "embed_in.weight", "embed_out.weight"},
    {"opt", "model.", "decoder.embed_tokens.weight", "lm_head.weight"},
    {"gpt2-tied", "", "wte.weight", "lm_head.weight"},
    {"gpt2-untied", "transformer.", "wte.weight", "lm_head.weight"},
    {"bert-mlm", "bert.", "embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"roberta-mlm", "roberta.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"distilbert-mlm", "distilbert.", "embeddings.word_embeddings.weight", "vocab_projector.weight"},
    {"electra-generator", "electra.", "embeddings.word_embeddings.weight", "generator_lm_head.weight"},
    {"albert", "albert.", "embeddings.word_embeddings.weight", "predictions.decoder.weight"},
    {"camembert", "roberta.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"mpnet", "mpnet.", "embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"modernbert", "model.", "embeddings.tok_embeddings.weight", "decoder.weight"},
    {"deberta-v2", "deberta.", "embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"bart",
     "model.",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"t5-plain",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"mt5",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"umt5",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
    {"t5-gated",
     "",
     "shared.weight",
     "lm_head.weight",
     {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}},
};

bool tied(const Family& family) {
  const SavedOtherwise saved(family.name);
  return !saved.tensors.contains(family.head);
}

} // namespace

TEST_CASE("a bare model is the one that its names lack the beginning of") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    SavedOtherwise saved(family.name);
    const bool headed = tied(family);
    std::map<std::string, at::Tensor> bare;
    for (const auto& [name, tensor] : saved.tensors)
      if (name.starts_with(family.prefix) && name != family.head)
        bare[name.substr(std::strlen(family.prefix))] = tensor;
    saved.tensors = bare;
    const bool masked = std::string(family.words).starts_with("embeddings.");
    const Model model = saved.load();
    // In masked models the transform before the head is missing, too; T5 ties in any case.
    CHECK(model.shape().has_lm_head == (!masked && (headed || family.prefix[0] == '\0')));
    // BART's bias on the logits is missing, and T5 1.1 is tied although it was recorded with a head of its own.
    const bool scores = std::string(family.name) != "bart" && std::string(family.name) != "t5-gated";
    const Recording recording(golden / "models" / family.name / "outputs.safetensors");
    CHECK(difference(model, recording, scores) < 1e-4);
    if (!model.shape().has_lm_head)
      CHECK_THROWS_WITH_AS(
          model.backbone().project({at::zeros({1, model.shape().hidden}), {OutputRequest::Kind::logits, {}}}),
          doctest::Contains("has no"), PluginError);
  }
}

TEST_CASE("tensors that differ are not tied, whatever the configuration says") {
  for (const Family& family : families) {
    if (tied(family))
      continue;
    CAPTURE(family.name);
    for (const bool flag : {true, false}) {
      SavedOtherwise saved(family.name);
      saved.config["tie_word_embeddings"] = flag;
      if (saved.config["model_type"] == "t5")
        saved.config["scale_decoder_outputs"] = false; // older files only have the tie flag
      CHECK(difference(saved) < 1e-4);
    }
  }
}

TEST_CASE("a shared table is found under any of its names, and is one where it is there under several") {
  for (const Family& family : families) {
    if (!tied(family))
      continue;
    CAPTURE(family.name);
    const std::string words = std::string(family.prefix) + family.words;
    std::vector<std::string> names{words, family.head};
    for (const char* other : family.others)
      names.push_back(std::string(family.prefix) + other);
    for (const std::string& name : names) {
      CAPTURE(name);
      SavedOtherwise saved(family.name);
      const at::Tensor table = saved.tensors.at(words);
      saved.tensors.erase(words);
      saved.tensors[name] = table;
      CHECK(difference(saved) < 1e-4);
    }
    SavedOtherwise all(family.name);
    for (const std::string& name : names)
      all.tensors[name] = all.tensors.at(words).clone();
    CHECK(difference(all) < 1e-4);
    const Model model = all.load();
    for (const std::string& name : names)
      CHECK(model.backbone().weights().contains(name) == (name == words));
  }
}

TEST_CASE("names in safetensors' metadata refer to the tensor that was saved") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    if (!tied(family) || (family.prefix[0] == '\0' && std::string(family.words) == "shared.weight"))
      continue;
    SavedOtherwise saved(family.name);
    const std::string words = std::string(family.prefix) + family.words;
    // As save_model writes it: the name that comes first is kept. Without the flag, only the metadata has the other name.
    saved.tensors[family.head] = saved.tensors.at(words);
    saved.tensors.erase(words);
    saved.config["tie_word_embeddings"] = false;
    saved.metadata = {{words, family.head}, {"format", "pt"}};
    for (const char* other : family.others)
      saved.metadata[std::string(family.prefix) + other] = family.head;
    CHECK(saved.load().shape().has_lm_head);
    CHECK(difference(saved) < 1e-4);
    saved.metadata = {};
    CHECK_THROWS_WITH_AS(saved.load(), doctest::Contains(words.c_str()), DataError);
  }
}

TEST_CASE("both sides of an encoder-decoder read the tables that they have") {
  // A table of its own for the decoder is the recorded model where its rows are permuted together with the decoder's ids.
  for (const char* name : {"bart", "t5-plain"}) {
    CAPTURE(name);
    SavedOtherwise saved(name);
    const std::string prefix = std::string(name) == "bart" ? "model." : "";
    const at::Tensor shared = saved.tensors.at(prefix + "shared.weight");
    saved.tensors[prefix + "encoder.embed_tokens.weight"] = shared.clone();
    saved.tensors[prefix + "decoder.embed_tokens.weight"] = shared.roll(1, 0);
    saved.tensors["lm_head.weight"] = shared.clone();
    const Model model = saved.load();
    const Recording recording(golden / "models" / name / "outputs.safetensors");
    Batch batch = packed(recording, {}, false);
    batch.output->ids = (batch.output->ids + 1) % model.shape().vocabulary;
    std::vector<int64_t> tokens(static_cast<std::size_t>(batch.output->num_tokens()));
    std::iota(tokens.begin(), tokens.end(), 0);
    batch.answer_tokens = at::tensor(tokens, at::kLong);
    batch.answer_tokens_host = tokens;
    CHECK((model.backbone().forward({batch, {}}) - recording["hidden"]).abs().max().item<double>() < 1e-4);
  }
}

TEST_CASE("of a masked-LM head's two biases the decoder's is added") {
  for (const auto& [name, head, decoder] :
       {std::tuple{"bert-mlm", "cls.predictions.bias", "cls.predictions.decoder.bias"},
        std::tuple{"roberta-mlm", "lm_head.bias", "lm_head.decoder.bias"},
        std::tuple{"albert", "predictions.bias", "predictions.decoder.bias"},
        std::tuple{"deberta-v2", "cls.predictions.bias", "cls.predictions.decoder.bias"}}) {
    CAPTURE(name);
    SavedOtherwise only(name), both(name);
    const at::Tensor bias = only.tensors.contains(head) ? only.tensors.at(head) : only.tensors.at(decoder);
    only.tensors.erase(head);
    only.tensors[decoder] = bias;
    CHECK(difference(only) < 1e-4);
    both.tensors[head] = bias + 1;
    both.tensors[decoder] = bias;
    CHECK(difference(both) < 1e-4);
  }
}

TEST_CASE("checkpoints that transformers has saved") {
  const char* folder = std::getenv("CUECARD_CHECKPOINTS");
  if (!folder) {
    MESSAGE("skipped: CUECARD_CHECKPOINTS names no folder; ./run oracle makes one");
    return;
  }
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    CAPTURE(entry.path().filename().string());
    try {
      const Model model = Model::load(entry.path(), plugins(), {at::kCPU, at::kFloat});
      const Recording recording(entry.path() / "outputs.safetensors");
      CHECK(model.shape().has_lm_head == !recording.has("no_head"));
      CHECK(difference(model, recording) < 1e-4);
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
    ++compared;
  }
  CHECK(compared > 100);
}
