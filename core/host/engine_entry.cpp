/// The library's one exported function.
#include <iostream>
#include <map>

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

} // namespace

} // namespace cuecard::host

extern "C" CUECARD_API int cuecard_run(const cuecard::host::CuecardCall* call) {
  using namespace cuecard::host;
  try {
    handle_interrupts();
    const int code = runs.at(call->verb)(Values(*call));
    std::cout.flush();
    return code;
  } catch (...) {
    std::cout.flush(); // what was answered before the error stands before it
    return report_failure();
  }
}
