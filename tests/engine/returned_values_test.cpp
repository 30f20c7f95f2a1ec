// Values returned by a plugin are checked at the call, and the error names the plugin and the function.
#include <cmath>
#include <limits>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine/checks/returned_values.hpp"
#include "scripted_tuner.hpp"

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// A prefix of `length` slots at the first site.
Prefix zero_prefix(const Model& model, int64_t length, int64_t positions) {
  const BackboneShape::Site& site = model.shape().sites.at(0);
  const at::Tensor zeros = at::zeros({site.layers, length, site.kv_heads, site.head_dim});
  return {site.site, zeros, zeros, positions};
}

} // namespace

TEST_CASE("a tuner that returns what it should is not refused") {
  Scripted scripted;
  scripted.predict();
  scripted.fit();
}

TEST_CASE("a wrong conditioning names the tuner, in prediction and in training") {
  const Scripted shape;
  const int64_t width = shape.width, layers = shape.model.shape().layers;
  const std::string weight = shape.model.backbone().linear_layers().at(0).weight;
  const auto with = [](const std::function<void(Conditioning&)>& change) {
    return [change]() {
      Conditioning conditioning;
      change(conditioning);
      return conditioning;
    };
  };
  const std::vector<std::pair<std::string, std::function<Conditioning()>>> cases{
      {"condition: it returned embeddings of 2 soft slots; expected at least 3", with([&](Conditioning& c) {
         c.embeddings = at::zeros({2, width});
       })},
      {"condition: it returned embeddings of 1 soft slot; expected at least 3", with([&](Conditioning& c) {
         c.embeddings = at::zeros({1, width});
       })},
      {"condition: it returned embeddings of 0 soft slots", with([](Conditioning&) {})},
      {"condition: it returned embeddings of shape [3, " + std::to_string(width + 1) + "]; expected [slots, " +
           std::to_string(width) + "]",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width + 1});
       })},
      {"condition: it returned embeddings of layout Sparse; expected a dense (strided) tensor",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width}).to_sparse();
       })},
      {"condition: it returned embeddings of type Long", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width}, at::kLong);
       })},
      {"condition: it returned embeddings of type Double; expected Float (float32)", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width}, at::kDouble);
       })},
      {"condition: it returned the matrix B of \"" + weight + "\" of type BFloat16", with([&](Conditioning& c) {
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.embeddings = at::zeros({3, width});
         c.low_rank.push_back({weight, at::zeros({1, layer.in}), at::zeros({layer.out, 1}, at::kBFloat16)});
       })},
      {"condition: it returned embeddings with NaN or infinite values", with([&](Conditioning& c) {
         c.embeddings = at::full({3, width}, std::numeric_limits<float>::quiet_NaN());
       })},
      {"condition: it returned the factors of", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.rescalings.push_back({weight, at::ones({1}), false});
       })},
      {"condition: it returned keys of the prefix", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.prefixes.push_back(
             {PrefixSite::self, at::zeros({layers, 2, 1, 1}), at::zeros({layers, 2, 1, 1}), 2});
       })},
      {"condition: it returned the matrix B of \"" + weight + "\" as undefined; expected [",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.low_rank.push_back({weight, at::zeros({1, layer.in}), at::Tensor()});
       })},
      {"condition: it returned the scale of \"" + weight + "\" as nan; expected a finite number",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.low_rank.push_back({weight, at::zeros({1, layer.in}), at::zeros({layer.out, 1}), NAN});
       })},
      {"condition: it returned the dropout of \"" + weight + "\" as 1.5; expected", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.low_rank.push_back({weight, at::zeros({1, layer.in}), at::zeros({layer.out, 1}), 1, 1.5});
       })},
      {"condition: it returned the matrix A of \"" + weight + "\" of shape [0, ", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         const LinearLayer& layer = shape.model.backbone().linear_layers().at(0);
         c.low_rank.push_back({weight, at::zeros({0, layer.in}), at::zeros({layer.out, 0})});
       })},
      {"condition: it returned a prefix of 2 slots that counts as 5 positions; expected 2, or 0",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.prefixes.push_back(zero_prefix(shape.model, 2, 5));
       })},
      {"condition: it returned a prefix of 2 slots that counts as -1 positions", with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.prefixes.push_back(zero_prefix(shape.model, 2, -1));
       })},
      {"condition: it returned keys of the prefix at the site \"self\" of shape [" + std::to_string(layers) +
           ", 0, ",
       with([&](Conditioning& c) {
         c.embeddings = at::zeros({3, width});
         c.prefixes.push_back(zero_prefix(shape.model, 0, 0));
       })},
      {"condition: the shop is closed; update or remove this plugin, and report this to its author.",
       []() -> Conditioning { throw std::runtime_error("the shop is closed"); }},
  };
  for (const auto& [expected, conditioning] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    scripted.tuner->conditioning = conditioning;
    CHECK(holds(blamed([&] { scripted.predict(); }), expected));
    CHECK(holds(blamed([&] { scripted.fit(); }), expected));
  }
}

