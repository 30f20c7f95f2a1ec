// For compare_tokenizers.py and compare_odd_files.py in tests/golden/tokenizer: tokenizes many texts with one
// vocabulary. Reads one JSON object per line from standard input, {"hex": bytes of the text, "special": false},
// and writes {"ids", "begin", "end", "text", "prefix", "suffix"} for each, where "text" is the decoded ids
// including special tokens, or {"error"} for a text that can't be tokenized.
#include <iostream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "tokenizer/tokenizer.hpp"

namespace {

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  return bytes;
}

nlohmann::json answer(const cuecard::Vocabulary& vocabulary, const nlohmann::json& request) {
  const std::string text = bytes_of(request.at("hex"));
  const auto tokens =
      request.value("special", false) ? vocabulary.encode_with_specials(text) : vocabulary.encode(text);
  std::vector<int64_t> ids;
  std::vector<uint32_t> begin, end;
  for (const cuecard::Token& token : tokens) {
    ids.push_back(token.id);
    begin.push_back(token.begin);
    end.push_back(token.end);
  }
  return {{"ids", ids},
          {"begin", begin},
          {"end", end},
          {"text", vocabulary.decode(ids, false)},
          {"prefix", vocabulary.sequence_prefix()},
          {"suffix", vocabulary.sequence_suffix()}};
}

nlohmann::json answer_or_error(const cuecard::Vocabulary& vocabulary, const nlohmann::json& request) {
  try {
    return answer(vocabulary, request);
  } catch (const cuecard::DataError& error) {
    return {{"error", error.what()}};
  }
}

} // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: tokenize_lines TOKENIZER.json < requests > answers\n";
    return 2;
  }
  try {
    const auto vocabulary = cuecard::read_tokenizer_json(arguments[1]);
    for (std::string line; std::getline(std::cin, line);)
      std::cout << answer_or_error(*vocabulary, nlohmann::json::parse(line)).dump() << "\n";
  } catch (const cuecard::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
