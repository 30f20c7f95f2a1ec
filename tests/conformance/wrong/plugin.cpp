// A plugin with a component of every kind, which is right, or does the one thing wrong that CUECARD_WRONG names: for each case of
// `cuecard plugin check` there is a fault that it must find (tests/conformance/faults.json).
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include <unistd.h>

#include <cuecard/parts/template/grammar_template_options.hpp>
#include <cuecard/register.hpp>

#include "wrong_backbone.hpp"
#include "wrong_pairs.hpp"
#include "wrong_search.hpp"
#include "wrong_template.hpp"
#include "wrong_tuner.hpp"
#include "wrong_verbalizer.hpp"

namespace {

constexpr cuecard_option_v1 tuner_options[] = {
    cuecard::integer_option("length", "4", 1, 64, "Number of virtual tokens.", "arbitrary"),
};

constexpr cuecard_option_v1 template_options[] = {
    cuecard::template_text_option,
    cuecard::predict_eos_option,
    cuecard::encoder_decoder_option,
    cuecard::chat_format_option,
};

#ifndef WRONG_TUNER_VERSION
#define WRONG_TUNER_VERSION CUECARD_TUNER_VERSION
#endif

constexpr cuecard_component_v1 tuner() {
  cuecard_component_v1 tuner =
      cuecard::tuner<wrong::Tuner>("wrong", "A soft prompt.", CUECARD_TRAINS_TENSORS, tuner_options);
  tuner.kind_version = WRONG_TUNER_VERSION;
  return tuner;
}

constexpr cuecard_component_v1 components[] = {
    tuner(),
    cuecard::tuner<wrong::Search>("wrong-search", "A soft prompt, found without gradients.",
                                  CUECARD_TRAINS_TENSORS, tuner_options),
    cuecard::verbalizer<wrong::Verbalizer>("wrong", "Mean logits of label words.", CUECARD_TRAINS_NOTHING),
    cuecard::prompt_template<wrong::Template>("wrong", "The SDK's template.", template_options),
    cuecard::backbone<wrong::Backbone>("wrong", "A small decoder.", "wrong"),
    cuecard::backbone<wrong::Pairs>("wrong-pairs", "A small encoder-decoder.", "wrong-pairs"),
};

/// What a plugin must not do while it is loaded.
const struct AtLoad {
  AtLoad() {
    using wrong::has;
    if (has("works-at-load")) {
      const std::clock_t begin = std::clock();
      while (std::clock() - begin < CLOCKS_PER_SEC / 5) {
      }
    }
    if (has("prints-at-load"))
      std::puts("hello");
    if (has("sets-a-variable"))
      ::setenv("CUECARD_WRONG_WAS_HERE", "1", 1);
    if (has("sets-the-locale"))
      std::setlocale(LC_ALL, "C.UTF-8");
    if (has("handles-a-signal"))
      std::signal(SIGUSR1, SIG_IGN);
    if (has("blocks-a-signal")) {
      sigset_t mask;
      sigemptyset(&mask);
      sigaddset(&mask, SIGUSR2);
      ::sigprocmask(SIG_BLOCK, &mask, nullptr);
    }
    if (has("starts-a-thread"))
      std::thread([] { ::pause(); }).detach();
    if (has("crashes-at-load"))
      std::abort();
  }
} at_load;

} // namespace

#ifndef WRONG_ID
#define WRONG_ID "wrong"
#endif
CUECARD_PLUGIN(WRONG_ID, "1.0.0", "Apache-2.0", "", components)