TEST_CASE("a prefix counts as its length or as nothing") {
  for (const int64_t positions : {2, 0}) {
    Scripted scripted;
    scripted.tuner->conditioning = [&] {
      Conditioning conditioning{scripted.tuner->prompt};
      conditioning.prefixes.push_back(zero_prefix(scripted.model, 2, positions));
      return conditioning;
    };
    scripted.predict();
  }
}

TEST_CASE("late embeddings are for prompts with late slots") {
  Scripted scripted;
  scripted.tuner->conditioning = [&] {
    Conditioning conditioning{scripted.tuner->prompt};
    conditioning.late_embeddings = at::zeros({slots, scripted.model.shape().hidden});
    return conditioning;
  };
  CHECK(holds(blamed([&] { scripted.fit(); }),
              "condition: it returned late embeddings of 3 soft slots; expected none"));
  scripted.tuner->change = [](std::vector<Prompt>& prompts) {
    for (Prompt& prompt : prompts)
      prompt.prepended.front().first_layer = 1;
  };
  scripted.fit();
}

TEST_CASE("a prompt that only the tuner makes too long names the tuner, not the data") {
  Scripted scripted;
  scripted.pipeline.limit.max_length = 200;
  scripted.tuner->change = [](std::vector<Prompt>& prompts) {
    prompts[0].prepended.insert(prompts[0].prepended.end(), 500, Piece::soft_slot(0));
  };
  const std::vector<Example> examples = word_examples(1, 3);
  const std::string problem =
      Predictor(scripted.model, {&scripted.pipeline}).predict(pointers(examples)).at(0).problem;
  CHECK_MESSAGE(
      holds(problem,
            "; the tuner \"scripted\" of the plugin \"shop\" added 503 of its tokens, without which it fits"),
      problem);
}

TEST_CASE("a conditioning that becomes NaN in training names the tuner, not the learning rate") {
  Scripted scripted;
  int broken = 0; // calls: one by the step, and one to find the cause
  scripted.tuner->conditioning = [&] {
    const double factor = broken-- > 0 ? std::numeric_limits<double>::quiet_NaN() : 1;
    return Conditioning{scripted.tuner->prompt * factor};
  };
  FitRequest request = steps_of(9, 4, 1e-3);
  const std::vector<Example> examples = word_examples(8, 3);
  const auto after = [&](int64_t last, int64_t evaluate_every) {
    broken = 0;
    request.evaluate_every = evaluate_every;
    return train(scripted.model, {{scripted.pipeline, examples, {}}}, request, 1,
                 [&](int64_t step, int64_t, double, double) {
                   broken = step == last ? 2 : 0;
                   return true;
                 });
  };
  for (const int64_t evaluate_every : {9, 1}) { // before the first evaluation, and after some
    CAPTURE(evaluate_every);
    const FitReport report = after(2, evaluate_every).report;
    CHECK(report.best_step == 2);
    CHECK(holds(report.failure,
                "plugin \"shop\", component \"scripted\", condition: it returned embeddings with NaN"));
    CHECK(!holds(report.failure, "learning rate"));
  }
  // The card does not need another conditioning.
  scripted.tuner->conditioning = []() -> Conditioning { throw std::runtime_error("the shop is closed"); };
  CHECK(!to_card(scripted.pipeline, scripted.model).positions.empty());
}

