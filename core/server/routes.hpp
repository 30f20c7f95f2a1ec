/// Which function answers which method and path.
#pragma once

#include <optional>
#include <string>

#include "server/call.hpp"

namespace cuecard::server {

struct Route {
  const char* method;
  const char* path; ///< `{name}` matches one part of it
  Form form;
  void (*serve)(const Call& call); ///< null: Server answers it itself, whatever its state
};

struct FoundRoute {
  const Route* route = nullptr; ///< null: there is none of that path, or not for that method
  std::string name;             ///< the part that matched `{name}`, decoded
  std::string allowed;          ///< methods of the path, when this one is not among them
};

/// HEAD is answered like GET.
FoundRoute find_route(const std::string& method, const std::string& path);

/// The form of errors of a path, also of one that does not exist.
Form form_of(const std::string& path);

} // namespace cuecard::server
