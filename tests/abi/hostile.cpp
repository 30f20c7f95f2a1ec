/// A plugin with tuners that count their objects; macros turn it into invalid plugins of every kind.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

#include <cuecard/register.hpp>

#include "calls.hpp"

#ifndef HOSTILE_EDIT
#define HOSTILE_EDIT static_cast<void>(plugin)
#endif
#ifndef HOSTILE_DESTROY
#define HOSTILE_DESTROY &destroy
#endif
#ifndef HOSTILE_KIND
#define HOSTILE_KIND CUECARD_TUNER
#endif
#ifndef HOSTILE_KIND_VERSION
#define HOSTILE_KIND_VERSION CUECARD_TUNER_VERSION
#endif
#ifndef HOSTILE_DEFAULT
#define HOSTILE_DEFAULT "20"
#endif

namespace {

struct Object {
  Calls* calls;
};

void* create(const void* arguments, cuecard_failure*) {
  Calls* calls = static_cast<Calls*>(const_cast<void*>(arguments));
  ++calls->created;
  return new Object{calls};
}

[[maybe_unused]] void destroy(void* object) {
  ++static_cast<Object*>(object)->calls->destroyed;
  delete static_cast<Object*>(object);
}

void* fail(const void*, cuecard_failure* failure) {
  std::snprintf(failure->text, sizeof failure->text, "no room\nfor it");
  return nullptr;
}

void* fail_silently(const void*, cuecard_failure*) {
  return nullptr;
}

/// What register.hpp says when a constructor throws something else than a std::exception.
void* throw_a_number(const void*, cuecard_failure* failure) {
  std::snprintf(failure->text, sizeof failure->text, "an exception that is not a std::exception");
  return nullptr;
}

/// What register.hpp reports of a constructor that throws a std::exception.
void* throw_a_logic_error(const void*, cuecard_failure* failure) {
  std::snprintf(failure->text, sizeof failure->text, "boom");
  failure->kind = CUECARD_FAILURE_UNEXPECTED;
  return nullptr;
}

void* use_wrongly_in_silence(const void*, cuecard_failure* failure) {
  failure->kind = CUECARD_FAILURE_OPTIONS;
  return nullptr;
}

/// Fills the whole buffer, without the terminating zero that the contract requires.
void* fail_at_length(const void*, cuecard_failure* failure) {
  for (char& c : failure->text)
    c = 'x';
  return nullptr;
}

void* throw_it(const void*, cuecard_failure*) {
  throw std::runtime_error("create must not throw");
}

constexpr cuecard_option_v1 options[] = {
    cuecard::integer_option("length", HOSTILE_DEFAULT, 1, 1000, "Length.", "a paper"),
    cuecard::number_option("rate", "0.3", 0, 0, "Any number.", ""),
    cuecard::text_option("init", "text", "text|vocabulary", "Initialisation.", ""),
    cuecard::flag_option("tied", "false", "Ties.", ""),
};

constexpr cuecard_component_v1 tuner(const char* name, void* (*make)(const void*, cuecard_failure*)) {
  return {HOSTILE_KIND,
          HOSTILE_KIND_VERSION,
          CUECARD_TRAINS_TENSORS,
          std::size(options),
          sizeof(cuecard_option_v1),
          0,
          name,
          "Counts its objects.",
          "",
          "",
          options,
          make,
          HOSTILE_DESTROY,
          nullptr};
}

constexpr cuecard_component_v1 components[] = {
    tuner("counting", &create),
    tuner("failing", &fail),
    tuner("silent", &fail_silently),
    tuner("long-winded", &fail_at_length),
    tuner("throwing-create", &throw_it),
    tuner("throwing-constructor", &throw_a_number),
    tuner("logic-error", &throw_a_logic_error),
    tuner("silent-usage", &use_wrongly_in_silence),
};

constexpr cuecard_plugin_v1 edited() {
  cuecard_plugin_v1 plugin =
      cuecard::manifest(HOSTILE_ID, "1.0.0", "Apache-2.0", "", components, std::size(components));
  HOSTILE_EDIT;
  return plugin;
}

} // namespace

#ifdef HOSTILE_MUTABLE
extern "C" {
CUECARD_API constinit cuecard_plugin_v1 cuecard_plugin = edited();
}
#else
extern "C" CUECARD_API constexpr cuecard_plugin_v1 cuecard_plugin = edited();
#endif

#ifdef HOSTILE_INIT
namespace {
/// An address that is never mapped; volatile hides this from the compiler.
[[maybe_unused]] volatile std::uintptr_t nowhere = 64;

const struct Initialiser {
  Initialiser() { HOSTILE_INIT; }
} initialiser;
} // namespace
#endif
