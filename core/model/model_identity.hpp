/// Which model a card belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cuecard {

struct ModelIdentity {
  std::string family;                   ///< "model_type" of the configuration
  std::map<std::string, int64_t> sizes; ///< those of the configuration's sizes that it has, by its own keys
  /// Of the weights' file; of several, of the lines "<sha256>  <file name>\n" in the order of their names.
  /// Empty where there are no weights.
  std::string weights_sha256;
  /// Of `tokenizer.json`; for a GGUF file or older tokenizer files, of the one that `model convert` writes.
  std::string tokenizer_sha256;
  std::string source; ///< name of the file or directory, for people; not compared

  bool operator==(const ModelIdentity& other) const {
    return family == other.family && sizes == other.sizes && weights_sha256 == other.weights_sha256 &&
           tokenizer_sha256 == other.tokenizer_sha256;
  }
};

} // namespace cuecard
