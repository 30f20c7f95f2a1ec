#include <cuecard/parts/training/fit_defaults.hpp>

#include <doctest/doctest.h>

using cuecard::filled_in;
using cuecard::FitRequest;

namespace {

FitRequest complete() {
  FitRequest request;
  request.learning_rate = 0.1;
  request.batch_size = 2;
  request.batch_tokens = 3;
  request.warmup = 0.4;
  request.clip = 5;
  request.evaluate_every = 6;
  request.patience = 7;
  request.optimizer = "adam";
  request.schedule = "cosine";
  request.decay = 0.8;
  return request;
}

} // namespace

TEST_CASE("empty fields are filled in, given ones stay") {
  const FitRequest usual = complete();
  const FitRequest filled = filled_in({}, usual);
  CHECK(filled.learning_rate == 0.1);
  CHECK(filled.batch_size == 2);
  CHECK(filled.batch_tokens == 3);
  CHECK(filled.warmup == 0.4);
  CHECK(filled.clip == 5);
  CHECK(filled.evaluate_every == 6);
  CHECK(filled.patience == 7);
  CHECK(filled.optimizer == "adam");
  CHECK(filled.schedule == "cosine");
  CHECK(filled.decay == 0.8);

  FitRequest given;
  given.learning_rate = 9;
  given.clip = 0;
  given.schedule = "constant";
  const FitRequest kept = filled_in(given, usual);
  CHECK(kept.learning_rate == 9);
  CHECK(kept.clip == 0);
  CHECK(kept.schedule == "constant");
  CHECK(kept.batch_size == 2);

  const FitRequest nothing = filled_in({}, {});
  CHECK_FALSE(nothing.learning_rate);
  CHECK_FALSE(nothing.steps);
}

TEST_CASE("the length of a run is one setting") {
  FitRequest usual;
  usual.epochs = 5;
  usual.min_steps = 100;
  const FitRequest filled = filled_in({}, usual);
  CHECK(filled.epochs == 5);
  CHECK(filled.min_steps == 100);

  FitRequest steps;
  steps.steps = 7;
  CHECK(filled_in(steps, usual).steps == 7);
  CHECK_FALSE(filled_in(steps, usual).epochs);
  CHECK_FALSE(filled_in(steps, usual).min_steps);

  FitRequest epochs;
  epochs.epochs = 2;
  CHECK(filled_in(epochs, usual).epochs == 2);
  CHECK_FALSE(filled_in(epochs, usual).min_steps);

  usual = {};
  usual.steps = 250;
  CHECK_FALSE(filled_in(epochs, usual).steps);
}
