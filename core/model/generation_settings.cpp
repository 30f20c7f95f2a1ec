#include "model/generation_settings.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "files/strict_json.hpp"

namespace cuecard {

namespace {

using nlohmann::json;

struct Known {
  const char* key;
  double neutral; ///< the value without effect; 0 is also false and null
  const char* needs = "";
};

/// In transformers 5.23, GenerationConfig.
constexpr Known known_settings[] = {
    {"max_new_tokens", 64}, // the limit of GenerateSettings
    {"max_length", 20},     // transformers' default, which old files spell out
    {"max_time", 0},
    {"min_new_tokens", 0},
    {"min_length", 0},
    {"stop_strings", 0},
    {"num_return_sequences", 1},
    {"do_sample", 0},
    {"temperature", 1, "do_sample"},
    {"top_k", 0, "do_sample"},
    {"top_p", 1, "do_sample"},
    {"min_p", 0, "do_sample"},
    {"top_h", 0, "do_sample"},
    {"typical_p", 1, "do_sample"},
    {"epsilon_cutoff", 0, "do_sample"},
    {"eta_cutoff", 0, "do_sample"},
    {"num_beams", 1},
    {"length_penalty", 1, "num_beams"},
    {"early_stopping", 0, "num_beams"},
    {"num_beam_groups", 1, "num_beams"},
    {"diversity_penalty", 0, "num_beams"},
    {"renormalize_logits", 0, "num_beams"},
    {"constraints", 0, "num_beams"},
    {"force_words_ids", 0, "num_beams"},
    {"repetition_penalty", 1},
    {"encoder_repetition_penalty", 1},
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"bad_words_ids", 0},
    {"suppress_tokens", 0},
    {"begin_suppress_tokens", 0},
    {"forced_decoder_ids", 0},
    {"sequence_bias", 0},
    {"exponential_decay_length_penalty", 0},
    {"guidance_scale", 1},
    {"penalty_alpha", 0},
    {"dola_layers", 0},
    {"token_healing", 0},
    {"watermarking_config", 0},
};

bool is_neutral(const json& value, double neutral) {
  if (value.is_number())
    return value.get<double>() == neutral;
  if (value.is_boolean())
    return !value.get<bool>();
  if (value.is_string())
    return value.get_ref<const std::string&>().empty();
  return value.empty(); // null, or a list or an object without content
}

std::string shortened(const json& value) {
  constexpr std::size_t longest = 40;
  std::string text = value.dump(-1, ' ', true); // in ASCII, so that it can be cut anywhere
  if (text.size() > longest)
    text.replace(longest - 3, std::string::npos, "...");
  return text;
}

} // namespace

std::vector<std::string> UnusedSettings::warnings() const {
  if (settings.empty())
    return {};
  std::string list;
  for (std::size_t i = 0; i < settings.size(); ++i)
    list += (i == 0                     ? ""
             : i + 1 == settings.size() ? " and "
                                        : ", ") +
            ("\"" + settings[i].key + "\" (" + settings[i].value + ")");
  return {file.string() + ": " + list + (settings.size() == 1 ? " is" : " are") +
          " not used; to generate with such settings, set them with the flags of `cuecard generate`, in a "
          "request, or in a card."};
}

UnusedSettings unused_generation_settings(const std::filesystem::path& folder) {
  UnusedSettings unused{folder / "generation_config.json", {}};
  if (!std::filesystem::exists(unused.file))
    unused.file = folder / "config.json";
  const json document = read_json(unused.file);
  if (!document.is_object())
    return unused; // an error of read_configuration
  for (const auto& [key, neutral, needs] : known_settings) {
    const auto found = document.find(key);
    if (found == document.end() || is_neutral(*found, neutral))
      continue;
    const std::string needed = needs;
    const bool counts = needed.empty() || std::ranges::any_of(unused.settings, [&](const auto& other) {
                          return other.key == needed; // it precedes those that need it
                        });
    if (counts)
      unused.settings.push_back({key, shortened(*found), needed});
  }
  return unused;
}

} // namespace cuecard
