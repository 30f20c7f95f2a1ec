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
#include <cuecard/export.hpp>
#include <cuecard/weights.hpp>

namespace cuecard {

/// What a `create` of a backbone component receives.
struct BackboneArguments {
  const Configuration& configuration;
  /// Null when only the shape is wanted (`render`, `model info`): such an object answers `shape()` and nothing
  /// else. A backbone keeps the tensors that it is given and makes no copies of them that `forward` uses
  /// (fused, transposed): some may be leaves that are being learned (Tuner::replaced_weights).
  const Weights* weights;
};

/// Sizes of a model and what it can do. All that is known without reading a weight.
struct BackboneShape {
  std::string family; ///< "llama", "bert", ...
  int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0,
          head_dim = 0;        ///< of the decoder, where there are two
  int64_t embedding_width = 0; ///< width of a word embedding; not `hidden` in every model
  int64_t vocabulary = 0;      ///< rows of the embedding matrix
  int64_t max_positions = 0;   ///< longest sequence, prefixes that count as positions included; 0: no limit
  bool causal = false; ///< each row sees only what stands in front of it, so answers are next-token positions
  bool encoder_decoder = false;   ///< then `causal` is false: the input side is the encoder's
  int64_t decoder_start = -1;     ///< encoder-decoders: the token that every output begins with
  bool scores_vocabulary = false; ///< has a head over the vocabulary (language model or masked language model)
  bool pools = false;             ///< has a pooler for `[CLS]`
  /// What a prefix may stand in front of, and the sizes that it has there.
  struct Site {
    PrefixSite site = PrefixSite::self;
    int64_t layers = 0, kv_heads = 0, head_dim = 0;
  };
  std::vector<Site> sites;

  /// Whether it can write text.
  bool generates() const { return scores_vocabulary && (causal || encoder_decoder); }
};

/// What a verbalizer wants at the rows that are read.
struct Readout {
  enum class Kind {
    scores,    ///< rows of the vocabulary, before softmax: [A, ids] or [A, vocabulary] when `ids` is undefined
    log_probs, ///< the same, normalised over the whole vocabulary, float32
    target_log_probs, ///< of ReadArgs::targets alone, normalised over the whole vocabulary, float32: [A]
    hidden,           ///< last hidden state after the final norm: [A, hidden]
    transformed, ///< what output rows are multiplied with, [A, width]: behind the head's transform, if it has
                 ///< one
    pooled,      ///< after the pooler: [A, hidden]
  };
  Kind kind = Kind::scores;
  at::Tensor ids; ///< [W] int64 vocabulary rows, on the backbone's device
};

struct ForwardArgs {
  const Batch& batch;
  const Conditioning& conditioning;
  /// When not null: receives keys and values of the rows of this call (of the side whose rows are read). Where
  /// it is the batch's own past, rows of a sequence that goes on from a past sequence are appended to that one,
  /// and at most one sequence may go on from each. Every other sequence of the side becomes a new past
  /// sequence, in order, which begins with its parent's rows.
  Past* keep = nullptr;
  /// All rows instead of the answer rows.
  bool read_all_rows = false;
};

struct ReadArgs {
  const at::Tensor& hidden; ///< [n, hidden], as `forward` returned it
  const Readout& readout;
  at::Tensor targets = {}; ///< [n] int64 token ids, for target_log_probs; entries of -1 count as 0
};

/// The two matrices whose rows are tokens.
enum class TokenTable { input, output };

class CUECARD_API Backbone {
public:
  virtual ~Backbone() = default;

  virtual const BackboneShape& shape() const = 0;
  /// Where the weights are, and so where batches and learned tensors belong.
  virtual at::Device device() const = 0;

  /// Rows `ids` [n] of a table as float32 [n, width]. Soft slots are initialised from the input table (word
  /// embeddings); the output table scores the vocabulary.
  virtual at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const = 0;
  /// `rows` [n, width] times every row of a table: [n, vocabulary] float32. The table is not copied.
  virtual at::Tensor token_products(TokenTable table, const at::Tensor& rows) const = 0;

  /// Last hidden states of the rows that are read: [A, hidden] (or [R, hidden]), in the weights' dtype.
  /// Differentiable in conditioning.embeddings and the prefixes.
  virtual at::Tensor forward(const ForwardArgs& args) const = 0;

  /// What the readout asks. Differentiable.
  virtual at::Tensor read(const ReadArgs& args) const = 0;

  /// The weights by name, as the checkpoint spells them.
  virtual const std::map<std::string, at::Tensor>& weights() const = 0;
};

} // namespace cuecard
