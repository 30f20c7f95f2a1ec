#include "server/submission.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace cuecard::server {

void submit(const Call& call, const std::shared_ptr<embedding::Request>& request, Callbacks callbacks) {
  const auto shared = std::make_shared<const Callbacks>(std::move(callbacks));
  const std::weak_ptr<embedding::Request> weak = request; // it owns the callbacks, which must not own it
  // The scheduler's callbacks run on the model's thread, so they only post.
  request->finished = [call, weak, shared] {
    boost::asio::post(call.serving.io, [call, shared, answered = weak.lock()] {
      if (!answered)
        return;
      for (std::size_t row = 0; row < answered->answers.size(); ++row)
        call.serving.metrics.row(answered->examples[row].card, !answered->answers[row].failure);
      if (!call.exchange->over())
        guard(call, [&] { shared->done(*answered); });
    });
  };
  if (shared->grown)
    request->token = [call, shared](std::size_t row, const std::string& text) {
      boost::asio::post(call.serving.io, [call, shared, row, text] {
        if (!call.exchange->over())
          shared->grown(row, text);
      });
      return true;
    };
  call.exchange->on_left([weak] {
    if (const auto left = weak.lock())
      left->cancel();
  });
  call.serving.scheduler.submit(request);
}

void require_answers(const embedding::Request& request) {
  for (std::size_t row = 0; row < request.answers.size(); ++row)
    if (const embedding::Failure& failure = request.answers[row].failure) {
      const Problem problem = problem_of(failure);
      const std::string where = request.answers.size() > 1 ? "row " + std::to_string(row) + ": " : "";
      throw Problem(problem.status, where + failure.text, problem.code);
    }
}

} // namespace cuecard::server
