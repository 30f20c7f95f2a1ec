#include <algorithm>

#include <nlohmann/json.hpp>

#include "tokenizer/files/chat_template.hpp"
#include "tokenizer/files/companion_files.hpp"
#include "tokenizer/files/json_file.hpp"
#include "tokenizer/files/older_files.hpp"
#include "tokenizer/roles.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {
namespace tokenizer {
namespace {

/// Files from before 2021 lack the type; it follows from the other keys.
std::string model_type(const Field& model) {
  if (const auto type = model.find("type"))
    return type->string();
  if (model.find("merges"))
    return "BPE";
  if (model.at("vocab").is_array())
    return "Unigram";
  return model.has({"continuing_subword_prefix", "max_input_chars_per_word"}) ? "WordPiece" : "WordLevel";
}

const std::vector<std::string> model_types = {"WordPiece", "BPE", "Unigram", "WordLevel"};

std::unique_ptr<const Pieces> read_pieces(const Field& vocabulary) {
  const auto entries = vocabulary.string_ids();
  auto pieces = std::make_unique<Pieces>(entries.size());
  for (const auto& [piece, id] : entries) {
    if (pieces->add_alias(piece, id) != Pieces::Added::yes)
      vocabulary.fail("gives \"" + piece + "\" the id " + std::to_string(id) +
                      ", but the ids of a vocabulary of " + std::to_string(entries.size()) +
                      " pieces should range from 0 to about " + std::to_string(entries.size() - 1) + ".");
  }
  return pieces;
}

/// The index is the id.
VocabularyData read_scored_pieces(const Field& vocabulary) {
  const auto entries = vocabulary.scored_strings();
  auto pieces = std::make_unique<Pieces>(entries.size());
  VocabularyData vocabulary_data;
  for (const auto& [piece, score] : entries) {
    const auto id = static_cast<int64_t>(vocabulary_data.scores.size());
    if (pieces->add_again(piece, id) != Pieces::Added::yes)
      vocabulary.fail("has more than " + std::to_string(id) +
                      " pieces, which is more than a vocabulary can have.");
    vocabulary_data.scores.push_back(score);
  }
  vocabulary_data.pieces = std::move(pieces);
  return vocabulary_data;
}

VocabularyData read_vocabulary_data(const Field& model) {
  const std::string type = model_type(model);
  // First, because the vocabulary format depends on the type.
  if (std::find(model_types.begin(), model_types.end(), type) == model_types.end())
    model.at("type").fail_unknown(type, model_types);
  const Field vocabulary = model.at("vocab");
  VocabularyData vocabulary_data;
  if (type == "Unigram")
    vocabulary_data = read_scored_pieces(vocabulary);
  else
    vocabulary_data.pieces = read_pieces(vocabulary);
  if (const auto merges = model.find("merges"); merges && type == "BPE")
    vocabulary_data.merges = merges->string_pairs();
  return vocabulary_data;
}

void check_post_processor(const Field& field, const Steps& steps) {
  for (const auto* ids : {&steps.post_processor.prefix, &steps.post_processor.suffix})
    for (const int64_t id : *ids)
      if (!steps.pieces->piece(id) && !steps.added.find(id))
        field.fail("adds token id " + std::to_string(id) +
                   " to a sequence, but the vocabulary has no such id.");
}

/// Only BPE has dropout; 0 means none.
void check_dropout(const Field& model, std::vector<std::string>& warnings) {
  const auto dropout = model.find("dropout");
  if (!dropout || model_type(model) != "BPE" || dropout->number() == 0)
    return;
  if (!(dropout->number() > 0 && dropout->number() <= 1))
    dropout->fail("should be a probability, from 0 to 1, but " + dropout->excerpt() + " was found.");
  warnings.push_back(
      dropout->sentence("is " + dropout->excerpt() +
                        ", by which the tokenizers package splits a text differently every time; "
                        "Cuecard always splits it as without dropout."));
}

} // namespace

Steps make_steps(const Field& root, VocabularyData vocabulary_data) {
  Steps steps;
  steps.pieces = std::move(vocabulary_data.pieces);
  if (const auto normalizer = root.find("normalizer"))
    steps.normalizer = make_normalizer(*normalizer);
  if (const auto added = root.find("added_tokens"))
    steps.added = AddedTokens(*added, *steps.pieces, steps.normalizer.get(), steps.warnings);

  const Field model = root.at("model");
  // Only BPE works with an empty vocabulary: it drops what it doesn't know.
  if (steps.pieces->count() == 0 && (steps.added.all().empty() || model_type(model) != "BPE"))
    model.at("vocab").fail("is empty, so no text could be encoded.");
  check_dropout(model, steps.warnings);
  const auto pre_tokenizer = root.find("pre_tokenizer");
  const std::string type = model_type(model);
  const bool takes_bytes = type == "BPE" && !model.flag("byte_fallback", false) && pre_tokenizer &&
                           model.string("continuing_subword_prefix", "").empty() &&
                           model.string("end_of_word_suffix", "").empty() &&
                           ends_with_byte_level(*pre_tokenizer);
  if (pre_tokenizer)
    steps.pre_tokenizer = make_pre_tokenizer(*pre_tokenizer, !takes_bytes);
  if (type == "WordPiece")
    steps.model = make_wordpiece(model, *steps.pieces);
  else if (type == "WordLevel")
    steps.model = make_wordlevel(model, *steps.pieces);
  else if (type == "BPE")
    steps.model = make_bpe(model, *steps.pieces, vocabulary_data.merges,
                           takes_bytes ? WordForm::bytes : WordForm::characters, vocabulary_data.merges_name);
  else if (type == "Unigram")
    steps.model = make_unigram(model, *steps.pieces, vocabulary_data.scores, [&](int64_t id) {
      const AddedToken* token = steps.added.find(id);
      return token && token->special;
    });
  else
    model.at("type").fail_unknown(type, model_types);

  if (const auto post_processor = root.find("post_processor")) {
    steps.post_processor = read_post_processor(*post_processor);
    check_post_processor(*post_processor, steps);
  }
  if (const auto decoder = root.find("decoder"))
    steps.decoder = make_decoder(*decoder);
  return steps;
}

std::shared_ptr<const Vocabulary> make_vocabulary(const nlohmann::json& document, const std::string& origin,
                                                  const std::filesystem::path& directory,
                                                  std::vector<std::string>* warnings) {
  const Field root(document, origin);
  Steps steps = make_steps(root, read_vocabulary_data(root.at("model")));
  steps.roles = read_roles(directory, *steps.pieces, steps.added, steps.post_processor);
  steps.chat_template = read_chat_template(directory);
  if (warnings)
    warnings->insert(warnings->end(), steps.warnings.begin(), steps.warnings.end());
  return std::make_shared<Pipeline>(std::move(steps));
}

} // namespace tokenizer

