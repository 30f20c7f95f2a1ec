// What a tuner says is trained, and with which settings, is checked at the call, and the error names the plugin and the function.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/checks/returned_values.hpp"
#include "scripted_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

TEST_CASE("parameters that no optimizer can train are refused") {
  const std::vector<std::pair<std::string, std::function<std::vector<at::Tensor>(const at::Tensor&)>>> cases{
      {"tensor 2 of parameter group 1 that is not a leaf",
       [](const at::Tensor& prompt) {
         return std::vector{prompt, prompt * 2};
       }},
      {"tensor 2 of parameter group 1 that requires no gradient",
       [](const at::Tensor& prompt) {
         return std::vector{prompt, at::ones({3})};
       }},
      {"tensor 2 of parameter group 1 of type Double; expected Float (float32), whatever the type of the model's weights",
       [](const at::Tensor& prompt) {
         return std::vector{prompt, at::ones({3}, at::kDouble).set_requires_grad(true)};
       }},
      {"tensor 2 of parameter group 1 of type Long",
       [](const at::Tensor& prompt) {
         return std::vector{prompt, at::ones({3}, at::kLong)};
       }},
      {"tensor 2 of parameter group 1 that is also tensor 1 of parameter group 1; expected each tensor once",
       [](const at::Tensor& prompt) {
         return std::vector{prompt, prompt};
       }},
      {"tensor 1 of parameter group 1 as undefined",
       [](const at::Tensor&) { return std::vector{at::Tensor()}; }},
      {"no tensor; expected what is trained, because the plugin's manifest declares CUECARD_TRAINS_TENSORS",
       [](const at::Tensor&) { return std::vector<at::Tensor>(); }}};
  for (const auto& [expected, tensors] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    scripted.tuner->tensors = [&] { return tensors(scripted.tuner->prompt); };
    CHECK(holds(blamed([&] { scripted.fit(); }), "parameters: it returned " + expected));
  }
}

TEST_CASE("a tuner's default settings are in their ranges, and the user's pass") {
  Scripted scripted;
  scripted.tuner->usual.learning_rate = -1;
  scripted.fit(); // the user's is used
  CHECK(holds(blamed([&] { scripted.pipeline.tuner->defaults({}); }),
              "defaults: it returned the learning rate -1; expected a number above 0"));
  scripted.tuner->usual.learning_rate = 0.1;
  scripted.tuner->usual.warmup = NAN;
  CHECK(holds(blamed([&] { scripted.pipeline.tuner->defaults({}); }),
              "defaults: it returned the warm-up nan; expected a share from 0 to 1"));
}

TEST_CASE("a tuner's defaults leave what the user gave") {
  Scripted scripted;
  scripted.tuner->filled = [](FitRequest& request) { request.steps = 1; };
  CHECK(holds(blamed([&] { scripted.fit(6); }),
              "defaults: it returned the number of steps 1; expected 6, which the user gave"));
  scripted.tuner->filled = [](FitRequest& request) { request.steps.reset(); };
  CHECK(holds(blamed([&] { scripted.fit(6); }),
              "defaults: it returned the number of steps without a value; expected 6, which the user gave"));
  scripted.tuner->filled = [](FitRequest& request) { request.optimizer = "adam"; };
  CHECK(holds(blamed([&] { scripted.fit(6); }),
              "defaults: it returned the optimizer \"adam\"; expected \"adamw\", which the user gave"));
  scripted.tuner->filled = [](FitRequest& request) { request.patience = 3; }; // the user gave none
  scripted.fit(6);
}

TEST_CASE("names and lengths that a tuner's defaults invent are its failure, not the user's") {
  Scripted scripted;
  const std::vector<std::pair<std::string, std::function<void(FitRequest&)>>> cases{
      {"the optimizer \"foo\"; expected \"adamw\", \"adam\" or \"adafactor\"",
       [](FitRequest& request) { request.optimizer = "foo"; }},
      {"the schedule \"wavy\"; expected \"linear\", \"constant\", \"cosine\" or \"exponential\"",
       [](FitRequest& request) { request.schedule = "wavy"; }},
      {"the number of steps 3 and the number of epochs 2; expected one of them", [](FitRequest& request) {
         request.steps = 3;
         request.epochs = 2;
       }}};
  for (const auto& [expected, filled] : cases) {
    CAPTURE(expected);
    scripted.tuner->filled = filled;
    CHECK(holds(blamed([&] { scripted.pipeline.tuner->defaults({}); }), "defaults: it returned " + expected));
  }
}

TEST_CASE("parameters are the same tensors at each call") {
  Scripted scripted;
  scripted.tuner->tensors = [&] {
    return std::vector{scripted.tuner->prompt.detach().clone().set_requires_grad(true)};
  };
  CHECK(holds(blamed([&] { scripted.fit(); }),
              "parameters: it returned other tensors when it was called again; expected the "
              "same objects each time"));
  scripted.tuner->tensors = [&] {
    std::vector tensors{scripted.tuner->prompt};
    if (scripted.tuner->calls++ % 2 == 0)
      tensors.push_back(at::zeros({1}).set_requires_grad(true));
    return tensors;
  };
  CHECK(
      holds(blamed([&] { scripted.fit(); }), "parameters: it returned other tensors when it was called again"));
}

TEST_CASE("weights that a tuner replaces are dense float32 leaves") {
  const std::vector<std::pair<std::string, at::Tensor>> cases{
      {"as undefined; expected a tensor with values", at::Tensor()},
      {"of type Double; expected Float (float32)", at::zeros({2}, at::kDouble)},
      {"of layout Sparse; expected a dense", at::zeros({2, 2}).to_sparse()},
      {"that is not a leaf", at::zeros({2}).set_requires_grad(true) * 2}};
  for (const auto& [expected, tensor] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    scripted.tuner->replaced = [&] { return TensorMap{{"some.weight", tensor}}; };
    CHECK(holds(blamed([&] { scripted.pipeline.tuner->replaced_weights(); }),
                "replaced_weights: it returned the weight \"some.weight\" " + expected));
  }
}

TEST_CASE("a weight that the model does not have is named, with the nearest one, and so is another shape") {
  const Scripted scripted;
  const auto& [name, weight] = *scripted.model.backbone().weights().begin();
  CHECK(unfit_weight({{name, weight}}, scripted.model.backbone()).empty());
  const std::string unknown = unfit_weight({{name + "x", weight}}, scripted.model.backbone());
  CHECK_MESSAGE(holds(unknown, "it replaces the weight \"" + name + "x\", which the " +
                                   scripted.model.shape().family + " model does not have"),
                unknown);
  CHECK_MESSAGE(holds(unknown, "Did you mean \"" + name + "\"?"), unknown);
  const std::string shaped = unfit_weight({{name, at::zeros({1, 2, 3})}}, scripted.model.backbone());
  CHECK_MESSAGE(holds(shaped, "of shape [1, 2, 3]; expected ["), shaped);
}
