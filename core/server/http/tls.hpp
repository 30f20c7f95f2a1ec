/// TLS for connections, by OpenSSL.
#pragma once

#include <filesystem>
#include <memory>

#include <boost/asio/ssl/context.hpp>

namespace cuecard::server {

/// The server's certificate with those that it was signed by, and its private key, in PEM files. TLS 1.2 and later. DataError that names
/// the file when one can't be read or when they don't belong together.
std::unique_ptr<boost::asio::ssl::context> tls_context(const std::filesystem::path& certificates,
                                                       const std::filesystem::path& key);

} // namespace cuecard::server