std::shared_ptr<const Vocabulary> read_tokenizer(const std::filesystem::path& directory,
                                                 const std::string& family,
                                                 std::vector<std::string>* warnings) {
  if (std::filesystem::exists(directory / "tokenizer.json"))
    return read_tokenizer_json(directory / "tokenizer.json", warnings);
  return tokenizer::make_vocabulary(tokenizer::older_files_as_tokenizer_json({directory, family}),
                                    directory.string(), directory, warnings);
}

std::string tokenizer_json_text(const std::filesystem::path& directory, const std::string& family) {
  if (const auto file = directory / "tokenizer.json"; std::filesystem::exists(file)) {
    const std::string text = tokenizer::read_file(file);
    nlohmann::json document = tokenizer::parse_json_text(text, file.string());
    const tokenizer::CompanionFiles companions(directory);
    // Pieces that tokenizer_config.json names are read from there again, as roles are, so that the text, and with it the
    // identity in cards, stays the file's own.
    return tokenizer::add_companion_tokens(document, companions, nullptr) ? document.dump() + "\n" : text;
  }
  return tokenizer::older_files_as_tokenizer_json({directory, family}).dump() + "\n";
}

std::shared_ptr<const Vocabulary> read_tokenizer_json(const std::filesystem::path& file,
                                                      std::vector<std::string>* warnings) {
  nlohmann::json document = tokenizer::read_json_file(file);
  const tokenizer::CompanionFiles companions(file.parent_path());
  tokenizer::add_companion_tokens(document, companions, warnings);
  auto vocabulary = tokenizer::make_vocabulary(document, file.string(), file.parent_path(), warnings);
  if (warnings)
    for (std::string& sentence : tokenizer::contradictions(document, companions))
      warnings->push_back(std::move(sentence));
  return vocabulary;
}

} // namespace cuecard
