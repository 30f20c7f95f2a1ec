#include <cuecard/parts/words/label_words.hpp>

#include <algorithm>
#include <map>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

constexpr const char* no_prefix_mark = "<!>";

std::string words_key(const std::string& label) {
  return "words of " + label;
}

/// Whether words of two labels begin with different bytes and yet with the same token, which then is their prefix's.
bool share_prefix_token(const std::vector<LabelWord>& some, const std::vector<LabelWord>& others) {
  const auto prefixed = [](const LabelWord& word) {
    return word.text.size() > word.word.size() && !word.word.empty();
  };
  return std::any_of(some.begin(), some.end(), [&](const LabelWord& left) {
    return prefixed(left) && std::any_of(others.begin(), others.end(), [&](const LabelWord& right) {
             return prefixed(right) && left.tokens[0] == right.tokens[0] && left.word[0] != right.word[0];
           });
  });
}

} // namespace

LabelWordEncoding LabelWordEncoding::of(const VerbalizerTarget& target, std::string prefix) {
  return {&target.vocabulary, std::move(prefix),
          target.backbone.shape().causal ? TextContext::text : TextContext::special};
}

LabelWord encode_label_word(const LabelWordEncoding& encoding, const std::string& word,
                            const std::string& label) {
  LabelWord result{word, word.rfind(no_prefix_mark, 0) == 0 ? word.substr(3) : encoding.prefix + word, {}};
  const TextPart part{result.text};
  for (const Token& token : encoding.vocabulary->encode_parts({&part, 1}, encoding.context))
    result.tokens.push_back(token.id);
  const std::optional<int64_t> unknown = encoding.vocabulary->special().unk;
  if (result.tokens.empty() ||
      (unknown && std::find(result.tokens.begin(), result.tokens.end(), *unknown) != result.tokens.end()))
    throw UsageError("the label word \"" + word + "\" of label \"" + label +
                     "\" can't be encoded with the model's vocabulary: choose another word.");
  return result;
}

void require_labels_and_head(const VerbalizerTarget& target, const std::string& verbalizer) {
  if (!target.backbone.shape().has_lm_head)
    throw UsageError(
        "the verbalizer \"" + verbalizer +
        "\" scores words, and this model has no language-model head: choose a checkpoint that has one, "
        "or a verbalizer on hidden states.");
  if (target.labels.empty())
    throw DataError("the verbalizer \"" + verbalizer +
                    "\" chooses among labels, and the task has none: name them under \"labels\" in the task "
                    "file");
}

LabelWords read_label_words(const VerbalizerTarget& target, const std::string& verbalizer,
                            const std::string& prefix) {
  require_labels_and_head(target, verbalizer);
  if (!target.slot_words.empty())
    throw UsageError("the labels have words for each of several answer slots, and the verbalizer \"" +
                     verbalizer +
                     "\" has one: write \"words\" as one list of texts, or use the verbalizer \"rules\".");
  if (!target.label_words.empty() && target.label_words.size() != target.labels.size())
    throw UsageError("the task has " + counted(target.labels.size(), "label") + ", and label words for " +
                     std::to_string(target.label_words.size()));
  const LabelWordEncoding encoding = LabelWordEncoding::of(target, prefix);
  std::map<std::string, std::string> label_of; // by word
  LabelWords result;
  for (std::size_t label = 0; label < target.labels.size(); ++label) {
    const std::string& name = target.labels[label];
    std::vector<std::string> words =
        target.label_words.empty() ? std::vector<std::string>{} : target.label_words[label];
    if (words.empty())
      words.push_back(name);
    result.emplace_back();
    for (const std::string& word : words) {
      if (const auto [entry, added] = label_of.emplace(word, name); !added)
        throw UsageError("the word \"" + word + "\" is given " +
                         (entry->second == name
                              ? "twice for the label \"" + name + "\""
                              : "for two labels, \"" + entry->second + "\" and \"" + name + "\"") +
                         "; give each label different words of its own.");
      result.back().push_back(encode_label_word(encoding, word, name));
    }
  }
  return result;
}

const std::string& first_word(const VerbalizerTarget& target, std::size_t label) {
  const bool has_words = label < target.label_words.size() && !target.label_words[label].empty();
  return has_words ? target.label_words[label].front() : target.labels.at(label);
}

