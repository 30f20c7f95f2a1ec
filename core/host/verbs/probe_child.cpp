#include "registry/probe.hpp"

#include "host/verbs/verbs.hpp"

namespace cuecard::host {

int probe_child(const Values& values) {
  return registry::probe_child(values.text("file").c_str());
}

} // namespace cuecard::host
