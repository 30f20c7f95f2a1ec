#include <set>

#include "engine/checks/returned_outputs.hpp"
#include "engine/guarded/guard.hpp"

namespace cuecard {

namespace {

class GuardedBackbone final : public Backbone, Guard<Backbone> {
public:
  explicit GuardedBackbone(Component<Backbone> component) : Guard(std::move(component)) {
    guard("shape", [](const Backbone& b) { check_windows(b.shape()); });
    guard("linear_layers", [](const Backbone& b) { check_linear_layers(b.linear_layers(), b.weights()); });
    types_ = types_of(weights());
  }
  const BackboneShape& shape() const override {
    return guard_reference("shape", [](const Backbone& b) -> const BackboneShape& { return b.shape(); });
  }
  at::Device device() const override {
    return guard("device", [](const Backbone& b) { return b.device(); });
  }
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override {
    return guard("token_vectors", [&](const Backbone& b) {
      at::Tensor rows = b.token_vectors(table, ids);
      check_token_vectors(rows, ids, b.device());
      return rows;
    });
  }
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& rows) const override {
    return guard("token_dot_products", [&](const Backbone& b) {
      at::Tensor products = b.token_dot_products(table, rows);
      check_dot_products(products, rows, b);
      return products;
    });
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    return guard("forward", [&](const Backbone& b) {
      at::Tensor hidden = b.forward(args);
      check_hidden_states(hidden, args, b, types_);
      return hidden;
    });
  }
  at::Tensor project(const ProjectArgs& args) const override {
    return guard("project", [&](const Backbone& b) {
      at::Tensor outputs = b.project(args);
      check_outputs(outputs, args, b);
      return outputs;
    });
  }
  const std::map<std::string, at::Tensor>& weights() const override {
    return guard_reference(
        "weights", [](const Backbone& b) -> const std::map<std::string, at::Tensor>& { return b.weights(); });
  }
  const std::vector<LinearLayer>& linear_layers() const override {
    return guard_reference("linear_layers", [](const Backbone& b) -> const std::vector<LinearLayer>& {
      return b.linear_layers();
    });
  }

private:
  std::set<at::ScalarType> types_; ///< of the weights
};

} // namespace

std::shared_ptr<Backbone> guarded(Component<Backbone> component) {
  return std::make_shared<GuardedBackbone>(std::move(component));
}

} // namespace cuecard