TEST_CASE("a function that fails within fit is the one that is named") {
  Scripted scripted;
  scripted.tuner->conditioning = [&]() -> Conditioning {
    if (scripted.tuner->calls++ > 4)
      throw 42;
    return {scripted.tuner->prompt};
  };
  const FitReport report = scripted.fit(9);
  CHECK(holds(report.failure,
              "plugin \"shop\", component \"scripted\", condition: it threw an object that is not a "
              "std::exception"));
  CHECK(report.steps > 0);
  CHECK(report.best_step == report.steps);
}

TEST_CASE("several updates of one weight add up, and several rescalings multiply, as the header says") {
  Scripted scripted;
  const LinearLayer& layer = scripted.model.backbone().linear_layers().back();
  const at::Tensor a = at::ones({1, layer.in}) * 0.1, b = at::ones({layer.out, 1}) * 0.1;
  const auto probabilities = [&](const std::vector<double>& scales, const std::vector<double>& factors) {
    scripted.tuner->conditioning = [&]() {
      Conditioning conditioning{scripted.tuner->prompt};
      for (const double scale : scales)
        conditioning.low_rank.push_back({layer.weight, a, b, scale, 0});
      for (const double factor : factors)
        conditioning.rescalings.push_back({layer.weight, at::full({layer.out}, factor), false});
      return conditioning;
    };
    const std::vector<Example> examples = word_examples(1, 3);
    return Predictor(scripted.model, {&scripted.pipeline})
        .predict(pointers(examples))
        .at(0)
        .decision.probabilities;
  };
  const std::vector<double> twice = probabilities({1, 2}, {2, 3}), once = probabilities({3}, {6});
  REQUIRE(twice.size() == 2);
  CHECK(twice[0] == doctest::Approx(once[0]).epsilon(1e-4));
  CHECK(twice[0] != doctest::Approx(probabilities({1}, {2})[0]).epsilon(1e-4));
}

TEST_CASE("wrong settings that only the tuner knows name it") {
  Scripted scripted;
  scripted.tuner->conditioning = []() -> Conditioning { throw UsageError("length is odd; make it even."); };
  CHECK_THROWS_WITH_AS(scripted.predict(),
                       "tuner \"scripted\" of the plugin \"shop\": length is odd; make it even.", UsageError);
}

