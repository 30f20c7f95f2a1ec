/// The body of OpenAI's POST /v1/completions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <cuecard/scorer.hpp>

namespace cuecard::server {

struct CompletionBody {
  std::string model;
  std::vector<std::string> prompts;
  GenerateSettings settings;
  bool stream = false;
  bool stream_usage = false; ///< stream_options.include_usage
};

/// `defaults` gives the settings of a model for what the body does not say; it throws when there is none of that name. DataError or
/// Problem for values that are not allowed, and for those that ask for something that the server does not have: nothing is ignored
/// but `user`.
CompletionBody parse_completion(const std::string& body,
                                const std::function<GenerateSettings(const std::string& model)>& defaults);

} // namespace cuecard::server
