/// Turns an example into prompts.
///
/// Threads: const methods may run concurrently once `prepare` has returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/prompt.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// A learned row that a template placed in its text.
struct SoftSlot {
  /// Token whose word embedding the row starts from, or none: the tuner's own initialisation.
  std::optional<int64_t> initial_token;
};

/// The model facts that decide how a prompt is laid out.
struct PromptTarget {
  bool causal = false;
  bool encoder_decoder = false;
  int64_t decoder_start = -1; ///< BackboneShape::decoder_start
  Reading reading = {};       ///< with anything but answers a template needs no answer slot
  /// In a masked model a given answer of k tokens is k mask rows that shall become them. Where this is false a
  /// given answer is refused.
  bool masked_targets = false;
};

class Template {
public:
  virtual ~Template() = default;

  /// Parses and binds to a vocabulary. Errors are UsageError with line and column of the template's text.
  virtual void prepare(const Vocabulary& vocabulary, const PromptTarget& target) = 0;

  /// Names of the fields and `meta.`-prefixed side data that it reads.
  virtual std::vector<std::string> fields() const = 0;

  /// The prompts of an example. With `answers`, the k-th answer slot carries the k-th text (teacher forcing,
  /// demonstrations). A field that the example lacks is a DataError that names it.
  virtual std::vector<Prompt> render(const Example& example,
                                     const std::vector<std::string>* answers = nullptr) const = 0;

  /// The prompt with every field empty: the content-free input of contextual calibration.
  virtual Prompt blank() const = 0;

  /// Soft slots by number.
  virtual const std::vector<SoftSlot>& soft_slots() const = 0;
  /// Answer slots in one prompt.
  virtual int64_t answer_slots() const = 0;

  /// The tokens that stand in trigger slots; -1 where none was chosen yet.
  virtual const std::vector<int64_t>& triggers() const = 0;
  virtual void set_triggers(const std::vector<int64_t>& ids) = 0;

  /// The template as a person would write it, with the tokens of `triggers` in their places.
  virtual std::string source() const = 0;
  /// Becomes the template that `source` spells; slots are counted anew. UsageError with line and column.
  virtual void set_source(const std::string& source) = 0;
};

} // namespace cuecard
