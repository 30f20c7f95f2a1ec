// The case "tuner-memory": the memory of a run does not grow with its steps.
#include <malloc.h>

#include "conformance/cases/tuner/observed_tuner.hpp"
#include "conformance/cases/tuner/tuner_cases.hpp"
#include "conformance/planted_task.hpp"

namespace cuecard::conformance {

namespace {

constexpr int64_t rows_of_task = 4, warm = 20, rounds = 120;
/// The growth allowed for that many rounds: the engine's own list of losses and allocator overhead (12 kB in 60 rounds, 16 kB in
/// 600), but less than one tensor per round, for which LibTorch allocates more than 300 bytes.
constexpr int64_t most = rounds * 200;

int64_t allocated_bytes() {
  const struct mallinfo2 memory = ::mallinfo2();
  return static_cast<int64_t>(memory.uordblks + memory.hblkhd);
}

void check_growth(const char* what, int64_t before, int64_t after) {
  require(after < before + most, std::to_string(rounds) + " " + what + " leave " +
                                     std::to_string(after - before) +
                                     " bytes allocated: a tensor, or the graph of a gradient, is kept.");
}

void check_training(const Subject& subject, const Model& model, const std::vector<Example>& rows) {
  TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  int64_t before = 0, after = 0;
  Observer observer;
  observer.step = [&](int64_t step) {
    if (step == warm)
      before = allocated_bytes();
    if (step == warm + rounds)
      after = allocated_bytes();
  };
  pipeline.tuner = observed_tuner(pipeline.tuner, observer);
  trained(model, pipeline, rows, short_training(warm + rounds + 1, rows_of_task), subject.seed);
  check_growth("steps of training", before, after);
}

void check_predictions(const Subject& subject, const Model& model, const std::vector<Example>& rows) {
  const TaskPipeline pipeline = planted_pipeline(subject, model, planted_with(subject), rows);
  const auto predict = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      predictions(model, pipeline, rows);
  };
  predict(warm);
  const int64_t before = allocated_bytes();
  predict(rounds);
  check_growth("predictions", before, allocated_bytes());
}

} // namespace

std::string tuner_memory(const Subject& subject) {
  return for_each_model(subject, [&](const Model& model, const Family&) {
    const std::vector<Example> rows = planted_rows(rows_of_task, subject.seed);
    if (trains_by_gradient(subject))
      check_training(subject, model, rows);
    check_predictions(subject, model, rows);
  });
}

} // namespace cuecard::conformance
