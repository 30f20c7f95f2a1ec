#include <cuecard/conditioning.hpp>

#include <ATen/ops/cat.h>

namespace cuecard {

namespace {

int64_t tensor_bytes(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.numel() * static_cast<int64_t>(tensor.element_size()) : 0;
}

/// Rows of the sequences `which`, in that order.
at::Tensor selected(const at::Tensor& rows, const std::vector<int64_t>& offsets,
                    const std::vector<int64_t>& which) {
  std::vector<at::Tensor> parts;
  for (int64_t s : which)
    parts.push_back(rows.narrow(0, offsets[s], offsets[s + 1] - offsets[s]));
  return parts.empty() ? rows.narrow(0, 0, 0) : at::cat(parts);
}

void append_offsets(std::vector<int64_t>& to, const std::vector<int64_t>& from) {
  const int64_t start = to.back();
  for (std::size_t i = 1; i < from.size(); ++i)
    to.push_back(start + from[i]);
}

} // namespace

int64_t Past::bytes() const {
  int64_t sum = tensor_bytes(encoder_hidden);
  for (const Layer& layer : layers)
    sum += tensor_bytes(layer.key) + tensor_bytes(layer.value);
  return sum;
}

Past Past::select(const std::vector<int64_t>& which) const {
  Past result;
  for (const Layer& layer : layers)
    result.layers.push_back({selected(layer.key, offsets, which), selected(layer.value, offsets, which)});
  for (int64_t s : which) {
    result.offsets.push_back(result.offsets.back() + offsets[s + 1] - offsets[s]);
    result.next_position.push_back(next_position[s]);
  }
  if (encoder_hidden.defined()) {
    result.encoder_hidden = selected(encoder_hidden, encoder_offsets, which);
    result.encoder_offsets.assign(1, 0);
    for (int64_t s : which)
      result.encoder_offsets.push_back(result.encoder_offsets.back() + encoder_offsets[s + 1] -
                                       encoder_offsets[s]);
  }
  return result;
}

Past Past::concat(const std::vector<const Past*>& parts) {
  Past result;
  if (parts.empty())
    return result;
  for (std::size_t l = 0; l < parts[0]->layers.size(); ++l) {
    std::vector<at::Tensor> keys, values;
    for (const Past* part : parts) {
      keys.push_back(part->layers[l].key);
      values.push_back(part->layers[l].value);
    }
    result.layers.push_back({at::cat(keys), at::cat(values)});
  }
  std::vector<at::Tensor> encoders;
  for (const Past* part : parts) {
    append_offsets(result.offsets, part->offsets);
    result.next_position.insert(result.next_position.end(), part->next_position.begin(),
                                part->next_position.end());
    if (!part->encoder_hidden.defined())
      continue;
    encoders.push_back(part->encoder_hidden);
    if (result.encoder_offsets.empty())
      result.encoder_offsets.assign(1, 0);
    append_offsets(result.encoder_offsets, part->encoder_offsets);
  }
  if (!encoders.empty())
    result.encoder_hidden = at::cat(encoders);
  return result;
}

} // namespace cuecard
