/// One connection of a client: reads a request, has it answered, reads the next.
///
/// The timeout applies while the client sends or receives, not while it waits for an answer. A client that closes the connection
/// is noticed while it waits.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/http/channel.hpp"
#include "server/http/exchange.hpp"
#include "server/http/limits.hpp"
#include "server/http/site.hpp"

namespace cuecard::server {

/// What all connections share. `site` and `tls` must live while the io_context runs.
struct ConnectionContext {
  HttpLimits limits;
  Site* site = nullptr;
  boost::asio::ssl::context* tls = nullptr; ///< null: connections are not encrypted
  std::size_t connections = 0;              ///< that are open
};

/// Threads: the io_context's only one.
class Connection : public AnswerWriter, public std::enable_shared_from_this<Connection> {
public:
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<ConnectionContext> context);
  ~Connection() override;

  /// It lives until the client or the server closes it.
  void start();

  void write(Reply reply) override;
  void write_piece(const std::string& content_type, std::string_view piece) override;
  void end_pieces() override;

private:
  using Code = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read_header();
  void header_read(Code error);
  void read_body();
  void body_read(Code error);
  /// Answers a malformed request, if the error is one of HTTP and not of the network.
  void reject(Code error);

  /// Detects a client that closes the connection before it is answered.
  void watch();
  void look(const std::weak_ptr<Exchange>& waiting);
  void left();

  void begin_pieces(const std::string& content_type);
  void flush();
  void answered(Code error);
  void end();
  /// Keeps reading for a while what a refused client still sends.
  void close_slowly();
  void discard(std::size_t so_far);
  void give_time() { channel_.expires_after(context_->limits.patience); }

  Channel channel_;
  boost::asio::steady_timer pause_;
  std::shared_ptr<ConnectionContext> context_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::shared_ptr<Exchange> exchange_;
  bool keeps_ = false;  ///< the connection, after the answer
  bool unread_ = false; ///< a body, which the client may still be sending

  // Of an answer in pieces.
  bool chunks_ = false, began_ = false, ended_ = false;
  std::string pending_, sending_;
};

} // namespace cuecard::server
