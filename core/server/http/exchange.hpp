/// One request and its answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/reply.hpp"

namespace cuecard::server {

struct HttpRequest {
  std::string method;        ///< "GET", "POST", ...
  std::string path;          ///< without the query, as it was sent
  std::string authorization; ///< that header; "" when there is none
  std::string id;            ///< of the header X-Request-Id, or made here
  std::string body;
};

/// What the log contains about a request, as far as it is known.
struct RequestNotes {
  std::string card;      ///< of its rows, if it is only one
  std::size_t cards = 0; ///< that its rows go to; 0: no rows were submitted
  std::int64_t rows = 0;
  std::int64_t tokens = 0;     ///< of the rows' texts
  std::int64_t new_tokens = 0; ///< that were generated
};

/// The connection that an exchange is answered on.
class AnswerWriter {
public:
  virtual ~AnswerWriter() = default;
  virtual void write(Reply reply) = 0;
  /// A piece of an answer of status 200; the first one begins it.
  virtual void write_piece(const std::string& content_type, std::string_view piece) = 0;
  virtual void end_pieces() = 0;
};

/// Threads: the server's.
class Exchange {
public:
  Exchange(HttpRequest received, std::weak_ptr<AnswerWriter> writer)
      : request(std::move(received)), writer_(std::move(writer)) {}

  HttpRequest request;
  RequestNotes notes;
  const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

  /// Answers it. Does nothing when it is over.
  void answer(Reply reply) {
    status_ = reply.status;
    if (const auto writer = take_writer())
      writer->write(std::move(reply));
  }

  /// Sends a piece of a streamed answer.
  void send(const std::string& content_type, std::string_view piece) {
    status_ = 200;
    streams_ = true;
    if (const auto writer = writer_.lock(); writer && !over_)
      writer->write_piece(content_type, piece);
  }
  void end() {
    if (const auto writer = take_writer())
      writer->end_pieces();
  }

  /// `callback` is called when the client leaves before it is answered, or when the server ends.
  void on_left(std::function<void()> callback) { left_ = std::move(callback); }
  void leave() {
    over_ = true;
    stop();
  }
  /// The same for a client that is still there and gets what was done so far.
  void stop() {
    if (const auto left = std::exchange(left_, {}))
      left();
  }

  /// Whether nothing more can be answered.
  bool over() const { return over_; }
  /// Whether a streamed answer has begun.
  bool streams() const { return streams_; }
  int status() const { return status_; }

private:
  std::shared_ptr<AnswerWriter> take_writer() {
    if (std::exchange(over_, true))
      return nullptr;
    left_ = {};
    return writer_.lock();
  }

  std::weak_ptr<AnswerWriter> writer_;
  std::function<void()> left_;
  bool over_ = false, streams_ = false;
  int status_ = 499; ///< nginx's number for a client that left
};

} // namespace cuecard::server
