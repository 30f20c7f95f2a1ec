/// Options of the classifier, and the fakes of this plugin's tests.
#pragma once

#include <cuecard/options.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_vocabulary.hpp>

namespace cuecard::head {

inline Options classifier_options(double dropout = 0) {
  Options options;
  options.set("dropout", dropout);
  options.set("lr-scale", 2.0);
  return options;
}

} // namespace cuecard::head
