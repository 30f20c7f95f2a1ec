#include "server/problem.hpp"

#include <utility>

#include "server/json.hpp"

namespace cuecard::server {

namespace {

const char* openai_type(int status) {
  switch (status) {
  case 401:
    return "authentication_error";
  case 429:
    return "rate_limit_error";
  default:
    return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

const char* tei_type(int status) {
  switch (status) {
  case 422:
    return "Tokenizer";
  case 424:
    return "Backend";
  case 429:
    return "Overloaded";
  default:
    return status >= 500 ? "Unhealthy" : "Validation";
  }
}

} // namespace

Problem problem_of(const embedding::Failure& failure) {
  using Kind = embedding::FailureKind;
  switch (failure.kind) {
  case Kind::wrong_use:
  case Kind::wrong_data:
    return {400, failure.text};
  case Kind::queue_full:
    return {429, failure.text, "queue_full"};
  case Kind::cancelled:
  case Kind::too_late:
    return {503, failure.text};
  default:
    return {500, failure.text};
  }
}

Problem current_problem() {
  try {
    throw;
  } catch (const Problem& problem) {
    return problem;
  } catch (const embedding::RequestTooLarge& error) {
    return {413, error.what(), "request_too_large"};
  } catch (...) {
    return problem_of(embedding::current_failure());
  }
}

std::string body_of(Form form, const Problem& problem) {
  Json object;
  switch (form) {
  case Form::openai:
    object["error"]["message"] = problem.what();
    object["error"]["type"] = openai_type(problem.status);
    object["error"]["param"] = nullptr;
    object["error"]["code"] = problem.code.empty() ? Json() : Json(problem.code);
    break;
  case Form::tei:
    object["error"] = problem.what();
    object["error_type"] = tei_type(problem.status);
    break;
  case Form::kserve:
    object["error"] = problem.what();
    break;
  }
  return dump(object);
}

Reply reply_of(Form form, const Problem& problem) {
  Reply reply{problem.status, body_of(form, problem)};
  if (problem.status == 429 || problem.status == 503)
    reply.headers.emplace_back("Retry-After", "1");
  if (problem.status == 401)
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

} // namespace cuecard::server