std::vector<std::string> first_texts(const LabelWords& words) {
  std::vector<std::string> texts;
  for (const std::vector<LabelWord>& of_label : words)
    texts.push_back(of_label.at(0).text);
  return texts;
}

const std::string& text_of_label(const std::vector<std::string>& texts, int64_t label) {
  if (label < 0 || label >= std::ssize(texts))
    throw DataError("label " + std::to_string(label) + " was requested, and the task has " +
                    std::to_string(texts.size()));
  return texts[static_cast<std::size_t>(label)];
}

void save_words(const LabelWords& words, const std::vector<std::string>& labels, ComponentState& state) {
  for (std::size_t label = 0; label < words.size(); ++label) {
    std::string& lines = state.texts[words_key(labels.at(label))];
    for (const LabelWord& word : words[label])
      lines += (lines.empty() ? "" : "\n") + word.word;
  }
}

std::vector<std::vector<std::string>>
load_words(const ComponentState& state, const std::vector<std::string>& labels, const std::string& verbalizer) {
  std::vector<std::vector<std::string>> words;
  for (const std::string& label : labels) {
    const auto found = state.texts.find(words_key(label));
    if (found == state.texts.end() || found->second.empty())
      throw DataError("the card has no text \"" + words_key(label) + "\" of the verbalizer \"" + verbalizer +
                      "\"; use the card as it was written, or train it again");
    words.emplace_back();
    for (std::size_t begin = 0; begin <= found->second.size();) {
      const std::size_t end = std::min(found->second.find('\n', begin), found->second.size());
      words.back().push_back(found->second.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return words;
}

void require_distinct(const LabelWords& words, const std::vector<std::string>& labels, MultiToken handler,
                      bool has_joint) {
  std::map<std::vector<std::vector<int64_t>>, std::size_t> seen;
  for (std::size_t label = 0; label < words.size(); ++label) {
    std::vector<std::vector<int64_t>> tokens;
    for (const LabelWord& word : words[label]) {
      tokens.push_back(word.tokens);
      if (handler == MultiToken::first)
        tokens.back().resize(1);
    }
    std::sort(tokens.begin(), tokens.end());
    const auto [same, fresh] = seen.emplace(std::move(tokens), label);
    if (!fresh)
      throw UsageError("the labels \"" + labels.at(same->second) + "\" and \"" + labels.at(label) +
                       "\" would always score the same, because their words are scored by the same tokens: "
                       "choose other words, " +
                       (handler == MultiToken::first && share_prefix_token(words[same->second], words[label])
                            ? "the option \"prefix\" \"\", because the prefix is a token of its own, "
                            : "") +
                       "or the option \"multi-token-handler\" mean" +
                       (has_joint
                            ? " (the mean logit of a word's tokens) or joint (the probability of the whole "
                              "word, with a mask for each token in masked models)"
                            : ""));
  }
}

Scores label_scores(const at::Tensor& values) {
  Scores scores;
  scores.values = values.reshape({-1});
  for (int64_t d = 1; d <= values.size(0); ++d)
    scores.offsets.push_back(d * values.size(1));
  return scores;
}

const at::Tensor& require_tensor(const ComponentState& state, const std::string& name, at::IntArrayRef shape,
                                 const std::string& verbalizer) {
  const auto found = state.tensors.find(name);
  const std::string of = "the card's tensor \"" + name + "\" of the verbalizer \"" + verbalizer + "\"";
  if (found == state.tensors.end())
    throw DataError("the card has no tensor \"" + name + "\" of the verbalizer \"" + verbalizer +
                    "\"; train it again");
  if (!found->second.is_floating_point())
    throw DataError(of + " is not floating-point; use the card as it was written, or train it again");
  if (found->second.sizes() != shape) {
    const auto spelled = [](at::IntArrayRef sizes) {
      std::string text;
      for (const int64_t size : sizes)
        text += (text.empty() ? "" : " x ") + std::to_string(size);
      return text;
    };
    throw DataError(of + " is " + spelled(found->second.sizes()) + ", and should be " + spelled(shape) +
                    "; use the card as it was written, or train it again");
  }
  return found->second;
}

} // namespace cuecard
