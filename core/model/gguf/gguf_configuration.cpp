#include "model/gguf/gguf_configuration.hpp"

#include <utility>

#include <cuecard/error.hpp>

#include "model/gguf/gguf_metadata.hpp"

namespace cuecard {

int64_t vocab_size(const GgufFile& file, const Metadata& metadata, const std::string& architecture) {
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding != file.tensors().end() && embedding->second.shape.size() == 2)
    return embedding->second.shape[0];
  return metadata.integer(architecture + ".vocab_size");
}

void set_token_ids(const Metadata& metadata, Configuration& into) {
  for (const auto& [role, key] :
       {std::pair("bos", "bos_token_id"), {"eos", "eos_token_id"}, {"padding", "pad_token_id"}})
    if (const auto id = metadata.integer_if("tokenizer.ggml." + std::string(role) + "_token_id"))
      into.set(key, *id);
}

namespace {

void set_gpt2(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  into.set("architectures", std::vector<std::string>{"GPT2LMHeadModel"});
  into.set("model_type", std::string("gpt2"));
  into.set("activation_function", std::string("gelu_new"));
  into.set("n_embd", metadata.integer("gpt2.embedding_length"));
  into.set("n_layer", metadata.integer("gpt2.block_count"));
  into.set("n_head", metadata.integer("gpt2.attention.head_count"));
  into.set("n_inner", metadata.integer("gpt2.feed_forward_length"));
  into.set("n_positions", metadata.integer("gpt2.context_length"));
  into.set("layer_norm_epsilon", metadata.number("gpt2.attention.layer_norm_epsilon"));
  into.set("vocab_size", vocab_size(file, metadata, "gpt2"));
  into.set("tie_word_embeddings", file.tensors().count("output.weight") == 0);
  set_token_ids(metadata, into);
}

void set_bert(const GgufFile& file, const Metadata& metadata, Configuration& into) {
  into.set("architectures", std::vector<std::string>{"BertModel"});
  into.set("model_type", std::string("bert"));
  into.set("hidden_act", std::string("gelu"));
  into.set("hidden_size", metadata.integer("bert.embedding_length"));
  into.set("num_hidden_layers", metadata.integer("bert.block_count"));
  into.set("num_attention_heads", metadata.integer("bert.attention.head_count"));
  into.set("intermediate_size", metadata.integer("bert.feed_forward_length"));
  into.set("layer_norm_eps", metadata.number("bert.attention.layer_norm_epsilon"));
  into.set("max_position_embeddings", metadata.integer("bert.context_length"));
  into.set("position_embedding_type", std::string("absolute"));
  into.set("vocab_size", vocab_size(file, metadata, "bert"));
  const auto segments = file.tensors().find("token_types.weight");
  if (segments == file.tensors().end() || segments->second.shape.size() != 2)
    throw DataError(file.path().string() +
                    ": lacks the matrix \"token_types.weight\", which a bert model needs.");
  into.set("type_vocab_size", segments->second.shape[0]);
  set_token_ids(metadata, into);
}

} // namespace

Configuration gguf_configuration(const GgufFile& file) {
  const Metadata metadata(file);
  const std::string architecture = metadata.string_or("general.architecture", "");
  Configuration configuration(file.path().string());
  if (set_decoder(file, metadata, architecture, configuration))
    return configuration;
  if (architecture == "gpt2")
    set_gpt2(file, metadata, configuration);
  else if (architecture == "bert")
    set_bert(file, metadata, configuration);
  else
    metadata.fail("general.architecture", "is \"" + architecture.substr(0, 40) +
                                              "\"; supported architectures are " + decoder_architectures() +
                                              ", gpt2 and bert");
  return configuration;
}

} // namespace cuecard