TEST_CASE("wrong prompts name the tuner") {
  using Change = std::function<void(std::vector<Prompt>&)>;
  const auto placing = [](Piece piece) -> Change {
    return [piece](std::vector<Prompt>& prompts) { prompts[0].prepended.push_back(piece); };
  };
  Piece unknown = Piece::text_of("x"), led = Piece::text_of("x");
  unknown.kind = static_cast<Piece::Kind>(77);
  led.lead = 50;
  Piece late = Piece::soft_slot(0), late_text = Piece::text_of("x");
  late.first_layer = late_text.first_layer = 1;
  const std::vector<std::pair<std::string, Change>> cases{
      {"edit: it removed all prompts of the example; expected to leave at least one",
       [](auto& prompts) { prompts.clear(); }},
      {"edit: it left a prompt with the variant -1; expected a number from 0",
       [](auto& prompts) { prompts[0].variant = -1; }},
      {"edit: it left a prompt with the choice 1; expected a number from 0 that is below the number of prompts, 1",
       [](auto& prompts) { prompts[0].choice = 1; }},
      {"edit: it left two prompts with the variant 0 and the choice 0",
       [](auto& prompts) { prompts.push_back(prompts[0]); }},
      {"edit: it placed a piece of the segment -1 in the prompt; expected a number from 0",
       [](auto& prompts) { prompts[0].input[0].segment = -1; }},
      {"condition: it returned embeddings of 3 soft slots; expected at least 101",
       [](auto& prompts) { prompts[0].prepended[0].slot = 100; }},
      {"edit: it placed the soft slot -1 in the prompt; expected a number from 0",
       placing(Piece::soft_slot(-1))},
      {"edit: it placed the trigger slot 5 in the prompt; expected none, because the template has no trigger slot",
       placing(Piece::trigger_slot(5))},
      {"edit: it placed the special token \"nonsense\" in the prompt",
       placing(Piece::special_token("nonsense"))},
      {"edit: it placed a piece of the unknown kind 77", placing(unknown)},
      {"edit: it placed a piece whose lead is 50 bytes in the prompt; expected 0 to 1", placing(led)},
      {"edit: it placed a piece that enters at layer 1 (Piece::first_layer) as number 4 of Prompt::prepended, after one "
       "that enters at layer 0; expected late soft slots first",
       placing(late)},
      {"edit: it placed a piece that enters at layer 1 (Piece::first_layer) and is no soft slot; expected soft slots only",
       placing(late_text)},
      {"edit: it placed a piece that enters at layer 2 (Piece::first_layer) after one that enters at layer 1; expected "
       "late soft slots all with the same layer",
       [](auto& prompts) {
         prompts[0].prepended[0].first_layer = 1;
         prompts[0].prepended[1].first_layer = 2;
       }},
      {"edit: it left a prompt with 0 answer slots; expected 1",
       [](auto& prompts) {
         std::erase_if(prompts[0].input, [](const Piece& piece) { return piece.kind == Piece::Kind::answer; });
       }},
      {"edit: it left a prompt with 2 answer slots; expected 1", placing(Piece::answer_slot(0))},
      {"edit: it left pieces in Prompt::output; the model has one stack, expected none",
       [](auto& prompts) { prompts[0].output.push_back(Piece::text_of("x")); }},
      {"edit: it placed a text that is not valid UTF-8 in the prompt; expected UTF-8",
       placing(Piece::text_of("\xff\xfe"))}};
  for (const auto& [expected, change] : cases) {
    CAPTURE(expected);
    Scripted scripted;
    scripted.tuner->change = change;
    CHECK(holds(blamed([&] { scripted.predict(); }), expected));
  }
}

TEST_CASE("trigger tokens are as many as the template's trigger slots") {
  Scripted scripted;
  scripted.tuner->conditioning = [&] {
    Conditioning conditioning{scripted.tuner->prompt};
    conditioning.triggers = at::zeros({2}, at::kLong);
    return conditioning;
  };
  CHECK(holds(blamed([&] { scripted.predict(); }),
              "condition: it returned 2 trigger tokens for a template with 0 trigger slots; "
              "expected one for each slot"));
}

TEST_CASE("features of the input exist, and the embeddings are as many as they say") {
  Scripted scripted;
  scripted.tuner->features = {InputFeatures::Kind::hidden_state, 77, slots};
  CHECK(holds(blamed([&] { scripted.pipeline.tuner->input_features(); }),
              "input_features: it requests the hidden states after 77 layers of a model of " +
                  std::to_string(scripted.model.shape().layers)));
  scripted.tuner->features = {InputFeatures::Kind::mean_embedding, -1, slots + 1};
  scripted.tuner->conditioning = [&] {
    return Conditioning{scripted.tuner->prompt.unsqueeze(0).expand({2, -1, -1})};
  };
  CHECK(holds(blamed([&] {
                scripted.pipeline.tuner->condition({0, {}, at::zeros({2, scripted.width})});
              }),
              "condition: it returned embeddings of shape [2, 3, " + std::to_string(scripted.width) +
                  "]; expected [2, 4, " + std::to_string(scripted.width) + "]"));
}

TEST_CASE("a conditioning without gradients names the tuner, not the optimizer") {
  Scripted scripted;
  scripted.tuner->conditioning = [&] { return Conditioning{scripted.tuner->prompt.detach()}; };
  CHECK(holds(blamed([&] { scripted.fit(); }),
              "condition: it returned no tensor that requires a gradient, although `parameters` has tensors"));
}
