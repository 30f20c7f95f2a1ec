// The case "backbone-windows": for each layer by itself, which tokens a token depends on, and whether a text that is cut to what its last
// token sees, or whose beginning is cached, gives what the whole text gives.
#include <numeric>

#include <cuecard/error.hpp>

#include "conformance/cases/backbone/checked_backbone.hpp"

namespace cuecard::conformance {

namespace {

constexpr int64_t tokens = 10, layers = 3;

/// A tiny model with a small window, under every key that the families' config.json files use for it.
Configuration with_windows(const std::string& model_type) {
  Configuration configuration = tiny_configuration(model_type, layers);
  configuration.set("sliding_window", int64_t{3});
  configuration.set("use_sliding_window", true);
  configuration.set("max_window_layers", int64_t{0}); // Qwen: all layers slide
  configuration.set("local_attention", int64_t{4});   // ModernBERT: on both sides
  return configuration;
}

std::vector<int64_t> text() {
  std::vector<int64_t> ids(tokens);
  std::iota(ids.begin(), ids.end(), int64_t{3});
  return ids;
}

/// What AttentionLayout::window says.
bool shows(int64_t window, bool causal, int64_t query, int64_t key) {
  if (causal)
    return key <= query && (window == 0 || query - key < window);
  return window == 0 || std::abs(query - key) <= window / 2;
}

/// Layer by layer, with nothing passed between tokens by the layers below.
void check_layers(const Backbone& model) {
  const BackboneShape& shape = model.shape();
  if (checks::shares_layers(model))
    throw NotApplicable("its layers share their weights, so one can't be tested alone.");
  require(std::ssize(shape.windows) == shape.layers,
          "it declares windows for " + std::to_string(shape.windows.size()) + " layers and has " +
              std::to_string(shape.layers) + ".");
  const int64_t query = shape.causal ? tokens - 1 : tokens / 2;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const Conditioning silent = checks::without_attention_below(model, layer);
    const auto state = [&](const std::vector<int64_t>& ids) {
      return model.forward({testing::batch_of({ids}), silent, nullptr, false, layer + 1})[query];
    };
    const int64_t window = shape.windows.at(static_cast<std::size_t>(layer));
    const at::Tensor of_text = state(text());
    for (int64_t key = 0; key < tokens; ++key) {
      if (key == query)
        continue;
      std::vector<int64_t> changed = text();
      changed[static_cast<std::size_t>(key)] = 14;
      const bool sees = !checks::same(state(changed), of_text),
                 should = shows(window, shape.causal, query, key);
      require(sees == should, "layer " + std::to_string(layer) + ", whose window is " + std::to_string(window) +
                                  (sees ? ", sees " : ", does not see ") + "a token at a distance of " +
                                  std::to_string(std::abs(query - key)) + ".");
    }
  }
}

/// A causal model with a window in every layer needs the last tokens of a text only, at their own positions.
void check_cut_text(const Backbone& model) {
  const std::vector<int64_t>& windows = model.shape().windows;
  int64_t seen = 1;
  for (const int64_t window : windows)
    seen += window == 0 ? tokens : window - 1;
  if (!model.shape().causal || seen >= tokens)
    return;
  const std::vector<int64_t> whole = text();
  Batch cut = testing::batch_of({std::vector<int64_t>(whole.end() - seen, whole.end())});
  cut.input.positions = cut.input.positions + (tokens - seen);
  require(checks::same(model.forward({cut, {}}), model.forward({testing::batch_of({whole}), {}})),
          "a text of " + std::to_string(tokens) + " tokens gives another last hidden state than its last " +
              std::to_string(seen) + " tokens, which are all that its windows show.");
}

void check_cache(const Backbone& model) {
  if (!model.shape().causal)
    return;
  const std::vector<int64_t> whole = text();
  constexpr std::ptrdiff_t cached = 7;
  const auto kept = std::make_shared<KvCache>();
  model.forward(
      {testing::batch_of({std::vector<int64_t>(whole.begin(), whole.begin() + cached)}), {}, kept.get()});
  const Batch rest = testing::batch_of({std::vector<int64_t>(whole.begin() + cached, whole.end())});
  require(
      checks::same(model.forward({checks::continuing(rest, kept, {0}), {}}),
                   model.forward({testing::batch_of({whole}), {}})),
      "a text that continues cached tokens gives another hidden state than the text itself: windows count cached "
      "tokens, too.");
}

} // namespace

std::string backbone_windows(const Subject& subject) {
  const Checking checking;
  std::string remarks;
  bool any = false;
  for (const std::string& type : subject.info().model_types) {
    const Configuration configuration = with_windows(type);
    BackboneShape described;
    try {
      registry::describe(subject.entry(), configuration, described);
    } catch (const DataError& refusal) {
      remarks += (remarks.empty() ? "" : " ") + type + ": " + refusal.what();
      continue;
    }
    if (described.windows.empty())
      continue;
    any = true;
    try {
      const Checked each(subject, configuration);
      check_layers(*each.precise);
      check_cut_text(*each.precise);
      check_cache(*each.precise);
    } catch (const Wrong& wrong) {
      throw Wrong("model type " + type + ": " + wrong.what());
    }
  }
  if (!any)
    throw NotApplicable("it declares no window for a configuration with a \"sliding_window\"." +
                        (remarks.empty() ? "" : " " + remarks));
  return remarks;
}

} // namespace cuecard::conformance
