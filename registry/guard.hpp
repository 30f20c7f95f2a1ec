/// Exception guard around every call into a plugin's object.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <cuecard/error.hpp>
#include <cuecard/plugin.h>

#include "utf8.hpp"

namespace cuecard::registry {

/// An exception's text as one line of UTF-8: drops the stack trace and the line breaks that LibTorch adds. At most 600
/// bytes.
inline std::string sentence_of(std::string_view text) {
  for (const std::string_view tail : {"\nException raised from", "\nC++ CapturedTraceback", "\nframe #0"})
    text = text.substr(0, text.find(tail));
  constexpr std::size_t longest = 600;
  std::string sentence, valid(text);
  replace_invalid_utf8(valid);
  std::size_t end = 0; // whole characters
  while (end < valid.size() && end + sequence_at(valid, end).size <= longest)
    end += sequence_at(valid, end).size;
  for (const char c : std::string_view(valid).substr(0, end)) {
    const bool blank = static_cast<unsigned char>(c) <= 0x20;
    if (!blank)
      sentence += c;
    else if (!sentence.empty() && sentence.back() != ' ')
      sentence += ' ';
  }
  while (!sentence.empty() && sentence.back() == ' ')
    sentence.pop_back();
  return sentence;
}

/// The innermost call into a plugin on this thread, for a crash handler: plain memory that is readable in a signal handler.
class GuardedCall {
public:
  GuardedCall(std::string_view in_plugin, std::string_view in_component, std::string_view in_function)
      : plugin(in_plugin), component(in_component), function(in_function), outer_(current_) {
    current_ = this;
  }
  ~GuardedCall() { current_ = outer_; }
  GuardedCall(const GuardedCall&) = delete;
  GuardedCall& operator=(const GuardedCall&) = delete;

  /// Null outside of plugins.
  static const GuardedCall* current() { return current_; }
  /// The enclosing call, or null.
  const GuardedCall* outer() const { return outer_; }

  /// Throws Cancelled through the plugin's functions that are running on this thread, because someone asked to stop.
  [[noreturn]] static void stop() {
    for (GuardedCall* call = current_; call; call = call->outer_)
      call->stopped_ = true;
    throw Cancelled();
  }
  /// Whether `stop` was called within this call.
  bool stopped() const { return stopped_; }

  const std::string_view plugin, component, function;

private:
  inline static thread_local GuardedCall* current_ = nullptr;
  GuardedCall* outer_;
  bool stopped_ = false;
};

/// A PluginError that the host made, so that its names are right. A plugin can't throw one.
class HostPluginError final : public PluginError {
public:
  using PluginError::PluginError;
};

/// The text of `error` without the three names.
inline std::string text_without_names(const PluginError& error) {
  const std::string names = PluginError(error.plugin(), error.component(), error.method(), "").what();
  const std::string text = error.what();
  return text.starts_with(names) ? text.substr(names.size()) : text;
}

constexpr const char* no_message = "failed without an error message";

/// The text of an error, or that it has none.
inline std::string message_of(std::string_view text) {
  const bool empty = text.find_first_not_of(" .\t\r\n") == std::string_view::npos;
  return empty ? no_message : std::string(text);
}

/// The text of an unexpected exception from a plugin or LibTorch, with what to do about it.
inline std::string accident_of(std::string_view text) {
  std::string sentence = sentence_of(message_of(text));
  while (!sentence.empty() && (sentence.back() == '.' || sentence.back() == ' '))
    sentence.pop_back();
  if (sentence.find("memory") != std::string::npos) // of the device or the machine: not the plugin's fault
    return sentence + "; use smaller batches, or a smaller model.";
  return sentence + "; update or remove this plugin, and report this to its author.";
}

/// A UsageError's text with the name of the tuner or verbalizer added, if missing. Errors of templates give a position in the template.
inline std::string naming_component(uint32_t kind, std::string_view plugin, std::string_view component,
                                    const std::string& text) {
  if ((kind != CUECARD_TUNER && kind != CUECARD_VERBALIZER) || text.find(component) != std::string::npos)
    return text;
  return (kind == CUECARD_TUNER ? "tuner \"" : "verbalizer \"") + std::string(component) +
         "\" of the plugin \"" + std::string(plugin) + "\": " + text;
}

/// The text of a plugin's error about the user's input; without one, who failed.
inline std::string worded(std::string_view text, std::string_view plugin, std::string_view component) {
  std::string message = message_of(text);
  replace_invalid_utf8(message);
  if (message != no_message)
    return message;
  return "the component \"" + std::string(component) + "\" of the plugin \"" + std::string(plugin) + "\" " +
         no_message + ".";
}

/// Returns what `call` returns. An exception is rethrown as a new object created here, so that no object whose
/// virtual table is in the plugin propagates: UsageError and DataError (about the user's input) keep their type, and so does Cancelled
/// if someone asked to stop; a HostPluginError, from an inner guard, passes unchanged; everything else becomes one that names plugin,
/// component and method.
template <class Call>
auto guarded(std::string_view plugin, std::string_view component, std::string_view method, Call&& call)
    -> decltype(std::forward<Call>(call)()) {
  const GuardedCall entered(plugin, component, method);
  const auto failure = [&](const std::string& text) {
    return HostPluginError(std::string(plugin), std::string(component), std::string(method), text);
  };
  try {
    return std::forward<Call>(call)();
  } catch (const UsageError& error) {
    throw UsageError(worded(error.what(), plugin, component));
  } catch (const DataError& error) {
    throw DataError(worded(error.what(), plugin, component));
  } catch (const Cancelled&) {
    if (entered.stopped())
      throw Cancelled();
    throw failure("it threw Cancelled, and no one asked to stop; expected it only where the host threw it");
  } catch (const HostPluginError&) {
    throw;
  } catch (const PluginError& error) {
    throw failure(sentence_of(text_without_names(error)));
  } catch (const Error& error) {
    throw failure(sentence_of(message_of(error.what())));
  } catch (const std::bad_alloc&) {
    throw failure(accident_of("there is not enough memory"));
  } catch (const std::exception& error) {
    throw failure(accident_of(error.what()));
  } catch (...) {
    throw failure(accident_of("it threw an object that is not a std::exception"));
  }
}

} // namespace cuecard::registry
