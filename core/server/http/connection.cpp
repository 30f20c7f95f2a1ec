#include "server/http/connection.hpp"

#include <algorithm>
#include <sstream>

#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "server/http/request_id.hpp"
#include "server/http/target.hpp"

namespace cuecard::server {

namespace http = boost::beast::http;

namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
/// The number of bytes read from a refused request, so that its client reads the answer before the connection
/// is reset.
constexpr std::size_t most_discarded = std::size_t{64} << 20;

std::string text_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

/// How often to check that a client is still connected when its next request has arrived early.
constexpr std::chrono::milliseconds between_looks(100);

template <class Message>
HttpRequest head_of(const Message& message) {
  HttpRequest head;
  head.method = text_of(message.method_string());
  head.path = path_of(text_of(message.target()));
  head.authorization = text_of(message[http::field::authorization]);
  head.id = request_id(text_of(message[request_id_header]));
  return head;
}

std::string chunk_of(std::string_view data) {
  std::ostringstream size;
  size << std::hex << data.size();
  return size.str() + "\r\n" + std::string(data) + "\r\n";
}

} // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<ConnectionContext> context)
    : channel_(std::move(socket), context->tls), pause_(channel_.get_executor()), context_(std::move(context)) {
  ++context_->connections;
}

Connection::~Connection() {
  --context_->connections;
}

void Connection::start() {
  if (!channel_.encrypted())
    return read_header();
  give_time();
  channel_.async_handshake(
      [self = shared_from_this()](Code error) { error ? self->channel_.close() : self->read_header(); });
}

void Connection::read_header() {
  parser_.emplace();
  parser_->header_limit(context_->limits.header_bytes);
  parser_->body_limit(context_->limits.body_bytes);
  began_ = ended_ = unread_ = false;
  give_time();
  http::async_read_header(channel_, buffer_, *parser_,
                          [self = shared_from_this()](Code error, std::size_t) { self->header_read(error); });
}

void Connection::header_read(Code error) {
  if (error)
    return reject(error);
  const auto& message = parser_->get();
  exchange_ = std::make_shared<Exchange>(head_of(message), weak_from_this());
  context_->site->begun(exchange_);
  keeps_ = message.keep_alive();
  chunks_ = message.version() >= 11;
  unread_ = !parser_->is_done();
  if (std::optional<Reply> refusal = context_->site->refuse(exchange_->request))
    return exchange_->answer(std::move(*refusal));
  if (!boost::beast::iequals(message[http::field::expect], "100-continue"))
    return read_body();
  boost::asio::async_write(
      channel_, boost::asio::buffer(go_on.data(), go_on.size()),
      [self = shared_from_this()](Code failed, std::size_t) { failed ? self->left() : self->read_body(); });
}

void Connection::read_body() {
  http::async_read(channel_, buffer_, *parser_,
                   [self = shared_from_this()](Code error, std::size_t) { self->body_read(error); });
}

void Connection::body_read(Code error) {
  if (error)
    return reject(error);
  unread_ = false;
  exchange_->request.body = std::move(parser_->get().body());
  channel_.expires_never();
  const std::shared_ptr<Exchange> exchange = exchange_;
  context_->site->serve(exchange);
  if (!exchange->over())
    watch();
}

void Connection::reject(Code error) {
  const bool of_http = error.category() == http::make_error_code(http::error::partial_message).category();
  if (!of_http || error == http::error::end_of_stream || error == http::error::partial_message)
    return left();
  if (!exchange_) {
    exchange_ = std::make_shared<Exchange>(head_of(parser_->get()), weak_from_this());
    context_->site->begun(exchange_);
  }
  unread_ = true;
  const HttpLimits& limits = context_->limits;
  const HttpRequest& head = exchange_->request;
  if (error == http::error::body_limit)
    exchange_->answer(context_->site->rejected(
        head, 413, "the body of the request has more than " + std::to_string(limits.body_bytes) + " bytes."));
  else if (error == http::error::header_limit)
    exchange_->answer(context_->site->rejected(head, 431,
                                               "the header of the request has more than " +
                                                   std::to_string(limits.header_bytes) + " bytes."));
  else
    exchange_->answer(
        context_->site->rejected(head, 400, "the request is not valid HTTP: " + error.message() + "."));
}

