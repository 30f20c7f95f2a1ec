/// The frozen language model.
///
/// Lifecycle: `Object::describe(configuration)` may be called at any time and returns the shape without reading weights; an object
/// is created with weights and never changes. Threads: all functions are const and may run concurrently on one object. Errors:
/// std::exception of any kind; the host turns it into a PluginError that names plugin, component and function.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>
#include <cuecard/weights.hpp>

namespace cuecard {

/// Arguments of a backbone's constructor.
struct BackboneArguments {
  const Configuration& configuration;
  /// A backbone keeps the tensors that it reads from here, and `forward` uses those tensors themselves, not fused or transposed
  /// copies: some may be leaves in training (Tuner::replaced_weights).
  const Weights& weights;
};

/// Sizes and capabilities of a model, known without reading any weights.
struct BackboneShape {
  std::string family; ///< "llama", "bert", ...
  int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0,
          head_dim = 0;        ///< of the decoder, where there are two stacks
  int64_t embedding_width = 0; ///< width of a word embedding; differs from `hidden` in some models
  int64_t vocabulary = 0;      ///< rows of the embedding matrix
  int64_t max_positions = 0;   ///< longest sequence, prefixes that count as positions included; 0: no limit
  bool causal = false;         ///< each token attends to earlier ones only, so answers are next-token positions
  bool encoder_decoder = false; ///< then `causal` is false: the input side is the encoder's
  int64_t decoder_start = -1;   ///< encoder-decoders: the first token of every output
  bool has_lm_head = false;     ///< a head over the vocabulary (language model or masked language model)
  bool has_pooler = false;      ///< a pooler for `[CLS]`
  /// The attention sites that accept prefixes, and their sizes.
  struct Site {
    PrefixSite site = PrefixSite::self;
    int64_t layers = 0, kv_heads = 0, head_dim = 0; ///< as in Prefix
  };
  std::vector<Site> sites;
  /// [layers] the sliding window of each layer's self-attention (AttentionLayout::window), 0 where a layer has none; empty: no
  /// layer has one. Only for models with one stack. Checked when the model is loaded.
  std::vector<int64_t> windows;
  /// Number of segment ids (Piece::segment) that the model has embeddings for; 0: it ignores them.
  int64_t segments = 0;

  /// Whether the model can generate text.
  bool generates() const { return has_lm_head && (causal || encoder_decoder); }
};

/// What a verbalizer needs at the selected tokens.
struct OutputRequest {
  enum class Kind {
    /// [A, token_ids], or [A, vocabulary] when `token_ids` is undefined: float32, or the hidden states' dtype, as for all kinds
    /// without a dtype of their own.
    logits,
    log_probs,        ///< the same, normalised over the whole vocabulary, float32
    target_log_probs, ///< of ProjectArgs::targets alone, normalised over the whole vocabulary, float32: [A]
    hidden_states,    ///< last hidden states after the final norm: [A, hidden]
    transformed_states, ///< what the output embeddings are multiplied with, [A, width]: after the head's transform, if it has one
    pooled, ///< after the pooler: [A, hidden]
  };
  Kind kind = Kind::logits;
  at::Tensor token_ids = {}; ///< [W] int64, on the backbone's device, 0 to BackboneShape::vocabulary - 1
};

/// Arguments of `Backbone::forward`.
struct ForwardArgs {
  const Batch& batch;
  const BatchConditioning& conditioning;
  /// When not null: receives keys and values of the tokens of this call (of the answer side). If it is the batch's own cache, the
  /// tokens of a sequence that continues a cached sequence are appended to that cached sequence; at most one sequence may continue
  /// each. Every other sequence of the side becomes a new cached sequence, in order, starting with its parent's tokens.
  KvCache* cache_out = nullptr;
  /// Return hidden states of all T tokens instead of the A selected ones.
  bool all_tokens = false;
  /// Run only this many layers and return the input of the next one, without the final norm; -1: all. With fewer than all, hidden
  /// states of all tokens of the input side are returned, and `cache_out` must be null.
  int64_t layers = -1;
};

/// Arguments of `Backbone::project`.
struct ProjectArgs {
  const at::Tensor& hidden; ///< [n, hidden], as returned by `forward`
  const OutputRequest& request;
  /// [n] int64 token ids on the same device, for target_log_probs. An entry of -1 is no target; its output is unspecified.
  at::Tensor targets = {};
};

/// The two matrices with one row per token of the vocabulary.
enum class TokenTable { input, output };

/// A linear layer whose output a Conditioning may update (LowRankUpdate, Rescaling).
struct LinearLayer {
  std::string weight; ///< name of its weight, [out, in] or its transpose, as in `Backbone::weights`
  int64_t out = 0, in = 0;
};

/// Runs the model. A plugin usually derives from LoadedBackbone (parts/layers/loaded_backbone.hpp).
class CUECARD_API Backbone {
public:
  virtual ~Backbone() = default;

  /// Sizes and capabilities, as `describe` gives them, except what only the weights tell (has_lm_head, has_pooler). Constant; valid as long
  /// as the backbone.
  virtual const BackboneShape& shape() const = 0;
  /// The device of the weights. Batches and trained tensors must be on it.
  virtual at::Device device() const = 0;

  /// Rows `ids` of a table as float32 [n, width] on the backbone's device. `ids` is [n] int64 on it, each at least 0 and below
  /// BackboneShape::vocabulary. The input table holds the word embeddings, the output table the weights of the vocabulary head: an error in
  /// a model without one, here and in `token_dot_products`.
  virtual at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const = 0;
  /// `vectors` [n, width] float32 times every row of a table: [n, vocabulary] float32, both on the backbone's device. The table is not
  /// copied.
  virtual at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const = 0;

  /// Last hidden states of the selected tokens: [A, hidden] (or [T, hidden], see ForwardArgs), in the weights' dtype, on the
  /// backbone's device.
  /// Differentiable in all float tensors of the conditioning. The host checks rows, sizes, type and device, here and in `project`, and
  /// that the result requires gradients where the embeddings of its soft tokens do.
  virtual at::Tensor forward(const ForwardArgs& args) const = 0;

  /// The outputs that `args.request` asks for (OutputRequest::Kind), from hidden states that `forward` returned, on the same device.
  /// Differentiable. An error for a kind that the model lacks the layers for (BackboneShape::has_lm_head, has_pooler).
  virtual at::Tensor project(const ProjectArgs& args) const = 0;

  /// All weights that the model computes with, by their names in the checkpoint: without gradients unless they are replaced
  /// (Tuner::replaced_weights), and possibly stored matrices (parts/stored/stored_matrix.hpp). The map does not change, and the
  /// reference is valid, for the backbone's lifetime. Never throws.
  virtual const std::map<std::string, at::Tensor>& weights() const = 0;
  /// The linear layers inside its Transformer layers, in order of computation, each once, without embeddings and heads. Constant, as
  /// `weights`.
  virtual const std::vector<LinearLayer>& linear_layers() const = 0;
};

} // namespace cuecard
