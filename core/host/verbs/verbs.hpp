/// The verbs that need the engine; each returns the exit code and throws cuecard's errors.
#pragma once

#include "program/values.hpp"

namespace cuecard::host {

int train(const Values& values);
int compare_tuners(const Values& values);
int report(const Values& values);
int eval(const Values& values);
int predict(const Values& values);
int fill(const Values& values);
int generate(const Values& values);
int render(const Values& values);
int serve(const Values& values);
int tokenize(const Values& values);
int model_info(const Values& values);
int model_convert(const Values& values);
int card_info(const Values& values);
int card_import(const Values& values);
int card_export(const Values& values);
/// The conformance kit, on one plugin.
int plugin_check(const Values& values);
/// The child process of `plugin probe`: plugins need the SDK's library, which is loaded with the engine.
int probe_child(const Values& values);
/// The child process of `doctor`: what can't be looked at without LibTorch.
int doctor_child(const Values& values);

} // namespace cuecard::host
