#include "server/http/address.hpp"

#include <charconv>

#include <boost/asio/ip/address.hpp>

#include <cuecard/error.hpp>

namespace cuecard::server {

Address parse_address(const std::string& text) {
  const auto refuse = [&]() -> Address {
    throw UsageError("--listen " + text +
                     ": expected an address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:80.");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos)
    return refuse();
  std::string host = text.substr(0, colon);
  const std::string digits = text.substr(colon + 1);
  Address address;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (failed != std::errc() || end != digits.data() + digits.size())
    return refuse();
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets)
    host = host.substr(1, host.size() - 2);
  if (host == "localhost")
    host = "127.0.0.1";
  boost::system::error_code unknown;
  const boost::asio::ip::address parsed = boost::asio::ip::make_address(host, unknown);
  if (unknown || parsed.is_v6() != brackets)
    return refuse();
  address.host = parsed.to_string();
  address.loopback = parsed.is_loopback();
  return address;
}

} // namespace cuecard::server
