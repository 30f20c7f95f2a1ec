/// The Scorer that verbalizers and tuners receive.
#pragma once

#include <memory>

#include <cuecard/scorer.hpp>

#include "engine/generate/text_writer.hpp"
#include "engine/predict/batch_runner.hpp"

namespace cuecard {

/// For the first pipeline of `runner`. Both must outlive it.
std::unique_ptr<Scorer> make_scorer(BatchRunner& runner, TextWriter& writer);

} // namespace cuecard
