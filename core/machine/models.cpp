#include "machine/models.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& letter : text)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Where the set-up of the tree that this program came from puts models; "" if it came from a package.
fs::path fetched_models() {
  std::error_code unreadable;
  const fs::path program = fs::read_symlink("/proc/self/exe", unreadable);
  std::string folder;
  std::ifstream file(program.parent_path() / "../share/cuecard/models-folder");
  std::getline(file, folder);
  return folder;
}

constexpr const char* gguf = ".gguf";

/// Whether there is a folder of the file's name beside it: `cuecard model convert` made it, and it is read faster.
bool is_converted(const fs::path& file) {
  std::error_code unreadable;
  return file.extension() == gguf && fs::exists(file.parent_path() / file.stem() / "config.json", unreadable);
}

bool begins_name(const std::string& beginning, const std::string& name) {
  return !beginning.empty() && name.size() > beginning.size() && name.starts_with(beginning);
}

/// Whether it is written like a name on the Hugging Face Hub: `org/name`.
bool is_hub_name(const std::string& given) {
  const auto allowed = [](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) ||
           std::string("-_./").find(letter) != std::string::npos;
  };
  return std::ranges::count(given, '/') == 1 && std::ranges::all_of(given, allowed) &&
         !given.starts_with('.') && !given.starts_with('/') && !given.ends_with('/');
}

std::string listed(const std::vector<NamedModel>& models) {
  std::string text;
  for (const NamedModel& model : models)
    text += (text.empty() ? "" : ", ") + model.name;
  return text;
}

[[noreturn]] void refuse(const std::string& given, const std::vector<NamedModel>& models) {
  if (is_hub_name(given)) {
    const std::string name = given.substr(given.find('/') + 1);
    throw DataError(
        given +
        ": there is no such folder; if this is a model on the Hugging Face Hub, fetch it first with `hf download " +
        given + " --local-dir " + name + "` and give --model " + name + ".");
  }
  std::vector<std::string> names;
  names.reserve(models.size());
  for (const NamedModel& model : models)
    names.push_back(lower(model.name));
  throw DataError(
      given +
      ": there is no such file or folder and no model of that name; expected a model folder, a .gguf file, or " +
      (models.empty() ? "the name of a model in a folder of CUECARD_MODELS."
                      : "one of these model names (a unique prefix is enough): " + listed(models) + ".") +
      did_you_mean(lower(given), names));
}

} // namespace

std::vector<ModelFolder> model_folders() {
  std::vector<ModelFolder> folders;
  std::istringstream paths(environment("CUECARD_MODELS"));
  for (std::string path; std::getline(paths, path, ':');)
    if (!path.empty())
      folders.push_back({path, "CUECARD_MODELS"});
  const fs::path data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (data.is_absolute())
    folders.push_back({data / "cuecard" / "models", "user"});
  else if (home.is_absolute())
    folders.push_back({home / ".local" / "share" / "cuecard" / "models", "user"});
  if (const fs::path fetched = fetched_models(); !fetched.empty())
    folders.push_back({fetched, "set-up"});
  return folders;
}

std::vector<NamedModel> named_models(const std::vector<ModelFolder>& folders) {
  std::vector<NamedModel> models;
  for (const ModelFolder& folder : folders) {
    std::vector<NamedModel> here;
    std::error_code unreadable;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder.path, unreadable)) {
      const fs::path& path = entry.path();
      if (fs::exists(path / "config.json", unreadable))
        here.push_back({path.filename().string(), path});
      else if (path.extension() == gguf)
        here.push_back({is_converted(path) ? path.filename().string() : path.stem().string(), path});
    }
    std::ranges::sort(here, {}, &NamedModel::name);
    for (NamedModel& model : here)
      if (std::ranges::none_of(models,
                               [&](const NamedModel& other) { return lower(other.name) == lower(model.name); }))
        models.push_back(std::move(model));
  }
  return models;
}

fs::path model_path(const std::string& given, const std::vector<ModelFolder>& folders) {
  std::error_code unreadable;
  if (fs::exists(given, unreadable))
    return given;
  const std::vector<NamedModel> models = named_models(folders);
  if (given.find('/') != std::string::npos)
    refuse(given, models);
  std::vector<NamedModel> fitting;
  for (const NamedModel& model : models) {
    const std::string name = lower(model.name);
    if (lower(given) == name || (lower(given) == name + gguf && model.path.extension() == gguf))
      return model.path;
    if (begins_name(lower(given), name) && !is_converted(model.path))
      fitting.push_back(model);
  }
  if (fitting.empty())
    refuse(given, models);
  if (fitting.size() > 1)
    throw DataError(given + ": several models have a name with this prefix (" + listed(fitting) +
                    "); write more of it, or give the path.");
  return fitting[0].path;
}

} // namespace cuecard
