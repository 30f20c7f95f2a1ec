#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "host/input/input_loop.hpp"
#include "host/interrupt.hpp"

using namespace cuecard;
using namespace cuecard::host;

namespace {

/// Inputs of these lengths in bytes.
class Inputs final : public InputRows {
public:
  explicit Inputs(std::vector<std::size_t> lengths) : lengths_(std::move(lengths)) {}

  std::vector<InputRow> next(std::size_t most) override {
    std::vector<InputRow> rows;
    for (; rows.size() < most && at_ < lengths_.size(); ++at_) {
      rows.emplace_back().example.fields["text"] = std::string(lengths_[at_], 'a');
      if (lengths_[at_] == 0)
        rows.back().problem = "the line is empty";
    }
    return rows;
  }

private:
  std::vector<std::size_t> lengths_;
  std::size_t at_ = 0;
};

/// What happened, in order: "run N" of N examples, "print I", "skip I".
std::string events(std::vector<std::size_t> lengths, const CuecardCall& call, int64_t batches = 1) {
  handle_interrupts();
  const Interruptible work;
  const Values values(call);
  Inputs inputs(std::move(lengths));
  std::string log;
  InputLoop loop(values, inputs, batches);
  loop.run({.run =
                [&](const std::vector<const Example*>& examples) {
                  log += " run " + std::to_string(examples.size());
                  return ExampleNotes(examples.size());
                },
            .print = [&](int64_t number, const InputRow&,
                         std::size_t) { log += " print " + std::to_string(number); },
            .skip = [&](int64_t number, const InputRow&,
                        const std::string&) { log += " skip " + std::to_string(number); }});
  return log.substr(1);
}

CuecardCall call_of(const std::string& batch_size, const std::string& batch_tokens) {
  return {"predict", {{"quiet", {"true"}}, {"batch-size", {batch_size}}, {"batch-tokens", {batch_tokens}}}};
}

} // namespace

TEST_CASE("a long input is run by itself, when what came before it has been printed") {
  CHECK(events({40, 40, 40000, 40, 40}, call_of("32", "1000")) ==
        "run 2 print 0 print 1 run 1 print 2 run 2 print 3 print 4");
  CHECK(events({40000, 40000}, call_of("32", "1000")) == "run 1 print 0 run 1 print 1");
}

TEST_CASE("short inputs are run in batches of the given size") {
  CHECK(events({40, 40, 40}, call_of("2", "1000")) == "run 2 print 0 print 1 run 1 print 2");
  CHECK(events({40, 40, 40}, call_of("1", "1000"), 4) == "run 3 print 0 print 1 print 2");
}

TEST_CASE("an input that can't be used keeps its place") {
  CHECK(events({40, 0, 40}, call_of("32", "1000")) == "run 2 print 0 skip 1 print 2");
}

TEST_CASE("a verb without batches runs some inputs at a time, whatever their length") {
  CHECK(events({40000, 40000}, {"render", {{"quiet", {"true"}}}}) == "run 2 print 0 print 1");
}
