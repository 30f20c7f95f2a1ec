#include "finding.hpp"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

namespace cuecard::fuzz {

namespace {

/// CPU seconds before SIGPROF; the driver reports shorter delays itself, once the input has run.
constexpr itimerval hang_limit{{0, 0}, {20, 0}};
const std::string* current_input = nullptr;
std::string name;

/// FNV-1a, so that repeated findings get the same name.
uint64_t digest(const std::string& bytes) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

/// Async-signal-safe except for snprintf, which doesn't allocate here.
void save_input() {
  if (!current_input)
    return;
  char path[256];
  std::snprintf(path, sizeof path, "finding-%s-%016llx", name.c_str(),
                static_cast<unsigned long long>(digest(*current_input)));
  const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const bool written = file >= 0 && ::write(file, current_input->data(), current_input->size()) ==
                                        static_cast<ssize_t>(current_input->size());
  ::close(file);
  char line[512];
  const int length = std::snprintf(line, sizeof line, "%s: input of %zu bytes %s %s\n", name.c_str(),
                                   current_input->size(), written ? "saved as" : "could not be saved as", path);
  if (length > 0 && ::write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0)
    return;
  current_input = nullptr; // only once
}

void on_signal(int number) {
  save_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

} // namespace

#ifdef __SANITIZE_ADDRESS__
extern "C" void __sanitizer_set_death_callback(void (*callback)());
/// Read by ASan; extended by the environment variable ASAN_OPTIONS.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=64:allocator_may_return_null=0:detect_leaks=0";
}
#endif

void install_handlers(const std::string& program) {
  name = program;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_death_callback(save_input);
  const int signals[] = {SIGABRT, SIGPROF};
#else
  const int signals[] = {SIGABRT, SIGPROF, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#endif
  for (const int number : signals)
    std::signal(number, on_signal);
}

void watch(const std::string& bytes) {
  current_input = &bytes;
  ::setitimer(ITIMER_PROF, &hang_limit, nullptr);
}

void report_finding(const std::string& what) {
  std::fprintf(stderr, "%s: an input %s\n", name.c_str(), what.c_str());
  save_input();
  std::_Exit(1);
}

#ifndef __SANITIZE_ADDRESS__
namespace {

/// Inputs have a few kilobytes; a larger allocation trusts a number in the input.
constexpr std::size_t largest_allocation = std::size_t{64} << 20;

void* allocate(std::size_t size) {
  if (size > largest_allocation && current_input)
    report_finding("caused an allocation of " + std::to_string(size) + " bytes");
  if (void* memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

} // namespace
#endif

} // namespace cuecard::fuzz

#ifndef __SANITIZE_ADDRESS__ // ASan has its own limit
void* operator new(std::size_t size) {
  return cuecard::fuzz::allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif
