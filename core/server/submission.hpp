/// Submits rows to the scheduler and delivers their answers on the server's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/call.hpp"

namespace cuecard::server {

struct Callbacks {
  /// Called when all rows are answered, unless the client left. An exception becomes an error response.
  std::function<void(embedding::Request&)> done;
  /// Called with the text of a row so far; may be empty.
  std::function<void(std::size_t row, const std::string& text)> grown = {};
};

/// Reads the cards of the rows first where they are not in memory. A full queue is answered 429, a request that the queue could never take 413. A client that leaves cancels the request.
void submit(const Call& call, const std::shared_ptr<embedding::Request>& request, Callbacks callbacks);

/// Why a row was not answered, as a sentence that names the row.
std::string failure_sentence(const embedding::Request& request, std::size_t row);

/// Problem for the first row that was not answered.
void require_answers(const embedding::Request& request);

} // namespace cuecard::server
