/// The target of a request line.
#pragma once

#include <string>

namespace cuecard::server {

/// The path of a target, as it was sent and without the query. A target may be a path ("/info?x=1") or an absolute URL, as clients send it
/// to a proxy ("http://host:80/info", RFC 9112, section 3.2.2).
std::string path_of(const std::string& target);

} // namespace cuecard::server
