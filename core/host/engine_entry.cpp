/// The library's one exported function.
#include <iostream>
#include <map>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cuecard/export.hpp>

#include "host/call.hpp"
#include "host/failure.hpp"
#include "host/interrupt.hpp"
#include "host/values.hpp"
#include "host/verbs/verbs.hpp"

namespace cuecard::host {

namespace {

using Run = int (*)(const Values&);

const std::map<std::string, Run> runs = {
    {"train", train},
    {"eval", eval},
    {"compare", compare_tuners},
    {"report", report},
    {"predict", predict},
    {"fill", fill},
    {"generate", generate},
    {"render", render},
    {"tokenize", tokenize},
    {"model info", model_info},
    {"model convert", model_convert},
    {"card info", card_info},
    {"card import", card_import},
    {"card export", card_export},
    {"plugin probe-child", probe_child},
};

/// Each batch asks for the same tensors as the last. Memory given back to the system in between comes again as
/// pages that the kernel clears: measured, 4% of an evaluation and 7% of generation.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20); // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

} // namespace

} // namespace cuecard::host

extern "C" CUECARD_API int cuecard_run(const cuecard::host::CuecardCall* call) {
  using namespace cuecard::host;
  try {
    handle_interrupts();
    keep_freed_memory();
    const int code = runs.at(call->verb)(Values(*call));
    std::cout.flush();
    return code;
  } catch (...) {
    std::cout.flush(); // what was answered before the error stands before it
    return report_failure();
  }
}
