// A tuner that is not trained: its state is the contents of what its options name, the text of a file and the
// state of a card's tuner.
#include <cuecard/register.hpp>
#include <cuecard/tuner.hpp>

namespace {

class Naming final : public cuecard::Tuner {
public:
  explicit Naming(const cuecard::Options& options) { state_.texts["path"] = options.text("words"); }
  void prepare(const cuecard::Problem& problem) override {
    if (const auto words = problem.files.find("words"); words != problem.files.end())
      state_.texts["words"] = words->second;
    if (const auto start = problem.cards.find("start"); start != problem.cards.end())
      state_.tensors = start->second.tensors;
    state_.texts["given"] =
        std::to_string(problem.files.size()) + " and " + std::to_string(problem.cards.size());
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
};

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option("words", "Words.", "this test"),
    cuecard::card_option("start", "Where to start.", "this test"),
};
constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<Naming>("naming", "The contents of what its options name.", CUECARD_TRAINS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("naming", "1.0.0", "Apache-2.0", "", components)
