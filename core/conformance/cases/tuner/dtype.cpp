// The case "tuner-dtype": training beside a model in half precision.
#include <cmath>

#include "conformance/cases/tuner/tuner_cases.hpp"
#include "conformance/planted_task.hpp"

namespace cuecard::conformance {

std::string tuner_dtype(const Subject& subject) {
  std::string refusals;
  bool any = false;
  const auto run = [&](const Model& model, const Family& family) {
    const std::vector<Example> rows = planted_rows(4, subject.seed);
    try {
      TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
      const TrainResult result = trained(model, pipeline, rows, short_training(3, 4), subject.seed);
      for (const float loss : result.report.losses)
        require(std::isfinite(loss), "the loss is not finite.");
      for (const ParameterGroup& group : pipeline.tuner->parameters())
        for (const at::Tensor& parameter : group.tensors)
          require(parameter.scalar_type() == at::kFloat,
                  "a trained tensor of shape " + c10::str(parameter.sizes()) + " is " +
                      at::toString(parameter.scalar_type()) +
                      "; expected float32, whatever the type of the weights.");
      predictions(model, pipeline, rows);
      any = true;
    } catch (const Refused& refusal) { // what trains weights may ask for float32
      refusals += (refusals.empty() ? "" : " ") + std::string(family.name) + ": " + refusal.what();
    }
  };
  const std::string remarks = for_each_model(subject, run, {at::kCPU, at::kBFloat16});
  if (!any)
    throw NotApplicable(refusals);
  return remarks + (remarks.empty() || refusals.empty() ? "" : " ") + refusals;
}

} // namespace cuecard::conformance
