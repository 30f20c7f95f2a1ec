/// The generation settings that a model's publisher recommends and that are not used here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard {

/// Settings that `generate` of transformers takes from a model's folder and that could change its texts.
struct UnusedSettings {
  struct Setting {
    std::string key;
    std::string value; ///< as JSON, shortened
    std::string needs; ///< "do_sample" or "num_beams" if it counts only with that one; else ""
  };
  std::filesystem::path file; ///< that they are in
  std::vector<Setting> settings;

  /// One sentence that names them, or none if there are none.
  std::vector<std::string> warnings() const;
};

/// Those of generation_config.json or, as in transformers, of config.json if there is no such file. Left out: start and end tokens, which
/// are used (ModelFiles::configuration); neutral values; settings for sampling or beam search where the file does not ask for it; settings
/// of speed, memory and output. Throws DataError.
UnusedSettings unused_generation_settings(const std::filesystem::path& folder);

} // namespace cuecard
