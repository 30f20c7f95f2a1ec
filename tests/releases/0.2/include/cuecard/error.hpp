/// User-facing errors: one sentence that says what was found, what was expected and what to do.
///
/// The text never carries a stack trace.
#pragma once

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/export.hpp>

namespace cuecard {

/// The base class of all errors.
class CUECARD_API Error : public std::runtime_error {
public:
  /// What an error is about. A host decides what follows from it; the program `cuecard` has an exit code for each.
  enum class Kind { other, usage, data, plugin, cancelled };

  explicit Error(const std::string& text, Kind kind = Kind::other);
  ~Error() override;
  /// What it is about.
  Kind kind() const noexcept { return kind_; }

private:
  Kind kind_;
};

/// An invalid flag, option, or combination of them.
class CUECARD_API UsageError : public Error {
public:
  explicit UsageError(const std::string& text);
  ~UsageError() override;
};

/// A file or example that can't be used: names the file, the line or field, what was found and what was expected.
class CUECARD_API DataError : public Error {
public:
  explicit DataError(const std::string& text);
  ~DataError() override;
};

/// A plugin that can't be loaded, or that failed inside a method. The host makes these; a plugin throws an Error for a
/// failure of its own.
class CUECARD_API PluginError : public Error {
public:
  /// Puts the three names before `text`.
  PluginError(std::string plugin, std::string component, std::string method, const std::string& text);
  explicit PluginError(const std::string& text);
  ~PluginError() override;
  /// The id of the plugin, the component's name and the function's; each "" if it is not known.
  const std::string& plugin() const noexcept { return plugin_; }
  const std::string& component() const noexcept { return component_; }
  const std::string& method() const noexcept { return method_; }

private:
  std::string plugin_, component_, method_;
};

/// Work that was stopped on request (Ctrl-C, or a host that set its cancel flag). Not a failure: the best result so far is kept.
/// The host throws it; a plugin may throw it again, but one that throws it of its own has failed.
class CUECARD_API Cancelled : public Error {
public:
  Cancelled();
  ~Cancelled() override;
};

/// The candidate nearest to `word` by edit distance, or "" when none is near enough for `word` to be a likely typo
/// of it.
CUECARD_API std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// ` Did you mean "x"?`, or "" when nothing is near: the end of every message about an unknown name.
CUECARD_API std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// `count` and `noun`, which takes an s in the plural, in a message: "1 label", "2 labels".
inline std::string counted(std::integral auto count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

/// `value` in a message: the shortest text that is read as the same number, such as "0.05" or "1e-05".
inline std::string shortest(double value) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

} // namespace cuecard
