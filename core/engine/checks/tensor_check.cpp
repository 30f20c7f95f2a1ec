#include "engine/checks/tensor_check.hpp"

#include "engine/checks/refusal.hpp"

namespace cuecard {

namespace {

/// "[slots, 384]": -1 is any size, with a name.
std::string shown_with(const std::vector<int64_t>& sizes, const std::string& any) {
  std::string text;
  for (const int64_t size : sizes)
    text += (text.empty() ? "" : ", ") + (size < 0 ? any : std::to_string(size));
  return "[" + text + "]";
}

/// "Float (float32) or BFloat16".
std::string shown(const std::set<at::ScalarType>& types) {
  std::string text;
  for (const at::ScalarType type : types)
    text += (text.empty() ? "" : " or ") + std::string(at::toString(type)) +
            (type == at::kFloat ? " (float32)" : "");
  return text.empty() ? "a floating-point type" : text;
}

} // namespace

void check_tensor(const std::string& what, const at::Tensor& tensor, const std::vector<int64_t>& expected,
                  const at::Device& device, const std::set<at::ScalarType>& types, const std::string& any) {
  if (!tensor.defined())
    refuse(what, "as undefined", shown_with(expected, any));
  if (tensor.layout() != at::kStrided)
    refuse(what, "of layout " + shown(tensor.layout()), "a dense (strided) tensor");
  bool fits = tensor.dim() == std::ssize(expected);
  for (std::size_t i = 0; fits && i < expected.size(); ++i)
    fits = expected[i] < 0 || tensor.size(static_cast<int64_t>(i)) == expected[i];
  if (!fits)
    refuse(what, "of shape " + shown(tensor.sizes()), shown_with(expected, any));
  const bool known =
      types.empty() ? at::isFloatingType(tensor.scalar_type()) : types.contains(tensor.scalar_type());
  if (!known)
    refuse(what, std::string("of type ") + at::toString(tensor.scalar_type()), shown(types));
  if (tensor.device().type() != device.type())
    refuse(what, "on " + tensor.device().str(), device.str() + ", where the model is");
}

} // namespace cuecard
