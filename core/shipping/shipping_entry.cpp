/// The function that the program calls.
#include <iostream>
#include <map>

#include <cuecard/export.hpp>

#include "program/call.hpp"
#include "program/failure.hpp"
#include "program/values.hpp"
#include "shipping/verbs/verbs.hpp"

namespace cuecard::shipping {

namespace {

using Run = int (*)(const host::Values&);

const std::map<std::string, Run> runs = {
    {"plugin pack", pack},     {"plugin key", key},         {"plugin index", index},
    {"plugin search", search}, {"plugin install", install}, {"plugin upgrade", upgrade},
    {"plugin remove", remove}, {"plugin verify", verify},
};

} // namespace

} // namespace cuecard::shipping

extern "C" CUECARD_API int cuecard_ship(const cuecard::host::CuecardCall* call) {
  try {
    const int code = cuecard::shipping::runs.at(call->verb)(cuecard::host::Values(*call));
    std::cout.flush();
    return code;
  } catch (...) {
    std::cout.flush();
    return cuecard::host::report_failure();
  }
}
