#include "server/http/listener.hpp"

#include <utility>

#include <cuecard/error.hpp>

namespace cuecard::server {

using boost::asio::ip::tcp;

Listener::Listener(boost::asio::io_context& io, const Address& address,
                   std::shared_ptr<ConnectionContext> context)
    : acceptor_(io), pause_(io), context_(std::move(context)) {
  const tcp::endpoint endpoint(boost::asio::ip::make_address(address.host), address.port);
  boost::system::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error)
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error)
    acceptor_.bind(endpoint, error);
  if (!error)
    acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error)
    throw Error("could not listen on " + address.host + " port " + std::to_string(address.port) + ": " +
                error.message() + "; choose another address or port with --listen.");
}

Address Listener::address() const {
  const tcp::endpoint bound = acceptor_.local_endpoint();
  return {bound.address().to_string(), bound.port(), bound.address().is_loopback()};
}

void Listener::accept() {
  if (context_->connections >= context_->limits.connections)
    return accept_later();
  acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted)
      return;
    if (error) // no file descriptor is free
      return accept_later();
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored); // pieces of streamed answers are small
    std::make_shared<Connection>(std::move(socket), context_)->start();
    accept();
  });
}

void Listener::accept_later() {
  pause_.expires_after(std::chrono::milliseconds(50));
  pause_.async_wait([this](boost::system::error_code error) {
    if (!error)
      accept();
  });
}

} // namespace cuecard::server
