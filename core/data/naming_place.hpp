/// Errors that name the file or folder that they are about.
#pragma once

#include <filesystem>
#include <string>

#include <cuecard/error.hpp>

namespace cuecard {

/// Runs `work`. A UsageError or DataError of it then begins with `place`, unless it does already.
template <class Work>
auto naming_place(const std::filesystem::path& place, Work&& work) {
  const auto named = [&](const std::string& what) {
    return what.starts_with(place.string()) ? what : place.string() + ": " + what;
  };
  try {
    return work();
  } catch (const UsageError& error) {
    throw UsageError(named(error.what()));
  } catch (const DataError& error) {
    throw DataError(named(error.what()));
  }
}

} // namespace cuecard
