/// The one guard around every call into a plugin's object.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::registry {

/// What a person needs of an exception's text: LibTorch appends a stack trace and breaks lines, both are left
/// out. At most 600 bytes.
inline std::string sentence_of(std::string_view text) {
  for (const std::string_view tail : {"\nException raised from", "\nC++ CapturedTraceback", "\nframe #0"})
    text = text.substr(0, text.find(tail));
  std::string sentence;
  for (const char c : text.substr(0, 600)) {
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

/// Returns what `call` returns. What it throws becomes an object made here, with its text copied, so that none
/// with a virtual table in the plugin travels on: UsageError and DataError (about the user's input) and
/// Cancelled keep their kind, a PluginError passes as it is, everything else becomes a PluginError that names
/// plugin, component and method.
template <class Call>
auto guarded(std::string_view plugin, std::string_view component, std::string_view method, Call&& call)
    -> decltype(std::forward<Call>(call)()) {
  const auto failure = [&](std::string_view text) {
    return PluginError(std::string(plugin), std::string(component), std::string(method), sentence_of(text));
  };
  try {
    return std::forward<Call>(call)();
  } catch (const UsageError& error) {
    throw UsageError(error.what());
  } catch (const DataError& error) {
    throw DataError(error.what());
  } catch (const Cancelled&) {
    throw Cancelled();
  } catch (const PluginError&) {
    throw;
  } catch (const std::exception& error) {
    throw failure(error.what());
  } catch (...) {
    throw failure("an exception that is not a std::exception");
  }
}

} // namespace cuecard::registry
