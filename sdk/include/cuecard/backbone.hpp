/// The frozen language model.
///
/// Threads: `forward` and `read` are const and may run concurrently on one object. Errors: std::exception of
/// any kind; the host turns it into a PluginError that names plugin, component and method.
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
#include <cuecard/weights.hpp>

namespace cuecard {

/// What a `create` of a backbone component receives.
struct BackboneArguments {
  const Configuration& configuration;
  /// Null when only the shape is wanted (`render`, `model info`): such an object answers `shape()` and nothing
  /// else.
  const Weights* weights;
};

/// Sizes of a model and what it can do. All that is known without reading a weight.
struct BackboneShape {
  std::string family; ///< "llama", "bert", ...
  int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  int64_t embedding_width = 0; ///< width of a word embedding; not `hidden` in every model
  int64_t vocabulary = 0;      ///< rows of the embedding matrix
  int64_t max_positions = 0;   ///< longest sequence, prefixes that count as positions included; 0: no limit
  bool causal = false; ///< each row sees only what stands in front of it, so answers are next-token positions
  bool encoder_decoder = false;
  bool scores_vocabulary = false; ///< has a head over the vocabulary (language model or masked language model)
  bool pools = false;             ///< has a pooler for `[CLS]`
  std::vector<PrefixSite> prefix_sites;
};

/// What a verbalizer wants at the rows that are read.
struct Readout {
  enum class Kind {
    scores,    ///< rows of the vocabulary, before softmax: [A, ids] or [A, vocabulary] when `ids` is undefined
    log_probs, ///< the same, normalised over the whole vocabulary, float32
    hidden,    ///< last hidden state after the final norm: [A, hidden]
    transformed, ///< after the masked-LM head's transform, before its decoder: [A, embedding width]
    pooled,      ///< after the pooler: [A, hidden]
  };
  Kind kind = Kind::scores;
  at::Tensor ids; ///< [W] int64 vocabulary rows, on the backbone's device
};

struct ForwardArgs {
  const Batch& batch;
  const Conditioning& conditioning;
  /// When not null: receives keys and values of all rows of this call, one past sequence per sequence of the
  /// batch.
  Past* keep = nullptr;
  /// Dropout of the backbone itself, by the configuration's rates; 0 seed: off.
  uint64_t dropout_seed = 0;
  /// All rows instead of the answer rows.
  bool read_all_rows = false;
};

class Backbone {
public:
  virtual ~Backbone() = default;

  virtual const BackboneShape& shape() const = 0;
  /// Where the weights are, and so where batches and learned tensors belong.
  virtual at::Device device() const = 0;

  /// Word embeddings of `ids` [n] as float32 [n, embedding width]: what soft slots are initialised from.
  virtual at::Tensor embedding_rows(const at::Tensor& ids) const = 0;
  /// Output embeddings (the rows that score the vocabulary) of `ids` [n] as float32 [n, width].
  virtual at::Tensor output_rows(const at::Tensor& ids) const = 0;

  /// Last hidden states of the rows that are read: [A, hidden] (or [R, hidden]), in the weights' dtype.
  /// Differentiable in conditioning.embeddings and the prefixes.
  virtual at::Tensor forward(const ForwardArgs& args) const = 0;

  /// What the readout asks of hidden states [n, hidden] that `forward` returned. Differentiable.
  virtual at::Tensor read(const at::Tensor& hidden, const Readout& readout) const = 0;

  /// The weights by name, for tuners that replace some of them.
  virtual const std::map<std::string, at::Tensor>& weights() const = 0;
};

} // namespace cuecard
