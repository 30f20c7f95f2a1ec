/// A card: a saved task. A directory with `card.json` and `card.safetensors`; nothing in it is ever evaluated.
///
/// `card.json`, format version 1 (all fields are there, no others are allowed):
///
///     format_version  1
///     name            text
///     created_by      text: program and version
///     backbone        family, sizes {key: whole number}, weights_sha256, tokenizer_sha256, source
///     template        plugin, plugin_version, component, options {name: scalar}, source (the template's text)
///     verbalizer      plugin, plugin_version, component, options, label_words [[text]] by label, or []
///     tuner           plugin, plugin_version, component, options
///                     verbalizer and tuner also: texts {name: text}, what they found that is no tensor
///     labels          [text]
///     positions       text: position convention of learned rows and prefixes
///     length          max_length (0: none), truncate: tail | head | balanced | windows
///     training        steps, best_step, seconds, examples, settings {name: scalar}
///     metrics         [{name, value, ci95 [low, high], n, data_sha256, file}]; a number that is unknown is
///     null seed            whole number tensors_sha256  of card.safetensors
///
/// `card.safetensors` has the tuner's tensors as `tuner.NAME`, the verbalizer's as `verbalizer.NAME`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "batch/assemble.hpp"
#include "model/model_identity.hpp"

namespace cuecard {

/// A component of a plugin, as it was when the card was made.
struct CardComponent {
  std::string plugin, plugin_version, component;
  Options options; ///< complete; numbers finite
};

struct CardTraining {
  int64_t steps = 0, best_step = 0;
  double seconds = 0;
  int64_t examples = 0;
  Options settings;
};

struct CardMetric {
  std::string name; ///< "accuracy"
  double value = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN(),
         high = std::numeric_limits<double>::quiet_NaN(); ///< 95%
  int64_t n = 0;                                          ///< rows
  std::string data_sha256;                                ///< of the data file
  std::string file;                                       ///< its name, without directories
};

struct Card {
  static constexpr int64_t format_version = 1;

  std::string name;
  std::string created_by;
  ModelIdentity backbone;
  CardComponent prompt_template;
  std::string template_source;
  CardComponent verbalizer;
  std::vector<std::vector<std::string>> label_words;
  CardComponent tuner;
  std::vector<std::string> labels;
  std::string positions;
  LengthLimit length;
  CardTraining training;
  std::vector<CardMetric> metrics;
  uint64_t seed = 0;
  Learned tuner_learned, verbalizer_learned; ///< tensors are on the CPU after reading, in memory of their own
};

/// Whether a card can be written there: the folder around it can be written to (else DataError), and what has
/// that name is a card, an empty folder or nothing (else UsageError). What is not a card is not ours to
/// replace.
void check_card_place(const std::filesystem::path& directory);

/// Writes the directory beside and renames it; a card of that name is replaced in one step. What is there and
/// is not a card is a UsageError; a full disk, a number in a tensor that is not finite or a text that is not
/// UTF-8 a DataError. After an error what was there before is there still.
void save_card(const Card& card, const std::filesystem::path& directory);

/// Reads and checks everything: form and limits of the JSON (16 MB, 16 deep), the SHA-256 of the tensors' file,
/// all numbers finite. So a card that was cut off or changed at any byte of its tensors, or cut at any byte of
/// its JSON, is a DataError. Another format version is one that names both versions.
Card read_card(const std::filesystem::path& directory);

/// A card that was made for another model is a DataError that names both, unless `force`. The weights are not
/// compared where `model` has no weights_sha256 (a model opened without weights).
void check_identity(const Card& card, const ModelIdentity& model, bool force = false);

} // namespace cuecard
