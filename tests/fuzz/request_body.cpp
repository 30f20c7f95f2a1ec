// Bodies of requests to the server. The first line says of which kind: `completion`, `chat` or `rows`.
#include "parser.hpp"

#include <nlohmann/json.hpp>

#include "server/json.hpp"
#include "server/openai/completion_settings.hpp"
#include "server/problem.hpp"
#include "server/row_json.hpp"

using namespace cuecard;

int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  const std::string_view input = fuzz::text_of(bytes, size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string body(input.substr(std::min(end + 1, input.size())));
  return fuzz::read_or_refuse([&] {
    try {
      if (const std::string_view kind = input.substr(0, end); kind == "completion" || kind == "chat") {
        const auto defaults = [](const std::string&) { return GenerateSettings(); };
        const server::CompletionBody read =
            kind == "chat" ? server::parse_chat(body, defaults) : server::parse_completion(body, defaults);
        fuzz::require(read.prompts.empty() != read.messages.empty(), "there is nothing to continue");
        fuzz::require(read.settings.max_length > 0 && read.settings.returns > 0, "nothing would be generated");
        fuzz::require(!read.stream || read.settings.returns == 1, "several texts would be streamed");
      } else {
        const nlohmann::json parsed = server::parse_body(body);
        const bool is_row = !server::problem_of_form(parsed);
        fuzz::require(!is_row || parsed.is_string() || parsed.is_object(), "another value passes for a row");
        const Example row = server::example_of(parsed, "card");
        fuzz::require(!row.fields.contains("card") && !row.words.contains("card"),
                      "the card's name became a field");
      }
    } catch (...) {
      const server::Problem problem = server::current_problem();
      fuzz::require(problem.status == 400, "a body was refused with another status than 400");
      const std::string answer = server::body_of(server::Form::openai, problem);
      fuzz::require(nlohmann::json::accept(answer), "the answer is no JSON"); // whatever the message quotes
      throw;
    }
  });
}
