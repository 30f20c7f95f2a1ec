#include <vector>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "files/strict_json.hpp"
#include "host/input/line_stream.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/verbs/verbs.hpp"
#include "machine/models.hpp"
#include "model/model_files.hpp"

namespace cuecard::host {

namespace {

std::vector<int64_t> ids_of(const std::string& line, const std::string& place, const Vocabulary& vocabulary) {
  const nlohmann::json list = parse_json(line, place);
  std::vector<int64_t> ids;
  if (!list.is_array())
    throw DataError(place + ": is not a JSON list; expected a list of token ids.");
  for (const auto& id : list) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocabulary.size())
      throw DataError(place + ": " + id.dump().substr(0, 40) +
                      " is not a token id; expected whole numbers from 0 to " +
                      std::to_string(vocabulary.size() - 1) + ".");
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

void encode(const std::string& text, const Vocabulary& vocabulary, bool special) {
  std::vector<int64_t> ids;
  const auto add = [&](std::span<const int64_t> more) { ids.insert(ids.end(), more.begin(), more.end()); };
  if (special)
    add(vocabulary.sequence_prefix());
  for (const Token& token : special ? vocabulary.encode_with_specials(text) : vocabulary.encode(text))
    ids.push_back(token.id);
  if (special)
    add(vocabulary.sequence_suffix());
  print_line(ids);
}

void decode(const std::string& line, const std::string& place, const Vocabulary& vocabulary, bool special,
            bool json) {
  const std::string text = vocabulary.decode(ids_of(line, place, vocabulary), !special);
  if (json)
    print_line(text);
  else
    std::cout << text << '\n';
}

} // namespace

int tokenize(const Values& values) {
  const ModelFiles files = open_model(model_path(values.text("model")), {.weights = false});
  show_warnings(files.warnings);
  const bool special = values.given("special");
  int64_t number = 0;
  const auto one = [&](const std::string& text, const char* source) {
    const std::string place = source + std::to_string(++number);
    if (values.given("decode"))
      decode(text, place, *files.vocabulary, special, values.given("json"));
    else
      encode(text, *files.vocabulary, special);
  };
  for (const std::string& text : values.texts("text"))
    one(text, "text ");
  LineStream lines(STDIN_FILENO, "standard input");
  if (!values.given("text"))
    for (std::string line; lines.next(line);)
      one(line, "standard input, line ");
  return 0;
}

} // namespace cuecard::host
