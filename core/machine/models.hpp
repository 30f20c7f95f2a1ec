/// Models that can be given by name, and the folders that they are looked for in.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cuecard {

/// Where models are looked for, in order: those of CUECARD_MODELS (separated by colons), the user's
/// ($XDG_DATA_HOME or ~/.local/share, then cuecard/models), and the one that `./run setup` fills.
struct ModelFolder {
  std::filesystem::path path;
  std::string origin; ///< "CUECARD_MODELS", "user", "set-up"
};
std::vector<ModelFolder> model_folders();

/// A folder with a config.json, by the folder's name, or a GGUF file, by its name without the ending (with it, where there is
/// also a folder of that name).
struct NamedModel {
  std::string name;
  std::filesystem::path path;
};
/// In the order of the folders, then of their names; of two with the same name the first is used.
std::vector<NamedModel> named_models(const std::vector<ModelFolder>& folders = model_folders());

/// The path of the model that is given as `given`: a file or folder, else the name of a model, in any case, or the
/// beginning of one name up to a `-`, `_` or `.`. DataError if there is none or there are several; for a name of the
/// Hugging Face Hub (`org/name`) it says how to get the model.
std::filesystem::path model_path(const std::string& given,
                                 const std::vector<ModelFolder>& folders = model_folders());

} // namespace cuecard