void Connection::watch() {
  channel_.async_readable([self = shared_from_this(), waiting = std::weak_ptr(exchange_)](Code error) {
    if (!error)
      self->look(waiting);
  });
}

void Connection::look(const std::weak_ptr<Exchange>& waiting) {
  const std::shared_ptr<Exchange> exchange = waiting.lock();
  if (!exchange || exchange != exchange_ || exchange->over())
    return;
  if (channel_.client_left())
    return left();
  // The readable data is the next request or a TLS record; the end of the stream may follow it.
  pause_.expires_after(between_looks);
  pause_.async_wait([self = shared_from_this(), waiting](Code error) {
    if (!error)
      self->look(waiting);
  });
}

void Connection::left() {
  if (const std::shared_ptr<Exchange> exchange = std::exchange(exchange_, nullptr)) {
    exchange->leave();
    context_->site->finished(exchange);
  }
  channel_.close();
}

void Connection::write(Reply reply) {
  keeps_ = keeps_ && !unread_ && !context_->site->closing();
  auto message =
      std::make_shared<http::response<http::string_body>>(static_cast<http::status>(reply.status), 11);
  message->set(http::field::server, "cuecard");
  message->set("X-Content-Type-Options", "nosniff");
  message->set(request_id_header, exchange_->request.id);
  if (!reply.body.empty())
    message->set(http::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers)
    message->set(name, value);
  message->content_length(reply.body.size());
  message->keep_alive(keeps_);
  if (exchange_->request.method != "HEAD")
    message->body() = std::move(reply.body);
  give_time();
  http::async_write(channel_, *message,
                    [self = shared_from_this(), message](Code error, std::size_t) { self->answered(error); });
}

void Connection::begin_pieces(const std::string& content_type) {
  keeps_ = keeps_ && chunks_ && !context_->site->closing();
  http::response<http::empty_body> head(http::status::ok, 11);
  head.set(http::field::server, "cuecard");
  head.set("X-Content-Type-Options", "nosniff");
  head.set(request_id_header, exchange_->request.id);
  head.set(http::field::content_type, content_type);
  head.set(http::field::cache_control, "no-store");
  head.chunked(chunks_);
  head.keep_alive(keeps_);
  std::ostringstream text;
  text << head.base();
  pending_ = text.str();
  began_ = true;
}

void Connection::write_piece(const std::string& content_type, std::string_view piece) {
  if (!began_)
    begin_pieces(content_type);
  if (!piece.empty()) // an empty chunk would end the answer
    pending_ += chunks_ ? chunk_of(piece) : std::string(piece);
  if (sending_.empty())
    flush();
}

void Connection::end_pieces() {
  pending_ += chunks_ ? "0\r\n\r\n" : "";
  ended_ = true;
  if (sending_.empty())
    flush();
}

void Connection::flush() {
  if (pending_.empty())
    return ended_ ? answered({}) : void();
  sending_ = std::exchange(pending_, {});
  give_time();
  boost::asio::async_write(channel_, boost::asio::buffer(sending_),
                           [self = shared_from_this()](Code error, std::size_t) {
                             self->sending_.clear();
                             error ? self->left() : self->flush();
                           });
}

void Connection::answered(Code error) {
  if (error)
    return left();
  const std::shared_ptr<Exchange> exchange = std::exchange(exchange_, nullptr);
  if (!exchange)
    return;
  context_->site->finished(exchange);
  if (unread_)
    close_slowly();
  else if (keeps_)
    read_header();
  else
    end();
}

void Connection::end() {
  if (!channel_.encrypted())
    return channel_.close();
  give_time();
  channel_.async_end([self = shared_from_this()](Code) { self->channel_.close(); });
}

void Connection::close_slowly() {
  if (!channel_.encrypted())
    channel_.end_sending();
  channel_.expires_after(
      std::min<std::chrono::milliseconds>(context_->limits.patience, std::chrono::seconds(5)));
  buffer_.clear();
  discard(0);
}

void Connection::discard(std::size_t so_far) {
  buffer_.clear();
  channel_.async_read_some(buffer_.prepare(std::size_t{64} << 10),
                           [self = shared_from_this(), so_far](Code error, std::size_t size) {
                             if (error || so_far + size > most_discarded)
                               self->channel_.close();
                             else
                               self->discard(so_far + size);
                           });
}

} // namespace cuecard::server
