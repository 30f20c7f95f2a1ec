// What a backbone returns is checked at the call, and the error names its plugin and the function.
#include <cmath>
#include <functional>
#include <memory>

#include <ATen/core/grad_mode.h>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cuecard/error.hpp>
#include <cuecard/testing/packed_side.hpp>

#include "scripted_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Change = std::function<at::Tensor(const at::Tensor&)>;

/// Another backbone, whose return values are changed as a test requests.
class ScriptedBackbone final : public Backbone {
public:
  explicit ScriptedBackbone(const Backbone& other)
      : scripted_shape(other.shape()), layers(other.linear_layers()), other_(other) {}
  BackboneShape scripted_shape;
  std::vector<LinearLayer> layers;
  Change hidden, outputs;

  const BackboneShape& shape() const override { return scripted_shape; }
  at::Device device() const override { return other_.device(); }
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override {
    return other_.token_vectors(table, ids);
  }
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const override {
    return other_.token_dot_products(table, vectors);
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    const at::Tensor found = other_.forward(args);
    return hidden ? hidden(found) : found;
  }
  at::Tensor project(const ProjectArgs& args) const override {
    const at::Tensor found = other_.project(args);
    return outputs ? outputs(found) : found;
  }
  const std::map<std::string, at::Tensor>& weights() const override { return other_.weights(); }
  const std::vector<LinearLayer>& linear_layers() const override { return layers; }

private:
  const Backbone& other_;
};

struct ScriptedModel {
  Model model = tiny_model("llama-tied");
  std::shared_ptr<ScriptedBackbone> scripted = std::make_shared<ScriptedBackbone>(model.backbone());
  int64_t hidden = model.shape().hidden, vocabulary = model.shape().vocabulary;

  std::shared_ptr<Backbone> backbone() const {
    return guarded(Component<Backbone>{scripted, "shop", "scripted"});
  }
  /// Trains soft prompts through the scripted backbone.
  void fit() const {
    TaskPipeline pipeline = two_label_pipeline(model, "m", "{text} so{\"mask\"}", "prompt-tuning");
    pipeline.own_backbone = backbone();
    train(model, {{pipeline, word_examples(8, 3), {}}}, steps_of(1, 4, 1e-3), 1);
  }
};

std::string sizes(int64_t rows, int64_t columns) {
  return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

/// Five tokens in two sequences, the last one of each selected.
const Batch& two_texts() {
  static const Batch batch = testing::batch_of({{5, 6, 7}, {8, 9}});
  return batch;
}

/// Changes that no backbone may make to states of any shape, with what the error says.
std::vector<std::pair<std::string, Change>> common_changes() {
  return {{" as undefined; expected [2", [](const at::Tensor&) { return at::Tensor(); }},
          {" of shape [1, ", [](const at::Tensor& x) { return x.narrow(0, 0, 1); }},
          {" of shape [1, 2, ", [](const at::Tensor& x) { return x.unsqueeze(0); }},
          {" of type Double; expected Float (float32)", [](const at::Tensor& x) { return x.to(at::kDouble); }},
          {" of type Half; expected Float (float32)", [](const at::Tensor& x) { return x.to(at::kHalf); }},
          {" of type Long; expected Float (float32)", [](const at::Tensor& x) { return x.to(at::kLong); }},
          {" on meta; expected cpu", [](const at::Tensor& x) { return x.to(at::kMeta); }}};
}

} // namespace

