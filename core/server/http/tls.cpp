#include "server/http/tls.hpp"

#include <cuecard/error.hpp>

namespace cuecard::server {

std::unique_ptr<boost::asio::ssl::context> tls_context(const std::filesystem::path& certificates,
                                                       const std::filesystem::path& key) {
  using boost::asio::ssl::context;
  auto tls = std::make_unique<context>(context::tls_server);
  tls->set_options(context::default_workarounds | context::no_sslv2 | context::no_sslv3 | context::no_tlsv1 |
                   context::no_tlsv1_1 | context::single_dh_use);
  boost::system::error_code error;
  tls->use_certificate_chain_file(certificates.string(), error);
  if (error)
    throw DataError(certificates.string() + ": no certificate could be read (" + error.message() +
                    "); expected a PEM file.");
  // A server has no terminal to ask for a passphrase.
  tls->set_password_callback([](std::size_t, context::password_purpose) { return std::string(); }, error);
  tls->use_private_key_file(key.string(), context::pem, error);
  if (error)
    throw DataError(key.string() + ": no private key of the certificate " + certificates.string() +
                    " could be read (" + error.message() + "); expected a PEM file without a passphrase.");
  return tls;
}

} // namespace cuecard::server
