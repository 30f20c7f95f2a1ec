/// The interface that answers the requests of all connections.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/http/exchange.hpp"
#include "server/http/reply.hpp"

namespace cuecard::server {

/// Threads: the server's.
class Site {
public:
  virtual ~Site() = default;

  /// Called when the header of a request was read: why it is refused, without reading its body.
  virtual std::optional<Reply> refuse(const HttpRequest& head) = 0;
  /// Called when the body was read. Answers now or later.
  virtual void serve(const std::shared_ptr<Exchange>& exchange) = 0;
  /// The answer to a request that is malformed or too large.
  virtual Reply rejected(const HttpRequest& head, int status, const std::string& sentence) = 0;
  /// Called when the header of a request was read, before all others.
  virtual void begun(const std::shared_ptr<Exchange>& exchange) = 0;
  /// Called once for each exchange that has begun, when its answer was sent or the client left.
  virtual void finished(const std::shared_ptr<Exchange>& exchange) = 0;
  /// Whether connections should end after the answer that is being written.
  virtual bool closing() const = 0;
};

} // namespace cuecard::server
