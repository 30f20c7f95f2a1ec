/// User-facing errors: one sentence that says what was found, what was expected and what to do.
///
/// The kind decides the exit code of the host program; the text never carries a stack trace.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/export.hpp>

namespace cuecard {

/// The base class of all errors. Exit code 1 if no more specific one applies.
class CUECARD_API Error : public std::runtime_error {
public:
  explicit Error(const std::string& text, int exit_code = 1);
  ~Error() override;
  /// Of the host program, if this error ends it.
  int exit_code() const noexcept { return exit_code_; }

private:
  int exit_code_;
};

/// An invalid flag, option, or combination of them. Exit code 2.
class CUECARD_API UsageError : public Error {
public:
  explicit UsageError(const std::string& text);
  ~UsageError() override;
};

/// A file or example that can't be used: names the file, the line or field, what was found and what was expected.
/// Exit code 3.
class CUECARD_API DataError : public Error {
public:
  explicit DataError(const std::string& text);
  ~DataError() override;
};

/// A plugin that can't be loaded, or that failed inside a method. Exit code 4. The host makes these; a plugin throws an Error for a
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

} // namespace cuecard