TEST_CASE("a backbone that returns what it should is not refused") {
  const ScriptedModel scripted;
  const std::shared_ptr<Backbone> backbone = scripted.backbone();
  const int64_t layers = scripted.model.shape().layers;
  CHECK(backbone->forward({two_texts(), {}}).sizes() == at::IntArrayRef({2, scripted.hidden}));
  CHECK(backbone->forward({two_texts(), {}, nullptr, true}).size(0) == 5);
  for (int64_t layer = 0; layer <= layers; ++layer)
    CHECK(backbone->forward({two_texts(), {}, nullptr, false, layer}).size(0) == 5);
  const at::Tensor hidden = backbone->forward({two_texts(), {}}), ids = at::tensor({5, 6, 7}, at::kLong);
  using Kind = OutputRequest::Kind;
  for (const Kind kind : {Kind::logits, Kind::log_probs}) {
    CHECK(backbone->project({hidden, {kind, {}}}).sizes() == at::IntArrayRef({2, scripted.vocabulary}));
    CHECK(backbone->project({hidden, {kind, ids}}).sizes() == at::IntArrayRef({2, 3}));
  }
  CHECK(backbone->project({hidden, {Kind::target_log_probs, {}}, ids.narrow(0, 0, 2)}).dim() == 1);
  CHECK(backbone->project({hidden, {Kind::hidden_states, {}}}).size(1) == scripted.hidden);
  CHECK(backbone->project({hidden, {Kind::transformed_states, {}}}).size(0) == 2);
  scripted.fit();
}

TEST_CASE("states and outputs in the type of half-precision weights are not refused") {
  const Model model = tiny_model("llama-tied", at::kBFloat16);
  const at::Tensor hidden = model.backbone().forward({two_texts(), {}});
  CHECK((hidden.scalar_type() == at::kBFloat16));
  const auto type_of = [&](OutputRequest::Kind kind) {
    return model.backbone().project({hidden, {kind, {}}}).scalar_type();
  };
  CHECK((type_of(OutputRequest::Kind::hidden_states) == at::kBFloat16));
  CHECK((type_of(OutputRequest::Kind::log_probs) == at::kFloat));
}

TEST_CASE("wrong hidden states name the backbone") {
  std::vector<std::pair<std::string, Change>> cases = common_changes();
  const ScriptedModel scripted;
  cases.emplace_back(" of shape [2, 5]; expected " + sizes(2, scripted.hidden),
                     [](const at::Tensor& x) { return x.narrow(1, 0, 5); });
  for (const auto& [expected, change] : cases) {
    CAPTURE(expected);
    scripted.scripted->hidden = change;
    const std::string text = blamed([&] { scripted.backbone()->forward({two_texts(), {}}); });
    CHECK_MESSAGE(holds(text, "forward: it returned hidden states" + expected), text);
  }
}

TEST_CASE("wrong outputs name the backbone") {
  std::vector<std::pair<std::string, Change>> cases = common_changes();
  const ScriptedModel scripted;
  cases.emplace_back(" of shape [2, 1]; expected " + sizes(2, scripted.vocabulary),
                     [](const at::Tensor& x) { return x.narrow(1, 0, 1); });
  const at::Tensor hidden = scripted.backbone()->forward({two_texts(), {}});
  for (const auto& [expected, change] : cases) {
    CAPTURE(expected);
    scripted.scripted->outputs = change;
    const std::string text = blamed([&] { scripted.backbone()->project({hidden, {}}); });
    CHECK_MESSAGE(holds(text, "project: it returned logits" + expected), text);
  }
  scripted.scripted->outputs = [](const at::Tensor& x) { return x.narrow(1, 0, 1); };
  const at::Tensor ids = at::tensor({5, 6, 7}, at::kLong);
  CHECK(holds(blamed([&] {
                scripted.backbone()->project({hidden, {OutputRequest::Kind::log_probs, ids}});
              }),
              "project: it returned log-probabilities of shape [2, 1]; expected [2, 3]"));
  scripted.scripted->outputs = [](const at::Tensor& x) { return x.unsqueeze(1); };
  CHECK(holds(blamed([&] {
                scripted.backbone()->project(
                    {hidden, {OutputRequest::Kind::target_log_probs, {}}, ids.narrow(0, 0, 2)});
              }),
              "project: it returned log-probabilities of shape [2, 1]; expected [2]"));
}

TEST_CASE("a backbone that detaches its results is named in training, and not the tuner") {
  const Change detached = [](const at::Tensor& x) { return x.detach(); };
  ScriptedModel hidden, outputs;
  hidden.scripted->hidden = detached;
  CHECK(holds(blamed([&] { hidden.fit(); }),
              "forward: it returned hidden states that require no gradient, although the embeddings of the "
              "soft tokens do"));
  outputs.scripted->outputs = detached;
  CHECK(holds(blamed([&] { outputs.fit(); }),
              "that require no gradient, although the hidden states do; expected outputs computed from them"));
}

