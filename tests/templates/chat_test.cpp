// Templates with roles against transformers: tests/golden/chat_formats.json has a chat in each format, as
// transformers renders it with the template given there.
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include <cuecard/parts/template/grammar_template.hpp>
#include <cuecard/testing/character_vocabulary.hpp>

#include <doctest/doctest.h>

using namespace cuecard;
using nlohmann::json;

namespace {

const std::filesystem::path project = CUECARD_SOURCE_DIR;

/// A model with that chat template and the special tokens in it.
class ChatVocabulary final : public testing::CharacterVocabulary {
public:
  explicit ChatVocabulary(std::string chat_template) : chat_template_(std::move(chat_template)) {}

  std::string piece(int64_t id) const override {
    return id == special_.bos ? "<s>" : id == special_.eos ? "</s>" : "";
  }
  std::optional<int64_t> id(std::string_view piece) const override {
    return chat_template_.find(piece) == std::string::npos ? std::nullopt : std::optional<int64_t>(400);
  }
  std::string chat_template() const override { return chat_template_; }

private:
  std::string chat_template_;
};

GrammarTemplate make(const std::string& text, const Vocabulary& vocabulary,
                     const std::string& format = "auto") {
  Options options;
  options.set("text", text);
  options.set("predict-eos", false);
  options.set("encoder-decoder", std::string("auto"));
  options.set("chat-format", format);
  GrammarTemplate made(options);
  made.prepare({vocabulary, {.causal = true, .encoder_decoder = false}});
  return made;
}

std::string refusal(const std::string& text, const Vocabulary& vocabulary, const std::string& format = "auto") {
  try {
    make(text, vocabulary, format);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

/// The chat as a template: its last turn is a field, and the assistant's answer follows.
std::string as_template(const json& chat) {
  std::string text;
  for (const json& turn : chat)
    text += "{\"role\": \"" + turn["role"].get<std::string>() + "\"} " +
            (turn == chat.back() ? "{\"placeholder\": \"text\"}" : turn["content"].get<std::string>());
  return text + "{\"role\": \"assistant\"} {\"mask\"}";
}

bool says(const std::string& message, const std::string& part) {
  CAPTURE(message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a template with roles renders the chat as transformers does") {
  const json cases = json::parse(std::ifstream(project / "tests/golden/chat_formats.json"));
  REQUIRE(cases.size() > 10);
  for (const json& each : cases) {
    CAPTURE(each["format"]);
    const ChatVocabulary vocabulary(each["chat_template"].get<std::string>());
    const GrammarTemplate made = make(as_template(each["chat"]), vocabulary);
    Example example;
    example.fields["text"] = each["chat"].back()["content"].get<std::string>();
    const Prompt prompt = made.render({example}).at(0);
    std::string written;
    for (const Piece& piece : prompt.input)
      written += piece.text;
    CHECK(written == each["written"].get<std::string>());
    CHECK(prompt.input.back().kind == Piece::Kind::answer);
    for (const Piece& piece : prompt.input)
      CHECK(piece.shortenable == (piece.kind == Piece::Kind::field));
    if (each["written"].get<std::string>().find("<|im_start|>") == 0) // the format may be named, too
      CHECK(make(as_template(each["chat"]), vocabulary, "chatml").render({example}).at(0).input[0].text ==
            prompt.input[0].text);
  }
}

TEST_CASE("templates that can't be rendered as a chat are refused with the reason") {
  const std::string asked = R"({"role": "user"} {"placeholder": "text"}{"role": "assistant"}{"mask"})";
  const ChatVocabulary chatml("{{ '<|im_start|>' }} <|im_end|>");
  says(refusal(asked, ChatVocabulary("")), "has no chat template");
  says(refusal(asked, ChatVocabulary("{{ my_own(messages) }}")), "{{ my_own(messages) }}");
  says(refusal(asked, chatml, "gemma"), "the chat format gemma needs the token <start_of_turn>");
  says(refusal(asked, chatml, "chatlm"), "Did you mean \"chatml\"?");
  says(refusal("Hello " + asked, chatml), "template line 1, column 1: ");
  says(refusal(R"({"role": "user"} {"placeholder": "text"}{"mask"})", chatml), "in the turn of the role user");
  says(refusal(R"({"role": "usr"}{"mask"})", chatml), "Did you mean \"user\"?");
  const ChatVocabulary gemma("<start_of_turn> <end_of_turn>");
  says(refusal(R"({"role": "system"} Be brief.)" + asked, gemma), "have no role system");
}
