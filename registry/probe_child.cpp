#include "probe.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <optional>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "judge.hpp"
#include "library.hpp"
#include "manifest/sidecar.hpp"
#include "opening_watch.hpp"

namespace cuecard::registry {

namespace {

namespace fs = std::filesystem;

constexpr int exit_rejected = 4;

int answer_descriptor = -1;
std::string* opened_file = nullptr;

int answer(bool ok, const std::string& text) {
  const nlohmann::json json{{"ok", ok}, {"text", text}};
  const std::string line = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const bool written =
      ::write(answer_descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  return ok && written ? 0 : exit_rejected;
}

[[noreturn]] void on_terminate() {
  const std::string text = thrown_text();
  if (text.empty())
    std::abort();
  ::_exit(answer(false, *opened_file + ": one of its static initialisers threw: " + text + "."));
}

/// Redirects standard output to standard error, so that only the answer reaches the caller.
void redirect_standard_output() {
  answer_descriptor = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

} // namespace

int probe_child(const char* name) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  redirect_standard_output();
  std::error_code error;
  const fs::path file = fs::canonical(name, error);
  opened_file = new std::string(error ? name : file.string());
  if (error)
    return answer(false, *opened_file + ": there is no such file.");
  if (file.extension() == ".json")
    return answer(false, *opened_file + ": is not a plugin library; give the .so file.");
  std::set_terminate(on_terminate);
  try {
    const fs::path sidecar = fs::path(file).replace_extension(".json");
    std::optional<Manifest> expected;
    if (fs::exists(sidecar, error))
      expected = read_sidecar(sidecar);
    const Manifest found = Library::load_for_probe(file, expected ? &*expected : nullptr);
    for (const ComponentInfo& component : found.components)
      if (const std::string mismatch = interface_mismatch(component, file.string()); !mismatch.empty())
        return answer(false, mismatch);
    return answer(true, "plugin \"" + found.id + "\" " + found.version +
                            " loads and is compatible with this host" +
                            (expected ? "." : "; it has no sidecar."));
  } catch (const Error& rejection) {
    return answer(false, rejection.what());
  } catch (const std::exception& failure) {
    return answer(false, *opened_file + ": " + failure.what());
  }
}

} // namespace cuecard::registry
