#include "card/card.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>

#include <unistd.h>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "card/card_json.hpp"
#include "files/atomic_write.hpp"
#include "files/sha256.hpp"
#include "files/strict_json.hpp"
#include "model/safetensors/safetensors.hpp"

namespace cuecard {

namespace {

constexpr const char* json_name = "card.json";
constexpr const char* tensors_name = "card.safetensors";

/// A component of a card, as the names of its tensors begin.
struct TensorOwner {
  std::string_view prefix;
  ComponentState Card::*state;
};
constexpr TensorOwner tensor_owners[] = {{"tuner.", &Card::tuner_state},
                                         {"verbalizer.", &Card::verbalizer_state},
                                         {"template.", &Card::template_state}};

void check_numbers(const std::string& name, const at::Tensor& tensor, const std::string& origin) {
  if (tensor.is_floating_point() && !at::isfinite(tensor).all().item<bool>())
    throw DataError(origin + ": the tensor \"" + name +
                    "\" holds NaN or infinite values, so the card is unusable.");
}

std::map<std::string, at::Tensor> tensors_of(const Card& card) {
  std::map<std::string, at::Tensor> tensors;
  for (const TensorOwner& owner : tensor_owners)
    for (const auto& [name, tensor] : (card.*owner.state).tensors)
      tensors[std::string(owner.prefix) + name] = tensor;
  return tensors;
}

std::filesystem::path folder_of(const std::filesystem::path& directory) {
  const std::filesystem::path whole = directory.has_filename() ? directory : directory.parent_path();
  return whole.has_parent_path() ? whole.parent_path() : ".";
}

/// Unused paths for a card that can't be written to `directory`.
std::vector<std::filesystem::path> other_places(const std::filesystem::path& directory) {
  const std::filesystem::path whole = directory.has_filename() ? directory : directory.parent_path();
  std::error_code none;
  const std::string stem = whole.stem().string() + ".rescued", extension = whole.extension().string();
  std::vector<std::filesystem::path> places;
  for (const std::filesystem::path& folder : {folder_of(directory), std::filesystem::temp_directory_path(none),
                                              std::filesystem::current_path(none)}) {
    std::filesystem::path place = folder / (stem + extension);
    for (int number = 2; std::filesystem::exists(place, none); ++number)
      place = folder / (stem + "-" + std::to_string(number) + extension);
    if (!folder.empty())
      places.push_back(std::move(place));
  }
  return places;
}

void read_tensors(const std::filesystem::path& path, Card& card) {
  const SafetensorsFile file(path);
  for (const auto& [name, entry] : file.entries()) {
    const auto* owner = std::ranges::find_if(
        tensor_owners, [&name = name](const TensorOwner& each) { return name.starts_with(each.prefix); });
    if (owner == std::end(tensor_owners))
      throw DataError(
          path.string() + ": the tensor \"" + name.substr(0, 80) +
          "\" belongs to no component; expected a name that begins with \"tuner.\", \"verbalizer.\" or "
          "\"template.\".");
    // Copied: a tuner may train its state further, and the card may be replaced in the meantime.
    const at::Tensor tensor = file.tensor(name).clone();
    check_numbers(name, tensor, path.string());
    (card.*owner->state).tensors[name.substr(owner->prefix.size())] = tensor;
  }
}

std::string described(const ModelIdentity& identity) {
  std::string text = identity.family + " \"" + identity.source + "\" (";
  for (const auto& [key, size] : identity.sizes)
    text += key + " " + std::to_string(size) + ", ";
  const auto hash = [](const std::string& digest) { return digest.empty() ? "unknown" : digest.substr(0, 16); };
  return text + "weights " + hash(identity.weights_sha256) + ", tokenizer " + hash(identity.tokenizer_sha256) +
         ")";
}

} // namespace

void check_card_place(const std::filesystem::path& directory) {
  std::error_code unreadable;
  if (std::filesystem::exists(directory, unreadable) &&
      !std::filesystem::exists(directory / json_name, unreadable) &&
      !(std::filesystem::is_directory(directory, unreadable) &&
        std::filesystem::is_empty(directory, unreadable)))
    throw UsageError(directory.string() + ": exists and is not a card; name another place for the card.");
  const std::filesystem::path parent = folder_of(directory);
  if (!std::filesystem::is_directory(parent, unreadable))
    throw DataError(directory.string() + ": there is no folder " + parent.string() +
                    " to write the card to; create it first.");
  if (::access(parent.c_str(), W_OK | X_OK) != 0)
    throw DataError(directory.string() + ": the folder " + parent.string() +
                    " is not writable; name another place for the card.");
}

int64_t card_bytes(const Card& card) {
  const std::string digest(64, '0');
  return safetensors_size(tensors_of(card)) + std::ssize(card_text(card, digest));
}

void check_card_space(const std::filesystem::path& directory, int64_t bytes) {
  const std::filesystem::path parent = folder_of(directory);
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(parent, unknown);
  if (!unknown && space.available < static_cast<std::uintmax_t>(bytes))
    throw DataError(directory.string() + ": the card takes " + std::to_string(bytes) + " bytes, and only " +
                    std::to_string(space.available) + " are free in " + parent.string() +
                    "; free some space, or name another place for the card.");
}

SavedCard save_card_somewhere(const Card& card, const std::filesystem::path& directory) {
  try {
    save_card(card, directory);
    return {directory, ""};
  } catch (const Error& error) {
    for (const std::filesystem::path& place : other_places(directory)) {
      try {
        save_card(card, place);
        return {place, error.what()};
      } catch (const Error&) { // the first reason is the one to report
      }
    }
    throw;
  }
}

void save_card(const Card& card, const std::filesystem::path& directory) {
  check_card_place(directory);
  const auto tensors = tensors_of(card);
  for (const auto& [name, tensor] : tensors)
    check_numbers(name, tensor, directory.string());
  AtomicDirectory written(directory);
  try {
    write_safetensors(written.path() / tensors_name, tensors);
    write_file_atomically(written.path() / json_name,
                          card_text(card, sha256_of_file(written.path() / tensors_name)));
  } catch (const DataError& error) {
    throw DataError(written.with_target_path(error.what()));
  }
  written.commit();
}

void require_card(const std::filesystem::path& place) {
  namespace fs = std::filesystem;
  std::error_code unreadable;
  if (!fs::exists(place, unreadable))
    throw DataError(place.string() + ": there is no such folder; expected a card (a folder with card.json).");
  if (fs::exists(place / json_name, unreadable))
    return;
  const fs::path folder = folder_of(place);
  std::string hint = ".";
  if (place.filename() == json_name || place.filename() == tensors_name)
    hint = "; give the folder, " + folder.string() + ".";
  else if (fs::exists(place / "adapter_config.json", unreadable))
    hint = "; it is a PEFT adapter, which `cuecard card import` imports.";
  throw DataError(place.string() + ": is not a card (a folder with card.json)" + hint);
}

Card read_card(const std::filesystem::path& directory) {
  require_card(directory);
  const std::filesystem::path json = directory / json_name, tensors = directory / tensors_name;
  std::string expected;
  Card card = parse_card(read_text(json, std::size_t{16} << 20), json.string(), expected);
  if (const std::string found = sha256_of_file(tensors); found != expected)
    throw DataError(tensors.string() + ": has the SHA-256 " + found.substr(0, 16) + "..., but card.json says " +
                    expected.substr(0, 16) + "...; the card was cut off or changed.");
  read_tensors(tensors, card);
  return card;
}

std::string unfitted_warning(const Card& card) {
  if (card.verbalizer_failure.empty())
    return "";
  return "the verbalizer \"" + card.verbalizer.component +
         "\" could not be fitted after training, so the card's results may be worse; train it again (" +
         card.verbalizer_failure + ").";
}

void check_identity(const Card& card, const ModelIdentity& model, Force force) {
  ModelIdentity made_for = card.backbone;
  if (model.weights_sha256.empty())
    made_for.weights_sha256.clear();
  if (force == Force::given || made_for == model)
    return;
  throw DataError("the card \"" + card.name + "\" was made for " + described(card.backbone) +
                  ", but this model is " + described(model) + "; use the card's own model" +
                  (force == Force::omitted ? ", or --force to use it anyway." : "."));
}

} // namespace cuecard
