#include "engine/checks/returned_prompts.hpp"
#include "engine/checks/returned_scores.hpp"
#include "engine/guarded/guard.hpp"

namespace cuecard {

namespace {

class GuardedBackbone final : public Backbone, Guard<Backbone> {
public:
  using Guard::Guard;
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
    return guard("token_dot_products", [&](const Backbone& b) { return b.token_dot_products(table, rows); });
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    return guard("forward", [&](const Backbone& b) { return b.forward(args); });
  }
  at::Tensor project(const ProjectArgs& args) const override {
    return guard("project", [&](const Backbone& b) { return b.project(args); });
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
};

} // namespace

std::shared_ptr<Backbone> guarded(Component<Backbone> component) {
  return std::make_shared<GuardedBackbone>(std::move(component));
}

} // namespace cuecard
