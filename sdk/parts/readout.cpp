#include <cuecard/parts/readout.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard {

namespace {

at::Tensor wide(const at::Tensor& scores) {
  return scores.scalar_type() == at::kDouble ? scores : scores.to(at::kFloat);
}

} // namespace

at::Tensor score_rows(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                      const ReadArgs& args, const std::string& family) {
  const Readout& readout = args.readout;
  if (readout.kind == Readout::Kind::target_log_probs)
    return target_log_probs(states, head, bias, args.targets);
  const bool log_probs = readout.kind == Readout::Kind::log_probs;
  if (!log_probs && readout.kind != Readout::Kind::scores)
    throw Error("the " + family + " backbone does not have the readout that was asked for (" +
                (readout.kind == Readout::Kind::pooled ? "a pooler" : "hidden states behind a head") +
                "); use a verbalizer that reads scores or hidden states.");
  if (!log_probs && readout.ids.defined())
    return wide(linear(states, head.index_select(0, readout.ids),
                       bias.defined() ? bias.index_select(0, readout.ids) : bias));
  const at::Tensor all = wide(linear(states, head, bias));
  if (!log_probs)
    return all;
  const at::Tensor asked = readout.ids.defined() ? all.index_select(1, readout.ids) : all;
  return asked - at::logsumexp(all, {1}, true);
}

at::Tensor table_products(const at::Tensor& table, const at::Tensor& rows) {
  return cuecard::linear(rows.to(table.scalar_type()), table).to(at::kFloat);
}

} // namespace cuecard
