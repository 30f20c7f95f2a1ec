/// Accepts connections.
#pragma once

#include <cstdint>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/http/address.hpp"
#include "server/http/connection.hpp"

namespace cuecard::server {

/// Threads: that of the io_context, after the constructor.
class Listener {
public:
  /// Binds and listens. Error when that fails.
  Listener(boost::asio::io_context& io, const Address& address, std::shared_ptr<ConnectionContext> context);

  void accept();
  /// The address that it listens on, with the system's choice for port 0.
  Address address() const;

private:
  void accept_later();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::shared_ptr<ConnectionContext> context_;
};

} // namespace cuecard::server
