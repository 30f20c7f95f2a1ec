/// Identifies the model that a card belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cuecard {

struct ModelIdentity {
  std::string family;                   ///< "model_type" of the configuration
  std::map<std::string, int64_t> sizes; ///< the sizes in the configuration, by its keys
  /// Of the weight file; with several files, of the lines "<sha256>  <file name>\n" sorted by name. Empty
  /// without weights.
  std::string weights_sha256;
  /// Of `tokenizer.json`; for a GGUF file or legacy tokenizer files, of the one that `model convert` writes.
  std::string tokenizer_sha256;
  std::string source; ///< name of the file or directory, for display; not compared

  bool operator==(const ModelIdentity& other) const {
    return family == other.family && sizes == other.sizes && weights_sha256 == other.weights_sha256 &&
           tokenizer_sha256 == other.tokenizer_sha256;
  }
};

} // namespace cuecard
