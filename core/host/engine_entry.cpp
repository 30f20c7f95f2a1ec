/// The function that the program calls. The others that the library exports are those of cuecard.h (core/embedding).
#include <iostream>
#include <map>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cuecard/export.hpp>

#include "host/crash.hpp"
#include "host/interrupt.hpp"
#include "host/verbs/verbs.hpp"
#include "program/call.hpp"
#include "program/failure.hpp"
#include "program/values.hpp"

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
    {"serve", serve},
    {"tokenize", tokenize},
    {"model info", model_info},
    {"model convert", model_convert},
    {"card info", card_info},
    {"card import", card_import},
    {"card export", card_export},
    {"plugin check", plugin_check},
    {"plugin probe-child", probe_child},
    {"doctor-child", doctor_child},
};

/// Each batch allocates the same tensors as the one before. Memory returned to the system in between has to be
/// cleared by the kernel again, which was measured as 4% of the time of an evaluation and 7% of generation.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20); // glibc's maximum
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

} // namespace

} // namespace cuecard::host

extern "C" CUECARD_API int cuecard_run(const cuecard::host::CuecardCall* call) {
  using namespace cuecard::host;
  try {
    handle_interrupts();
    report_plugin_crashes();
    keep_freed_memory();
    const int code = runs.at(call->verb)(Values(*call));
    std::cout.flush();
    return code;
  } catch (...) {
    std::cout.flush(); // output that preceded the error must come before its message
    return report_failure();
  }
}
