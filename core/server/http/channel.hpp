/// The bytes of a connection: plain, or through TLS.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <poll.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace cuecard::server {

/// A stream for Asio's and Beast's composed operations with callbacks. Threads: the io_context's only one.
class Channel {
public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  /// `tls` null: plain. It must outlive the channel.
  Channel(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls) : stream_(std::move(socket)) {
    if (tls)
      tls_.emplace(stream_, *tls);
  }

  executor_type get_executor() { return stream_.get_executor(); }
  bool encrypted() const { return tls_.has_value(); }

  template <class Handler>
  void async_handshake(Handler&& handler) {
    tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      stream_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      stream_.async_write_some(buffers, std::forward<Handler>(handler));
  }
  /// Completes when there is something to read, or the client has closed the connection.
  template <class Handler>
  void async_readable(Handler&& handler) {
    stream_.socket().async_wait(boost::asio::ip::tcp::socket::wait_read, std::forward<Handler>(handler));
  }
  /// Tells the client of an encrypted channel that nothing follows.
  template <class Handler>
  void async_end(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }
  void end_sending() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  }

  /// Sets a deadline: operations that are not complete after `time` fail.
  void expires_after(std::chrono::milliseconds time) { stream_.expires_after(time); }
  void expires_never() { stream_.expires_never(); }
  void close() { stream_.close(); }

  /// Whether the client closed the connection or its sending side; bytes may still have to be read.
  bool client_left() {
    pollfd state{stream_.socket().native_handle(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) != 0;
  }

private:
  boost::beast::tcp_stream stream_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
};

} // namespace cuecard::server
