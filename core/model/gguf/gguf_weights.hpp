/// The weights of a GGUF file under their Hugging Face names, dequantised on access, or as stored matrices.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/configuration.hpp>

#include "model/gguf/gguf.hpp"
#include "model/gguf/gguf_names.hpp"
#include "model/model_weights.hpp"

namespace cuecard {

class GgufWeights : public ModelWeights {
public:
  GgufWeights(std::shared_ptr<const GgufFile> file, const Configuration& configuration, NumberFormat format,
              at::Device device);

  bool has(std::string_view name) const override { return sources_.find(name) != sources_.end(); }
  std::vector<std::string> names() const override;
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override;
  at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const override;
  StoredTensor stored(std::string_view name) const override;

private:
  const GgufSource& source_of(std::string_view name) const;

  std::shared_ptr<const GgufFile> file_;
  std::map<std::string, GgufSource, std::less<>> sources_;
};

} // namespace cuecard
