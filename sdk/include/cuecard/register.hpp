/// Registers components: the C++ way to write the constant of plugin.h.
///
///   constexpr cuecard_option_v1 options[] = {
///       cuecard::integer_option("length", "20", 1, 1000, "Learned rows.", "Lester et al. 2021, section 3.2"),
///   };
///   constexpr cuecard_component_v1 components[] = {
///       cuecard::tuner<MyTuner>("my-tuner", "One line about it.", CUECARD_LEARNS_TENSORS, options),
///   };
///   CUECARD_PLUGIN("my-plugin", "1.0.0", "Apache-2.0", "", components)
///
/// `MyTuner` is made from `const cuecard::Options&`; a backbone from `const cuecard::BackboneArguments&`. All
/// of it is constant data: a host can read it without running a line of the plugin.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>

#include <torch/headeronly/version.h>

#include <cuecard/error.hpp>
#include <cuecard/export.hpp>
#include <cuecard/options.hpp>
#include <cuecard/plugin.h>

namespace cuecard {

class Template;
class Verbalizer;
class Tuner;
class Backbone;
struct BackboneArguments;

constexpr cuecard_option_v1 flag_option(const char* name, const char* value, const char* help,
                                        const char* source) {
  return {name, CUECARD_FLAG, 0, value, 0, 0, "", help, source};
}
constexpr cuecard_option_v1 integer_option(const char* name, const char* value, double minimum, double maximum,
                                           const char* help, const char* source) {
  return {name, CUECARD_INTEGER, 0, value, minimum, maximum, "", help, source};
}
constexpr cuecard_option_v1 number_option(const char* name, const char* value, double minimum, double maximum,
                                          const char* help, const char* source) {
  return {name, CUECARD_NUMBER, 0, value, minimum, maximum, "", help, source};
}
constexpr cuecard_option_v1 text_option(const char* name, const char* value, const char* choices,
                                        const char* help, const char* source) {
  return {name, CUECARD_TEXT, 0, value, 0, 0, choices, help, source};
}
/// A path; the host reads the file and hands its text over in `prepare`. "" is no file.
constexpr cuecard_option_v1 file_option(const char* name, const char* help, const char* source) {
  return {name, CUECARD_FILE, 0, "", 0, 0, "", help, source};
}
/// A card; the host hands over what its tuner learned in `prepare`. "" is no card.
constexpr cuecard_option_v1 card_option(const char* name, const char* help, const char* source) {
  return {name, CUECARD_CARD, 0, "", 0, 0, "", help, source};
}

namespace detail {

inline void fill(cuecard_failure* failure, const char* text, int exit_code = 4) noexcept {
  failure->exit_code = exit_code;
  std::strncpy(failure->text, text, sizeof failure->text - 1);
  failure->text[sizeof failure->text - 1] = '\0';
}

template <class Interface, class Object, class Arguments>
void* create(const void* arguments, cuecard_failure* failure) noexcept {
  try {
    Interface* object = new Object(*static_cast<const Arguments*>(arguments));
    return object;
  } catch (const Error& error) {
    fill(failure, error.what(), error.exit_code());
  } catch (const std::exception& error) {
    fill(failure, error.what());
  } catch (...) {
    fill(failure, "an exception that is not a std::exception");
  }
  return nullptr;
}

template <class Interface>
void destroy(void* object) noexcept {
  delete static_cast<Interface*>(object);
}

template <class Interface, class Object, class Arguments>
constexpr cuecard_component_v1 component(uint32_t kind, const char* name, const char* summary,
                                         cuecard_learns learns, const char* model_types, const char* adopts,
                                         const cuecard_option_v1* options, uint32_t count) {
  return {kind,
          1,
          static_cast<uint32_t>(learns),
          count,
          sizeof(cuecard_option_v1),
          0,
          name,
          summary,
          model_types,
          adopts,
          options,
          &create<Interface, Object, Arguments>,
          &destroy<Interface>};
}

} // namespace detail

template <class Object, std::size_t N>
constexpr cuecard_component_v1 prompt_template(const char* name, const char* summary,
                                               const cuecard_option_v1 (&options)[N]) {
  return detail::component<Template, Object, Options>(CUECARD_TEMPLATE, name, summary, CUECARD_LEARNS_NOTHING,
                                                      "", "", options, N);
}

template <class Object, std::size_t N>
constexpr cuecard_component_v1 verbalizer(const char* name, const char* summary, cuecard_learns learns,
                                          const cuecard_option_v1 (&options)[N]) {
  return detail::component<Verbalizer, Object, Options>(CUECARD_VERBALIZER, name, summary, learns, "", "",
                                                        options, N);
}

/// `adopts`: PEFT types whose adapters Tuner::adopt takes, separated by '|'.
template <class Object, std::size_t N>
constexpr cuecard_component_v1 tuner(const char* name, const char* summary, cuecard_learns learns,
                                     const cuecard_option_v1 (&options)[N], const char* adopts = "") {
  return detail::component<Tuner, Object, Options>(CUECARD_TUNER, name, summary, learns, "", adopts, options,
                                                   N);
}

/// The same for a tuner without options.
template <class Object>
constexpr cuecard_component_v1 tuner(const char* name, const char* summary, cuecard_learns learns) {
  return detail::component<Tuner, Object, Options>(CUECARD_TUNER, name, summary, learns, "", "", nullptr, 0);
}

/// `model_types`: values of "model_type" in config.json that the backbone handles, separated by '|'.
template <class Object>
constexpr cuecard_component_v1 backbone(const char* name, const char* summary, const char* model_types) {
  return detail::component<Backbone, Object, BackboneArguments>(
      CUECARD_BACKBONE, name, summary, CUECARD_LEARNS_NOTHING, model_types, "", nullptr, 0);
}

namespace detail {

constexpr uint32_t abi_flags() {
  uint32_t flags = 0;
#if defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
  flags |= CUECARD_CXX11_ABI;
#endif
#ifdef _GLIBCXX_DEBUG
  flags |= CUECARD_GLIBCXX_DEBUG;
#endif
#ifdef NDEBUG
  flags |= CUECARD_NDEBUG;
#endif
#ifdef __SANITIZE_ADDRESS__
  flags |= CUECARD_ASAN;
#endif
#ifdef __SANITIZE_THREAD__
  flags |= CUECARD_TSAN;
#endif
#ifdef CUECARD_BUILT_WITH_UBSAN
  flags |= CUECARD_UBSAN;
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  flags |= CUECARD_ASAN;
#endif
#if __has_feature(thread_sanitizer)
  flags |= CUECARD_TSAN;
#endif
#if __has_feature(memory_sanitizer)
  flags |= CUECARD_MSAN;
#endif
#endif
  return flags;
}

constexpr uint32_t stdlib() {
#ifdef _LIBCPP_VERSION
  return CUECARD_LIBCXX;
#else
  return CUECARD_LIBSTDCXX;
#endif
}

} // namespace detail

/// The manifest of this translation unit's build, with the given identity.
constexpr cuecard_plugin_v1 manifest(const char* id, const char* version, const char* license,
                                     const char* homepage, const cuecard_component_v1* components,
                                     uint32_t count) {
  return {CUECARD_PLUGIN_MAGIC,
          sizeof(cuecard_plugin_v1),
          CUECARD_ABI_MAJOR,
          CUECARD_ABI_MINOR,
          CUECARD_ABI_CXX,
          TORCH_ABI_VERSION,
          TORCH_VERSION_MAJOR,
          TORCH_VERSION_MINOR,
          TORCH_VERSION_PATCH,
          __cplusplus,
          detail::stdlib(),
          detail::abi_flags(),
          count,
          sizeof(cuecard_component_v1),
          id,
          version,
          license,
          "C++ " __VERSION__,
          homepage,
          components};
}

} // namespace cuecard

/// Defines the symbol that hosts look for. `components` is a constexpr array of cuecard_component_v1.
#define CUECARD_PLUGIN(id, version, license, homepage, components)                                             \
  extern "C" CUECARD_API constexpr cuecard_plugin_v1 cuecard_plugin = cuecard::manifest(                       \
      id, version, license, homepage, components, sizeof(components) / sizeof((components)[0]));
