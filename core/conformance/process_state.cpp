#include "conformance/process_state.hpp"

#include <algorithm>
#include <cfenv>
#include <clocale>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <c10/core/DefaultDtype.h>

#include "registry/guard.hpp"

namespace cuecard::conformance {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** each = environ; each && *each; ++each)
    variables.emplace_back(*each);
  std::ranges::sort(variables);
  return variables;
}

unsigned file_mask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

std::array<void (*)(int), 65> handlers() {
  std::array<void (*)(int), 65> found{};
  for (int number = 1; number < static_cast<int>(found.size()); ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0)
      found[static_cast<std::size_t>(number)] = action.sa_handler;
  }
  return found;
}

std::array<bool, 65> blocked() {
  std::array<bool, 65> found{};
  sigset_t mask;
  if (::pthread_sigmask(SIG_BLOCK, nullptr, &mask) == 0)
    for (int number = 1; number < static_cast<int>(found.size()); ++number)
      found[static_cast<std::size_t>(number)] = ::sigismember(&mask, number) == 1;
  return found;
}

int64_t running_threads() {
  std::error_code unreadable;
  return std::distance(fs::directory_iterator("/proc/self/task", unreadable), fs::directory_iterator());
}

/// The first variable that only one side has, or that differs.
std::string changed_variable(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::vector<std::string> changed;
  std::ranges::set_symmetric_difference(before, after, std::back_inserter(changed));
  return changed.empty() ? "" : changed[0].substr(0, changed[0].find('='));
}

std::string signal_name(std::size_t number) {
  const char* name = ::sigabbrev_np(static_cast<int>(number));
  return name ? "SIG" + std::string(name) : "signal " + std::to_string(number);
}

std::string beginning(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  return registry::sentence_of(text.substr(0, 80));
}

} // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  state.environment = conformance::environment();
  const char* locale = std::setlocale(LC_ALL, nullptr);
  state.locale = locale ? locale : "";
  std::error_code unreadable;
  state.folder = fs::current_path(unreadable).string();
  state.file_mask = conformance::file_mask();
  state.rounding = std::fegetround();
  state.flushes = (_mm_getcsr() & 0x8040u) != 0; // flush to zero, and denormals are zero
  state.torch_threads = at::get_num_threads();
  state.gradients = at::GradMode::is_enabled();
  state.deterministic = at::globalContext().deterministicAlgorithms();
  state.scalar_type = std::string(c10::get_default_dtype().name());
  state.generator = at::detail::getDefaultCPUGenerator().get_state();
  state.handlers = conformance::handlers();
  state.blocked = conformance::blocked();
  state.terminate = std::get_terminate();
  state.threads = running_threads();
  return state;
}

std::string difference(const ProcessState& before, const ProcessState& after) {
  const auto from_to = [](const std::string& a, const std::string& b) {
    return " (from " + a + " to " + b + ")";
  };
  const auto number = [](auto n) { return std::to_string(n); };
  if (const std::string name = changed_variable(before.environment, after.environment); !name.empty())
    return "the environment variable " + name;
  if (before.locale != after.locale)
    return "the locale" + from_to("\"" + before.locale + "\"", "\"" + after.locale + "\"");
  if (before.folder != after.folder)
    return "the working directory" + from_to(before.folder, after.folder);
  if (before.file_mask != after.file_mask)
    return "the mask of file modes (umask)";
  if (before.rounding != after.rounding)
    return "the rounding mode of floating-point numbers";
  if (before.flushes != after.flushes)
    return "how floating-point numbers near 0 are computed (flush to zero)";
  if (before.torch_threads != after.torch_threads)
    return "the number of LibTorch's threads" +
           from_to(number(before.torch_threads), number(after.torch_threads));
  if (before.gradients != after.gradients)
    return "whether LibTorch records gradients";
  if (before.deterministic != after.deterministic)
    return "whether LibTorch uses deterministic algorithms";
  if (before.scalar_type != after.scalar_type)
    return "LibTorch's default type of numbers" + from_to(before.scalar_type, after.scalar_type);
  if (!at::equal(before.generator, after.generator))
    return "LibTorch's random numbers; random numbers come from cuecard::Random(seed, stream)";
  for (std::size_t i = 0; i < before.handlers.size(); ++i)
    if (before.handlers[i] != after.handlers[i])
      return "the handler of " + signal_name(i);
  for (std::size_t i = 0; i < before.blocked.size(); ++i)
    if (before.blocked[i] != after.blocked[i])
      return std::string("the signal mask: ") + signal_name(i) + " is " +
             (after.blocked[i] ? "blocked" : "no longer blocked");
  if (before.terminate != after.terminate)
    return "the handler of std::terminate";
  if (before.threads != after.threads)
    return "the number of running threads" + from_to(number(before.threads), number(after.threads));
  return "";
}

std::string written(const std::string& output_file, const std::string& errors_file) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  if (const std::string text = beginning(output_file); !text.empty())
    return "\"" + text + "\" to standard output";
  if (const std::string text = beginning(errors_file); !text.empty())
    return "\"" + text + "\" to standard error";
  return "";
}

} // namespace cuecard::conformance
