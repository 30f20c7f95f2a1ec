/// Checks of what backbones return, by shapes, types and devices alone: none waits for the device. Each function throws an Error that says
/// what was found and what was expected; the guard adds the plugin's name.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>

namespace cuecard {

/// Checks that there are no windows, or one for each layer of the only stack, none of them negative.
void check_windows(const BackboneShape& shape);

/// Checks that each layer's weight exists, once, and has the layer's sizes.
void check_linear_layers(const std::vector<LinearLayer>& layers,
                         const std::map<std::string, at::Tensor>& weights);

/// The floating-point types of `weights`.
std::set<at::ScalarType> types_of(const std::map<std::string, at::Tensor>& weights);

/// Checks what Backbone::forward returned: a row for each requested token, of one of `types` (empty: any floating-point type), and
/// differentiable where a conditioning that the hidden states depend on is.
void check_hidden_states(const at::Tensor& hidden, const ForwardArgs& args, const Backbone& backbone,
                         const std::set<at::ScalarType>& types);

/// Checks what Backbone::project returned: a row for each hidden state, as wide as the request says, and differentiable where the hidden
/// states are.
void check_outputs(const at::Tensor& outputs, const ProjectArgs& args, const Backbone& backbone);

/// Checks what Backbone::token_dot_products returned: [n, vocabulary] float32.
void check_dot_products(const at::Tensor& products, const at::Tensor& vectors, const Backbone& backbone);

} // namespace cuecard
