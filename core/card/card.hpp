/// A card: a trained task on disk. A directory with `card.json` and `card.safetensors`; nothing in it is
/// executed.
///
/// `card.json`, format version 2 (no other fields are allowed; `multi_label`, `negative_label`, `metric`, `data` and `fit_failure` may be absent):
///
///     format_version  2
///     name            text, not empty
///     created_by      text: program and version
///     backbone        family, sizes {key: whole number}, weights_sha256, tokenizer_sha256, source
///     template        plugin, plugin_version, component, options {name: scalar}, source (the template's text)
///     verbalizer      plugin, plugin_version, component, options, label_words [[text]] by label, or [];
///                     fit_failure: why it could not be fitted after training; absent where it was
///     tuner           plugin, plugin_version, component, options
///                     verbalizer and tuner also: texts {name: text}, their state other than tensors
///     labels          [text], no two alike
///     multi_label     true where an example may have several labels; else absent
///     negative_label  the label that F1 leaves out; absent where there is none
///     metric          the task's metric; absent where it is the default
///     position_convention  "soft prompts and prefixes count as positions" | "prefixes do not count as positions"
///     truncation      max_length (0: none), strategy: tail | head | balanced | windows
///     data            the columns of the task's files, with the keys and values of "data" in a task file (format,
///                     header, fields, label, ...), and label_values [[text]] by label; absent if they are not known
///     training        steps, best_step, seconds, examples, settings {name: scalar}
///     metrics         [{name, value, ci95 [low, high], n, data_sha256, file}]; unknown numbers are null
///     seed            whole number
///     tensors_sha256  SHA-256 of card.safetensors
///
/// Version 1 had `positions` for `position_convention` and `length` {max_length, truncate} for `truncation`; it
/// is still read.
///
/// `card.safetensors` has the tuner's tensors as `tuner.NAME` and the verbalizer's as `verbalizer.NAME`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "batch/assemble.hpp"
#include "data/record_layout.hpp"
#include "model/model_identity.hpp"

namespace cuecard {

/// A component of a plugin, as it was when the card was created.
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
  int64_t n = 0;                                          ///< examples
  std::string data_sha256;                                ///< of the data file
  std::string file;                                       ///< its name, without directories
};

struct Card {
  static constexpr int64_t format_version = 2;

  std::string name;
  std::string created_by;
  ModelIdentity backbone;
  CardComponent prompt_template;
  std::string template_source;
  CardComponent verbalizer;
  std::vector<std::vector<std::string>> label_words;
  std::string verbalizer_failure; ///< why the verbalizer could not be fitted after training; "" if it was
  CardComponent tuner;
  std::vector<std::string> labels;
  bool multi_label = false;
  std::string negative_label; ///< one of `labels`, or ""
  std::string metric;         ///< the task's; "": the default for what the verbalizer predicts
  std::string positions;
  LengthLimit length;
  std::optional<RecordLayout> columns; ///< of the task's data files
  std::vector<std::vector<std::string>>
      label_values; ///< per label: how the files write it, besides its name; or none
  CardTraining training;
  std::vector<CardMetric> metrics;
  uint64_t seed = 0;
  ComponentState tuner_state, verbalizer_state, template_state; ///< tensors that were read own their CPU memory
};

/// Checks that a card can be written there: the parent folder must be writable (else DataError), and
/// `directory` must be a card, an empty folder or absent (else UsageError), since only cards are replaced.
void check_card_place(const std::filesystem::path& directory);

/// Size of the card's files, which are made in memory: throws what `save_card` would throw for a tensor or a text that
/// can't be written, except that numbers need not be finite yet.
int64_t card_bytes(const Card& card);

/// DataError if fewer than `bytes` are free for a card at `directory`.
void check_card_space(const std::filesystem::path& directory, int64_t bytes);

/// Writes the directory atomically (temporary directory, then rename), replacing a card of that name in one
/// step. UsageError if something other than a card is there; DataError for a full disk, a tensor value that is
/// not finite or a text that is not UTF-8. After an error the previous content is unchanged.
void save_card(const Card& card, const std::filesystem::path& directory);

/// Where a card was written.
struct SavedCard {
  std::filesystem::path place;
  std::string problem; ///< why it is not at the requested path; empty if it is
};

/// Like `save_card`, but if the card can't be written there, tries an unused name beside it, in the temporary directory
/// and in the working directory, so that a trained card is not lost. Throws the error of the first attempt if all fail.
SavedCard save_card_somewhere(const Card& card, const std::filesystem::path& directory);

/// DataError if `place` is not a folder with card.json; nothing else is checked.
void require_card(const std::filesystem::path& place);

/// Reads and checks everything: structure and limits of the JSON (16 MB, 16 levels), the SHA-256 of the tensor
/// file, finite values. So a card whose tensors were truncated or changed at any byte, or whose JSON was
/// truncated at any byte, is a DataError. For another format version, the DataError names both versions.
Card read_card(const std::filesystem::path& directory);

/// A warning, for every use of the card, that its verbalizer could not be fitted after training; "" if it was.
std::string unfitted_warning(const Card& card);

/// Whether to use a card made for another model: the command's flag --force, if it has one.
enum class Force { no_such_flag, omitted, given };

/// DataError that names both models if the card was trained for another one, unless forced. Weights are not
/// compared where `model` has no weights_sha256 (opened without weights).
void check_identity(const Card& card, const ModelIdentity& model, Force force = Force::no_such_flag);

} // namespace cuecard
