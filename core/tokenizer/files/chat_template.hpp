/// The source of a model's chat template. It is a Jinja program, which is stored but never executed.
#pragma once

#include <filesystem>
#include <string>

namespace cuecard::tokenizer {

/// `chat_template.jinja` in `directory`, else `chat_template` in its tokenizer_config.json: a string, or a list
/// of named templates, of which "default" is used. "" if there is none.
std::string read_chat_template(const std::filesystem::path& directory);

} // namespace cuecard::tokenizer
