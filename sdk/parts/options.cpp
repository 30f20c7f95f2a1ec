#include <cuecard/options.hpp>

#include <stdexcept>

namespace cuecard {

namespace {

template <class T>
const T& get(const std::map<std::string, Options::Value, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end())
    throw std::logic_error("option \"" + std::string(name) + "\" was never declared");
  if (const T* value = std::get_if<T>(&found->second))
    return *value;
  throw std::logic_error("option \"" + std::string(name) + "\" was declared with another type");
}

} // namespace

bool Options::flag(std::string_view name) const {
  return get<bool>(values_, name);
}
int64_t Options::integer(std::string_view name) const {
  return get<int64_t>(values_, name);
}
double Options::number(std::string_view name) const {
  return get<double>(values_, name);
}
const std::string& Options::text(std::string_view name) const {
  return get<std::string>(values_, name);
}

} // namespace cuecard
