#include <cuecard/parts/layers/output_projection.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/tanh.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

namespace {

at::Tensor wide(const at::Tensor& values) {
  return !values.defined() || values.scalar_type() == at::kDouble ? values : values.to(at::kFloat);
}

at::Tensor capped(const at::Tensor& logits, double cap) {
  return cap > 0 ? at::tanh(logits / cap) * cap : logits;
}

/// Logits of the requested tokens, in float32 whatever the dtype of the weights: bfloat16 rounds a logit of 20 to a multiple of 1/8.
at::Tensor requested_logits(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                            const at::Tensor& ids) {
  return linear(wide(states), wide(matrix_rows(head, ids)),
                bias.defined() ? wide(bias.index_select(0, ids)) : bias);
}

} // namespace

at::Tensor project_to_vocabulary(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                                 const ProjectArgs& args, const std::string& family, double cap) {
  if (!head.defined())
    throw Error("this " + family +
                " checkpoint has no head over the vocabulary, so it can't score words; use a checkpoint of "
                "the language model, or a verbalizer on hidden states.");
  const OutputRequest& request = args.request;
  if (request.kind == OutputRequest::Kind::target_log_probs)
    return target_log_probs(states, head, bias, args.targets, cap);
  const bool log_probs = request.kind == OutputRequest::Kind::log_probs;
  if (!log_probs && request.kind != OutputRequest::Kind::logits)
    throw Error("the " + family + " backbone has no " +
                (request.kind == OutputRequest::Kind::pooled ? "pooler" : "head with a transform") +
                "; use a verbalizer that needs logits or hidden states.");
  if (!log_probs && request.token_ids.defined())
    return capped(requested_logits(states, head, bias, request.token_ids), cap);
  const at::Tensor all = capped(wide(linear(states, head, bias)), cap);
  if (!log_probs)
    return all;
  const bool half = all.scalar_type() != states.scalar_type();
  const at::Tensor requested = !request.token_ids.defined() ? all
                               : half ? capped(requested_logits(states, head, bias, request.token_ids), cap)
                                      : all.index_select(1, request.token_ids);
  return requested - at::logsumexp(all, {1}, true);
}

at::Tensor project_untransformed(const at::Tensor& head, const at::Tensor& bias, const ProjectArgs& args,
                                 const std::string& family, double cap) {
  const OutputRequest::Kind kind = args.request.kind;
  if (kind == OutputRequest::Kind::hidden_states || kind == OutputRequest::Kind::transformed_states)
    return args.hidden;
  return project_to_vocabulary(args.hidden, head, bias, args, family, cap);
}

at::Tensor table_dot_products(const at::Tensor& table, const at::Tensor& vectors) {
  return cuecard::linear(vectors.to(table.scalar_type()), table).to(at::kFloat);
}

} // namespace cuecard
