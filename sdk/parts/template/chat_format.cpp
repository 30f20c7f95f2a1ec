#include <cuecard/parts/template/chat_format.hpp>

#include <algorithm>
#include <functional>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// The spellings of the tokens at the beginning and end of a sequence; "" if the vocabulary has none.
struct Ends {
  std::string bos, eos;
};

/// A format, the marks that identify its chat templates, and the special tokens that it needs.
struct KnownFormat {
  std::string name;
  std::vector<std::string> marks; ///< the chat template contains all of them
  std::vector<std::string> tokens;
  std::function<ChatFormat(const Ends& ends)> make;
};

/// All turns have the same form: the role's name between `before` and `after`.
ChatFormat uniform(const std::string& before, const std::string& after, const std::string& close) {
  ChatFormat format;
  for (const std::string& role : chat_roles())
    format.turns[role] = {before + role + after, close};
  return format;
}

ChatFormat gemma(const Ends&) {
  ChatFormat format = uniform("<start_of_turn>", "\n", "<end_of_turn>\n");
  format.turns["assistant"].open = "<start_of_turn>model\n";
  format.turns.erase("system");
  return format;
}

ChatFormat mistral(const Ends& ends) {
  ChatFormat format;
  format.turns["user"] = {"[INST] ", " [/INST]"};
  format.turns["assistant"] = {" ", ends.eos};
  return format;
}

/// Each answer ends with the end-of-sequence token, and the next turn begins a new sequence.
ChatFormat llama_2(const Ends& ends) {
  ChatFormat format = mistral(ends);
  format.turns["assistant"].close = " " + ends.eos + ends.bos;
  format.turns["system"] = {"[INST] <<SYS>>\n", "\n<</SYS>>\n\n"};
  return format;
}

/// In the order in which they are tried: the marks of later formats are less specific.
const std::vector<KnownFormat>& known_formats() {
  static const std::vector<KnownFormat> formats = {
      {"chatml",
       {"<|im_start|>", "<|im_end|>"},
       {"<|im_start|>", "<|im_end|>"},
       [](const Ends&) { return uniform("<|im_start|>", "\n", "<|im_end|>\n"); }},
      {"llama-3",
       {"<|start_header_id|>", "<|eot_id|>"},
       {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       [](const Ends&) { return uniform("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>"); }},
      {"gemma", {"<start_of_turn>", "<end_of_turn>"}, {"<start_of_turn>", "<end_of_turn>"}, gemma},
      {"phi-3",
       {"<|end|>", "<|assistant|>"},
       {"<|user|>", "<|assistant|>", "<|end|>"},
       [](const Ends&) { return uniform("<|", "|>\n", "<|end|>\n"); }},
      {"zephyr",
       {"<|user|>", "<|assistant|>", "eos_token"},
       {},
       [](const Ends& ends) { return uniform("<|", "|>\n", ends.eos + "\n"); }},
      {"llama-2", {"[INST]", "[/INST]", "<<SYS>>"}, {}, llama_2},
      {"mistral", {"[INST]", "[/INST]"}, {}, mistral},
  };
  return formats;
}

std::string listed_names() {
  std::string names;
  for (const std::string& name : chat_format_names())
    names += (names.empty() ? "" : ", ") + name;
  return names;
}

const KnownFormat& recognised(const std::string& chat_template) {
  if (chat_template.empty())
    throw UsageError(
        "the template has roles, and the model's tokenizer has no chat template, which would define how "
        "turns are written: set the option \"chat-format\" to one of " +
        listed_names() + ".");
  for (const KnownFormat& format : known_formats())
    if (std::ranges::all_of(format.marks, [&](const std::string& mark) {
          return chat_template.find(mark) != std::string::npos;
        }))
      return format;
  throw UsageError("the model's chat template is not one of the known formats (" + listed_names() +
                   "); set the option \"chat-format\", or write the turns' special tokens into the template. "
                   "The model's is: " +
                   chat_template);
}

const KnownFormat& named(const std::string& name) {
  for (const KnownFormat& format : known_formats())
    if (format.name == name)
      return format;
  throw UsageError("unknown chat format \"" + name + "\"; known are " + listed_names() + "." +
                   did_you_mean(name, chat_format_names()));
}

} // namespace

const std::vector<std::string>& chat_format_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const KnownFormat& format : known_formats())
      result.push_back(format.name);
    return result;
  }();
  return names;
}

const std::vector<std::string>& chat_roles() {
  static const std::vector<std::string> roles = {"system", "user", "assistant"};
  return roles;
}

ChatFormat chat_format(const std::string& name, const Vocabulary& vocabulary) {
  const std::string chat_template = vocabulary.chat_template();
  const KnownFormat& known = name == "auto" ? recognised(chat_template) : named(name);
  for (const std::string& token : known.tokens)
    if (!vocabulary.id(token))
      throw UsageError("the chat format " + known.name + " needs the token " + token +
                       ", which the model's vocabulary lacks.");
  const SpecialTokens& special = vocabulary.special();
  const auto spelled = [&](const std::optional<int64_t>& id) { return id ? vocabulary.piece(*id) : ""; };
  ChatFormat format = known.make({spelled(special.bos), spelled(special.eos)});
  format.name = known.name;
  format.user_after_system = known.name == "llama-2" ? "" : format.turns.at("user").open;
  // Later Mistral models have no space there; the model's own chat template decides.
  if (known.name == "mistral" && !chat_template.empty() && chat_template.find(" [/INST]") == std::string::npos)
    format.turns.at("user").close = "[/INST]";
  return format;
}

} // namespace cuecard
