/// Downloads over HTTPS with the system's libcurl.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/error.hpp>

namespace cuecard::shipping {

/// Whether the text is an address with a scheme, such as https://host/path.
bool is_address(const std::string& text);

/// The server answers that there is no such file.
class NotThere : public DataError {
public:
  using DataError::DataError;
};

/// The bytes at an HTTPS address; redirections must lead to HTTPS, too. The certificate is checked with the machine's authorities, or those
/// in the file that SSL_CERT_FILE names; a proxy is taken from https_proxy. libcurl is opened at the first call, so that no package of
/// Cuecard contains a TLS library that would miss the system's updates. Throws DataError that names the address, also for more than
/// `limit` bytes, which are never received, and for a machine without libcurl; NotThere for a file that the server does not have.
void download(const std::string& address, uint64_t limit,
              const std::function<void(const char*, std::size_t)>& take);

} // namespace cuecard::shipping
