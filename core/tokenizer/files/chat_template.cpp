#include "tokenizer/files/chat_template.hpp"

#include <nlohmann/json.hpp>

#include "tokenizer/files/field.hpp"
#include "tokenizer/files/json_file.hpp"

namespace cuecard::tokenizer {

std::string read_chat_template(const std::filesystem::path& directory) {
  if (const std::filesystem::path file = directory / "chat_template.jinja"; std::filesystem::exists(file))
    return read_file(file);
  const std::filesystem::path file = directory / "tokenizer_config.json";
  if (!std::filesystem::exists(file))
    return "";
  const nlohmann::json document = read_json_file(file);
  const auto found = Field(document, file.string()).find("chat_template");
  if (!found)
    return "";
  if (found->is_string())
    return found->string();
  for (const Field& named : found->items())
    if (named.at("name").string() == "default")
      return named.at("template").string();
  return "";
}

} // namespace cuecard::tokenizer
