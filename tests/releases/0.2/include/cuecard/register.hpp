/// Registers components: the C++ way to write the constant of plugin.h.
///
///   constexpr cuecard_option_v1 options[] = {
///       cuecard::integer_option("length", "20", 1, 1000, "Number of virtual tokens.", "Lester et al. 2021, section 3.2"),
///   };
///   constexpr cuecard_component_v1 components[] = {
///       cuecard::tuner<MyTuner>("my-tuner", "One line about it.", CUECARD_TRAINS_TENSORS, options),
///   };
///   CUECARD_PLUGIN("my-plugin", "1.0.0", "Apache-2.0", "", components)
///
/// `MyTuner` is made from `const cuecard::Options&`; a backbone from `const cuecard::BackboneArguments&`. All of it is constant
/// data: a host can read it without running any code of the plugin.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>

#include <torch/headeronly/version.h>

#include <cuecard/error.hpp>
#include <cuecard/export.hpp>
#include <cuecard/options.hpp>
#include <cuecard/plugin.h>
#include <cuecard/version.h>

namespace cuecard {

class Template;
class Verbalizer;
class Tuner;
class Backbone;
class Configuration;
struct BackboneArguments;
struct BackboneShape;

// Options. `value` is the default as a user would type it, `source` where the default comes from (a paper's section, a
// measurement), and `role` what the option means for Tuner::adopt (cuecard_option_role).

/// A Boolean: true or false.
constexpr cuecard_option_v1 flag_option(const char* name, const char* value, const char* help,
                                        const char* source, cuecard_option_role role = CUECARD_ROLE_NONE) {
  return {name, CUECARD_FLAG, static_cast<uint32_t>(role), value, 0, 0, "", help, source, ""};
}
/// A whole number from `minimum` to `maximum`; both 0: any.
constexpr cuecard_option_v1 integer_option(const char* name, const char* value, double minimum, double maximum,
                                           const char* help, const char* source,
                                           cuecard_option_role role = CUECARD_ROLE_NONE) {
  return {name, CUECARD_INTEGER, static_cast<uint32_t>(role), value, minimum, maximum, "", help, source, ""};
}
/// A number from `minimum` to `maximum`; both 0: any.
constexpr cuecard_option_v1 number_option(const char* name, const char* value, double minimum, double maximum,
                                          const char* help, const char* source,
                                          cuecard_option_role role = CUECARD_ROLE_NONE) {
  return {name, CUECARD_NUMBER, static_cast<uint32_t>(role), value, minimum, maximum, "", help, source, ""};
}
/// `choices`: allowed texts separated by '|'; "": any.
constexpr cuecard_option_v1 text_option(const char* name, const char* value, const char* choices,
                                        const char* help, const char* source,
                                        cuecard_option_role role = CUECARD_ROLE_NONE) {
  return {name, CUECARD_TEXT, static_cast<uint32_t>(role), value, 0, 0, choices, help, source, ""};
}
/// A path; the host reads the file and passes its contents to `prepare`. "": none. Of templates, verbalizers and tuners.
constexpr cuecard_option_v1 file_option(const char* name, const char* help, const char* source) {
  return {name, CUECARD_FILE, CUECARD_ROLE_NONE, "", 0, 0, "", help, source, ""};
}
/// A card; the host passes the state of its tuner to `prepare`. "": none. Of verbalizers and tuners; a template that declares one is
/// refused.
constexpr cuecard_option_v1 card_option(const char* name, const char* help, const char* source) {
  return {name, CUECARD_CARD, CUECARD_ROLE_NONE, "", 0, 0, "", help, source, ""};
}

/// `option`, used only with some values of another one: `needs` is "OPTION=VALUE|VALUE". A user who sets it without them gets an
/// error instead of a setting without effect.
constexpr cuecard_option_v1 needing(const char* needs, cuecard_option_v1 option) {
  option.needs = needs;
  return option;
}

namespace detail {

inline void fill(cuecard_failure* failure, const char* text,
                 cuecard_failure_kind kind = CUECARD_FAILURE_PLUGIN) noexcept {
  failure->kind = kind;
  std::strncpy(failure->text, text, sizeof failure->text - 1);
  failure->text[sizeof failure->text - 1] = '\0';
}

inline cuecard_failure_kind failure_kind(const Error& error) noexcept {
  switch (error.kind()) {
  case Error::Kind::usage:
    return CUECARD_FAILURE_OPTIONS;
  case Error::Kind::data:
    return CUECARD_FAILURE_DATA;
  default:
    return CUECARD_FAILURE_PLUGIN;
  }
}

template <class Interface, class Object, class Arguments>
void* create(const void* arguments, cuecard_failure* failure) noexcept {
  try {
    Interface* object = new Object(*static_cast<const Arguments*>(arguments));
    return object;
  } catch (const Error& error) {
    fill(failure, error.what(), failure_kind(error));
  } catch (const std::exception& error) {
    fill(failure, error.what(), CUECARD_FAILURE_UNEXPECTED);
  } catch (...) {
    fill(failure, "an exception that is not a std::exception");
  }
  return nullptr;
}

template <class Interface>
void destroy(void* object) noexcept {
  delete static_cast<Interface*>(object);
}

template <class Object>
int32_t describe(const void* configuration, void* shape, cuecard_failure* failure) noexcept {
  try {
    *static_cast<BackboneShape*>(shape) = Object::describe(*static_cast<const Configuration*>(configuration));
    return 1;
  } catch (const Error& error) {
    fill(failure, error.what(), failure_kind(error));
  } catch (const std::exception& error) {
    fill(failure, error.what(), CUECARD_FAILURE_UNEXPECTED);
  } catch (...) {
    fill(failure, "an exception that is not a std::exception");
  }
  return 0;
}

struct Declaration {
  const char* name;
  const char* summary;
  cuecard_trains trains = CUECARD_TRAINS_NOTHING;
  const char* model_types = "";
  const char* adopts = "";
  const cuecard_option_v1* options = nullptr;
  uint32_t option_count = 0;
};

template <class Interface, class Object, class Arguments>
constexpr cuecard_component_v1 component(cuecard_component_kind kind, uint32_t version,
                                         const Declaration& declared) {
  return {static_cast<uint32_t>(kind),
          version,
          static_cast<uint32_t>(declared.trains),
          declared.option_count,
          sizeof(cuecard_option_v1),
          0,
          declared.name,
          declared.summary,
          declared.model_types,
          declared.adopts,
          declared.options,
          &create<Interface, Object, Arguments>,
          &destroy<Interface>,
          nullptr};
}

} // namespace detail

// Components, with or without options: a constexpr array of them goes to CUECARD_PLUGIN. `name` is kebab-case and unique per kind,
// `summary` one line.

/// A template, created from `const Options&`.
template <class Object>
constexpr cuecard_component_v1 prompt_template(const char* name, const char* summary) {
  return detail::component<Template, Object, Options>(CUECARD_TEMPLATE, CUECARD_TEMPLATE_VERSION,
                                                      {name, summary});
}
/// A text option "text", where declared, is set to the template of the task file or of --template.
template <class Object, std::size_t N>
constexpr cuecard_component_v1 prompt_template(const char* name, const char* summary,
                                               const cuecard_option_v1 (&options)[N]) {
  return detail::component<Template, Object, Options>(
      CUECARD_TEMPLATE, CUECARD_TEMPLATE_VERSION, {name, summary, CUECARD_TRAINS_NOTHING, "", "", options, N});
}

/// A verbalizer, created from `const Options&`. `trains`: what its state in a card holds.
template <class Object>
constexpr cuecard_component_v1 verbalizer(const char* name, const char* summary, cuecard_trains trains) {
  return detail::component<Verbalizer, Object, Options>(CUECARD_VERBALIZER, CUECARD_VERBALIZER_VERSION,
                                                        {name, summary, trains});
}
/// The same with options.
template <class Object, std::size_t N>
constexpr cuecard_component_v1 verbalizer(const char* name, const char* summary, cuecard_trains trains,
                                          const cuecard_option_v1 (&options)[N]) {
  return detail::component<Verbalizer, Object, Options>(CUECARD_VERBALIZER, CUECARD_VERBALIZER_VERSION,
                                                        {name, summary, trains, "", "", options, N});
}

/// `adopts`: PEFT types whose adapters Tuner::adopt takes, separated by '|'.
template <class Object>
constexpr cuecard_component_v1 tuner(const char* name, const char* summary, cuecard_trains trains,
                                     const char* adopts = "") {
  return detail::component<Tuner, Object, Options>(CUECARD_TUNER, CUECARD_TUNER_VERSION,
                                                   {name, summary, trains, "", adopts});
}
/// The same with options.
template <class Object, std::size_t N>
constexpr cuecard_component_v1 tuner(const char* name, const char* summary, cuecard_trains trains,
                                     const cuecard_option_v1 (&options)[N], const char* adopts = "") {
  return detail::component<Tuner, Object, Options>(CUECARD_TUNER, CUECARD_TUNER_VERSION,
                                                   {name, summary, trains, "", adopts, options, N});
}

/// `model_types`: values of "model_type" in config.json that the backbone handles, separated by '|'. `Object` has a static function
/// `BackboneShape describe(const Configuration&)` and is created from `const BackboneArguments&`.
template <class Object>
constexpr cuecard_component_v1 backbone(const char* name, const char* summary, const char* model_types) {
  cuecard_component_v1 made = detail::component<Backbone, Object, BackboneArguments>(
      CUECARD_BACKBONE, CUECARD_BACKBONE_VERSION, {name, summary, CUECARD_TRAINS_NOTHING, model_types});
  made.describe = &detail::describe<Object>;
  return made;
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

/// Defines the symbol `cuecard_plugin` that hosts look up. `components` is a constexpr array of cuecard_component_v1.
#define CUECARD_PLUGIN(id, version, license, homepage, components)                                             \
  extern "C" CUECARD_API constexpr cuecard_plugin_v1 cuecard_plugin = cuecard::manifest(                       \
      id, version, license, homepage, components, sizeof(components) / sizeof((components)[0]));