TEST_CASE("hidden states without gradients are refused only where the conditioning must reach them") {
  const ScriptedModel scripted;
  scripted.scripted->hidden = [](const at::Tensor& x) { return x.detach(); };
  const std::shared_ptr<Backbone> backbone = scripted.backbone();
  Conditioning soft;
  soft.embeddings = at::zeros({1, scripted.model.shape().embedding_width}).set_requires_grad(true);
  backbone->forward({two_texts(), soft}); // no token is soft
  const LinearLayer& layer = backbone->linear_layers().at(0);
  Conditioning update;
  update.low_rank.push_back({layer.weight, at::zeros({1, layer.in}).set_requires_grad(true),
                             at::zeros({layer.out, 1}).set_requires_grad(true)});
  backbone->forward({two_texts(), update, nullptr, false, 0}); // no layer is run
  CHECK(holds(blamed([&] {
                backbone->forward({two_texts(), update});
              }),
              "that require no gradient, although the update of \"" + layer.weight + "\" does"));
  const at::NoGradGuard no_grad;
  backbone->forward({two_texts(), update});
}

TEST_CASE("a backbone that computes NaN from finite numbers is named when training fails") {
  for (const bool in_project : {false, true}) {
    CAPTURE(in_project);
    const ScriptedModel scripted;
    (in_project ? scripted.scripted->outputs : scripted.scripted->hidden) = [](const at::Tensor& x) {
      return x * NAN;
    };
    try {
      scripted.fit();
      FAIL_CHECK("no error");
    } catch (const PluginError& error) { // the plugin is that of the model: here the test replaced its object
      const std::string text = error.what();
      CHECK_MESSAGE(holds(text, in_project ? "project: it returned outputs with NaN or infinite values"
                                           : "forward: it returned hidden states with NaN or infinite values"),
                    text);
      CHECK_MESSAGE(holds(text, "no step was finished"), text);
    }
  }
}

TEST_CASE("windows and linear layers are checked when a backbone is made") {
  ScriptedModel scripted;
  const int64_t layers = scripted.model.shape().layers;
  scripted.scripted->scripted_shape.windows.assign(static_cast<std::size_t>(layers), 0);
  scripted.backbone();
  scripted.scripted->scripted_shape.windows = {4};
  REQUIRE(layers > 1);
  CHECK(holds(blamed([&] { scripted.backbone(); }),
              "shape: it returned a shape with windows for 1 layer; expected one for each of the model's " +
                  std::to_string(layers) + " layers, or none"));
  scripted.scripted->scripted_shape.windows.assign(static_cast<std::size_t>(layers), -1);
  CHECK(holds(blamed([&] { scripted.backbone(); }),
              "shape: it returned a shape with the window -1; expected 0 or more"));
  scripted.scripted->scripted_shape.windows.clear();
  const std::vector<LinearLayer> right = scripted.scripted->layers;
  const std::string name = right[0].weight;
  scripted.scripted->layers.push_back(right[0]);
  CHECK(holds(blamed([&] { scripted.backbone(); }),
              "linear_layers: it returned the linear layer \"" + name + "\" twice; expected each layer once"));
  scripted.scripted->layers = right;
  scripted.scripted->layers[0].weight += "x";
  const std::string unknown = blamed([&] { scripted.backbone(); });
  CHECK_MESSAGE(holds(unknown, "linear_layers: it returned the linear layer \"" + name +
                                   "x\", which is not among the model's weights"),
                unknown);
  CHECK_MESSAGE(holds(unknown, "Did you mean \"" + name + "\"?"), unknown);
  scripted.scripted->layers = right;
  scripted.scripted->layers[0].out = 3;
  CHECK(holds(blamed([&] { scripted.backbone(); }),
              "linear_layers: it returned the linear layer \"" + name + "\" of 3 outputs and "));
  scripted.scripted->layers = right;
  std::swap(scripted.scripted->layers[0].out, scripted.scripted->layers[0].in); // a transposed weight
  scripted.backbone();
}
