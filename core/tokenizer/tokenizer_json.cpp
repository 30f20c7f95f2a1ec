#include <nlohmann/json.hpp>

#include "tokenizer/json_file.hpp"
#include "tokenizer/roles.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {
namespace tokenizer {
namespace {

/// Files from before 2021 leave the model's type to be told from its keys.
std::string model_type(const Field& model) {
  if (const auto type = model.find("type"))
    return type->string();
  if (model.find("merges"))
    return "BPE";
  return model.at("vocab").is_array() ? "Unigram" : "WordPiece";
}

std::unique_ptr<const Pieces> read_pieces(const Field& vocabulary) {
  const auto entries = vocabulary.numbered_strings();
  if (entries.empty())
    vocabulary.fail("is empty, so no text could be encoded.");
  auto pieces = std::make_unique<Pieces>(entries.size());
  for (const auto& [piece, id] : entries) {
    const Pieces::Added added = pieces->add(piece, id);
    if (added == Pieces::Added::id_taken)
      vocabulary.fail("gives id " + std::to_string(id) + " to both \"" + *pieces->piece(id) + "\" and \"" +
                      piece + "\".");
    if (added != Pieces::Added::yes)
      vocabulary.fail("gives \"" + piece + "\" the id " + std::to_string(id) + ", but ids of a vocabulary of " +
                      std::to_string(entries.size()) + " pieces should be about 0 to " +
                      std::to_string(entries.size() - 1) + ".");
  }
  return pieces;
}

void check_post_processor(const Field& field, const Steps& steps) {
  for (const auto* ids : {&steps.post_processor.prefix, &steps.post_processor.suffix})
    for (const int64_t id : *ids)
      if (!steps.pieces->piece(id) && !steps.added.find(id))
        field.fail("puts token id " + std::to_string(id) +
                   " around a text, but the vocabulary has no such id.");
}

} // namespace

Steps make_steps(const Field& root, std::unique_ptr<const Pieces> pieces, const Merges& merges) {
  Steps steps;
  steps.pieces = std::move(pieces);
  if (const auto normalizer = root.find("normalizer"))
    steps.normalizer = make_normalizer(*normalizer);
  if (const auto added = root.find("added_tokens"))
    steps.added = AddedTokens(*added, *steps.pieces, steps.normalizer.get());

  const Field model = root.at("model");
  const auto pre_tokenizer = root.find("pre_tokenizer");
  const std::string type = model_type(model);
  const bool takes_bytes =
      type == "BPE" && !model.flag("byte_fallback", false) && pre_tokenizer && ends_byte_level(*pre_tokenizer);
  if (pre_tokenizer)
    steps.pre_tokenizer = make_pre_tokenizer(*pre_tokenizer, !takes_bytes);
  if (type == "WordPiece")
    steps.model = make_wordpiece(model, *steps.pieces);
  else if (type == "BPE")
    steps.model = make_bpe(model, *steps.pieces, merges, takes_bytes ? WordForm::bytes : WordForm::characters);
  else
    model.at("type").fail_unknown(type, {"WordPiece", "BPE"});

  if (const auto post_processor = root.find("post_processor")) {
    steps.post_processor = read_post_processor(*post_processor);
    check_post_processor(*post_processor, steps);
  }
  if (const auto decoder = root.find("decoder"))
    steps.decoder = make_decoder(*decoder);
  return steps;
}

} // namespace tokenizer

std::shared_ptr<const Vocabulary> read_tokenizer_json(const std::filesystem::path& file) {
  using namespace tokenizer;
  const nlohmann::json document = read_json_file(file);
  const Field root(document, file.string());
  const Field model = root.at("model");
  // The type first: other models write their vocabularies otherwise.
  if (const std::string type = model_type(model); type != "WordPiece" && type != "BPE")
    model.at("type").fail_unknown(type, {"WordPiece", "BPE"});
  const auto merges = model.find("merges");
  Steps steps = make_steps(root, read_pieces(model.at("vocab")), merges ? merges->string_pairs() : Merges{});
  steps.roles = read_roles(file.parent_path(), *steps.pieces, steps.added, steps.post_processor);
  return std::make_shared<Pipeline>(std::move(steps));
}

} // namespace cuecard
