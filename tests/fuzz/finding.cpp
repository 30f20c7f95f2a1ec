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

/// Seconds of the processor; the driver itself complains of less, once the input is through.
constexpr itimerval hang{{0, 0}, {20, 0}};
const std::string* running = nullptr;
std::string name;

/// FNV-1a, so that a finding has one name however often it is met.
uint64_t digest(const std::string& bytes) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

/// Calls nothing that a signal handler may not call but snprintf, which here allocates nothing.
void keep_input() {
  if (!running)
    return;
  char path[256];
  std::snprintf(path, sizeof path, "finding-%s-%016llx", name.c_str(),
                static_cast<unsigned long long>(digest(*running)));
  const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const bool written =
      file >= 0 && ::write(file, running->data(), running->size()) == static_cast<ssize_t>(running->size());
  ::close(file);
  char line[512];
  const int length = std::snprintf(line, sizeof line, "%s: the input of %zu bytes %s %s\n", name.c_str(),
                                   running->size(), written ? "is kept as" : "could not be written to", path);
  if (length > 0 && ::write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0)
    return;
  running = nullptr; // once
}

void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

} // namespace

#ifdef __SANITIZE_ADDRESS__
extern "C" void __sanitizer_set_death_callback(void (*callback)());
/// A sanitizer's own way to say it; the environment can add to it.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=64:allocator_may_return_null=0:detect_leaks=0";
}
#endif

void name_findings(const std::string& program) {
  name = program;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_set_death_callback(keep_input);
  const int signals[] = {SIGABRT, SIGPROF};
#else
  const int signals[] = {SIGABRT, SIGPROF, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#endif
  for (const int number : signals)
    std::signal(number, on_signal);
}

void watch(const std::string& bytes) {
  running = &bytes;
  ::setitimer(ITIMER_PROF, &hang, nullptr);
}

void report_finding(const std::string& what) {
  std::fprintf(stderr, "%s: an input %s\n", name.c_str(), what.c_str());
  keep_input();
  std::_Exit(1);
}

#ifndef __SANITIZE_ADDRESS__
namespace {

/// Inputs have some kilobytes; what asks for this much at once believed a number that it read.
constexpr std::size_t largest_allocation = std::size_t{64} << 20;

void* allocate(std::size_t size) {
  if (size > largest_allocation && running)
    report_finding("had " + std::to_string(size) + " bytes allocated at once");
  if (void* memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}

} // namespace
#endif

} // namespace cuecard::fuzz

#ifndef __SANITIZE_ADDRESS__ // which has its own limit
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
