/// Minimal host process, so that tests can observe how it ends.
///
///   abi-child probe-child FILE     the child's side of a probe
///   abi-child use FOLDER NAME      creates a tuner from a folder; exit code as the host's
#include <cstdio>
#include <cstring>

#include <cuecard/error.hpp>

#include "calls.hpp"
#include "registry/probe.hpp"
#include "registry/registry.hpp"

namespace {

int use(const char* folder, const char* name) {
  try {
    cuecard::registry::SearchPath search;
    search.add(folder, "test");
    Calls calls;
    cuecard::registry::create(cuecard::registry::Registry::scan(search).find(CUECARD_TUNER, name), &calls);
    return calls.created == 1 && calls.destroyed == 1 ? 0 : 1;
  } catch (const cuecard::Error& error) {
    std::fprintf(stderr, "cuecard: %s\n", error.what());
    return error.kind() == cuecard::Error::Kind::usage    ? 2
           : error.kind() == cuecard::Error::Kind::plugin ? 4
                                                          : 1;
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "probe-child") == 0)
    return cuecard::registry::probe_child(argv[2]);
  if (argc == 4 && std::strcmp(argv[1], "use") == 0)
    return use(argv[2], argv[3]);
  return 2;
}
