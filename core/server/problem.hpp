/// Errors of requests, in the format of each interface.
#pragma once

#include <string>
#include <utility>

#include <cuecard/error.hpp>

#include "embedding/failure.hpp"
#include "server/http/reply.hpp"

namespace cuecard::server {

/// The interfaces' forms of an error.
enum class Form {
  openai, ///< {"error": {"message", "type", "param", "code"}}; also Cuecard's own
  tei,    ///< {"error", "error_type"}
  kserve, ///< {"error"}
};

/// An error with an HTTP status.
class Problem : public Error {
public:
  Problem(int of_http, const std::string& sentence, std::string of_openai = "")
      : Error(sentence), status(of_http), code(std::move(of_openai)) {}

  const int status;
  const std::string code; ///< OpenAI's name for it; "" when it has none
};

Problem problem_of(const embedding::Failure& failure);
/// The exception that is being handled. Call it inside a catch block.
Problem current_problem();

/// The body of an answer with this problem.
std::string body_of(Form form, const Problem& problem);
Reply reply_of(Form form, const Problem& problem);

} // namespace cuecard::server
