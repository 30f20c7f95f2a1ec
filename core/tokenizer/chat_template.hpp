/// The text of a model's chat template. It is a program; it is kept as text and never run.
#pragma once

#include <filesystem>
#include <string>

namespace cuecard::tokenizer {

/// `chat_template.jinja` in `directory`, or else `chat_template` of its tokenizer_config.json: a text, or a
/// list of named ones, of which "default" is taken. "" where there is none.
std::string read_chat_template(const std::filesystem::path& directory);

} // namespace cuecard::tokenizer
