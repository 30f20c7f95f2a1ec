// A tuner that learns nothing but what its options name: the text of a file and what a card's tuner learned.
#include <cuecard/register.hpp>
#include <cuecard/tuner.hpp>

namespace {

class Naming final : public cuecard::Tuner {
public:
  explicit Naming(const cuecard::Options& options) { learned_.texts["path"] = options.text("words"); }
  void prepare(const cuecard::Problem& problem) override {
    if (const auto words = problem.files.find("words"); words != problem.files.end())
      learned_.texts["words"] = words->second;
    if (const auto start = problem.cards.find("start"); start != problem.cards.end())
      learned_.tensors = start->second.tensors;
    learned_.texts["given"] =
        std::to_string(problem.files.size()) + " and " + std::to_string(problem.cards.size());
  }
  cuecard::Conditioning condition(int64_t, const cuecard::Pass&) const override { return {}; }
  cuecard::Learned export_learned(int64_t) const override { return learned_; }
  void import_learned(const cuecard::Learned& learned) override {
    const std::string given = learned_.texts["given"];
    learned_ = learned;
    learned_.texts["given"] = given;
  }

private:
  cuecard::Learned learned_;
};

constexpr cuecard_option_v1 options[] = {
    cuecard::file_option("words", "Words.", "this test"),
    cuecard::card_option("start", "Where to start.", "this test"),
};
constexpr cuecard_component_v1 components[] = {
    cuecard::tuner<Naming>("naming", "What its options name.", CUECARD_LEARNS_TENSORS, options),
};

} // namespace

CUECARD_PLUGIN("naming", "1.0.0", "Apache-2.0", "", components)
