// A template without a text of the task's, and a tuner that is not trained: its state is the contents of what its options name, the text of a file and the
// state of a card's tuner. A file that holds "replaces NAME" makes it replace the weight of that name by another one.
#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/register.hpp>
#include <cuecard/tuner.hpp>

namespace {

class Naming final : public cuecard::Tuner {
public:
  explicit Naming(const cuecard::Options& options) { state_.texts["path"] = options.text("words"); }
  void prepare(const cuecard::Problem& problem) override {
    first_ = problem.backbone.weights().begin()->second;
    if (const auto words = problem.files.find("words"); words != problem.files.end())
      state_.texts["words"] = words->second;
    if (const auto start = problem.cards.find("start"); start != problem.cards.end())
      state_.tensors = start->second.tensors;
    state_.texts["given"] =
        std::to_string(problem.files.size()) + " and " + std::to_string(problem.cards.size());
  }
  cuecard::TensorMap replaced_weights() const override {
    const std::string replaces = "replaces ";
    const auto words = state_.texts.find("words");
    if (words == state_.texts.end() || !words->second.starts_with(replaces))
      return {};
    return {{words->second.substr(replaces.size()), first_}};
  }
  cuecard::Conditioning condition(const cuecard::ConditionArgs&) const override { return {}; }
  cuecard::ComponentState state(int64_t) const override { return state_; }
  void load_state(const cuecard::ComponentState& state) override {
    const std::string given = state_.texts["given"];
    state_ = state;
    state_.texts["given"] = given;
  }

private:
  cuecard::ComponentState state_;
  at::Tensor first_; ///< of the model's weights
};

/// A template whose text is its own.
class Fixed final : public cuecard::GrammarTemplate {
public:
  explicit Fixed(const cuecard::Options&)
      : GrammarTemplate(cuecard::GrammarTemplateSettings{"{text} It was{\"mask\"}", false, "auto", "auto"}) {}
};

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option("words", "Words.", "this test"),
    cuecard::card_option("start", "Where to start.", "this test"),
};
constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<Naming>("naming", "The contents of what its options name.", CUECARD_TRAINS_TENSORS, options),
    cuecard::prompt_template<Fixed>("fixed", "A template whose text is its own."),
};

} // namespace

CUECARD_PLUGIN("naming", "1.0.0", "Apache-2.0", "", components)
