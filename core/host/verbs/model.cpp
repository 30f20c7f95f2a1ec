#include <filesystem>

#include <cuecard/error.hpp>

#include "host/device.hpp"
#include "host/interrupt.hpp"
#include "host/loading.hpp"
#include "host/output/json_line.hpp"
#include "host/output/table.hpp"
#include "host/runs/progress.hpp"
#include "host/verbs/verbs.hpp"
#include "machine/models.hpp"
#include "model/convert.hpp"
#include "model/safetensors/safetensors_weights.hpp"
#include "program/one_line.hpp"

namespace cuecard::host {

namespace {

/// Number of tensors, elements and bytes; zero if a folder has no weights.
struct WeightCount {
  int64_t tensors = 0, parameters = 0;
  uint64_t bytes = 0;
};

WeightCount count_weights(const ModelFiles& files) {
  WeightCount count;
  if (!files.weights)
    return count;
  for (const std::string& name : files.weights->names()) {
    const StoredTensor tensor = files.weights->stored(name);
    int64_t elements = 1;
    for (const int64_t size : tensor.shape)
      elements *= size;
    ++count.tensors;
    count.parameters += elements;
    count.bytes += tensor.bytes;
  }
  return count;
}

/// Opens the model with weights if it has any: a folder with only a configuration and a tokenizer can be
/// inspected, but damaged weights are an error.
ModelFiles open_with_weights_if_any(const std::string& path) {
  return open_model(path, {.weights = !std::filesystem::is_directory(path) || has_weight_file(path)});
}

} // namespace

int model_info(const Values& values) {
  const std::string path = model_path(values.text("model")).string();
  const registry::Registry plugins = find_plugins(values);
  const ModelFiles files = open_with_weights_if_any(path);
  // The tensors show whether there is a head or a pooler. Those of a folder are only mapped; those of a GGUF
  // file would have to be converted, and its decoders always have a head.
  const bool map_weights = files.weights && std::filesystem::is_directory(path);
  const Model model = Model::load(path, plugins, {.weights = map_weights});
  show_warnings(model.warnings());
  const BackboneShape& shape = model.shape();
  if (shape.generates())
    show_warnings(model.files().unused_settings.warnings());
  const ModelIdentity& identity = files.identity();
  const WeightCount weights = count_weights(files);
  Json info{{"model", path},
            {"family", shape.family},
            {"layers", shape.layers},
            {"hidden", shape.hidden},
            {"heads", shape.heads},
            {"kv_heads", shape.kv_heads},
            {"head_dim", shape.head_dim},
            {"vocabulary", shape.vocabulary},
            {"max_positions", shape.max_positions},
            {"causal", shape.causal},
            {"encoder_decoder", shape.encoder_decoder},
            {"has_lm_head", shape.has_lm_head},
            {"has_pooler", shape.has_pooler},
            {"tokenizer", model.vocabulary().kind()},
            {"tokens", model.vocabulary().size()},
            {"parameters", weights.parameters},
            {"tensors", weights.tensors},
            {"bytes", weights.bytes},
            {"weights_sha256", identity.weights_sha256},
            {"tokenizer_sha256", identity.tokenizer_sha256}};
  if (values.given("json")) {
    print_line(info);
    return 0;
  }
  for (const auto& [key, value] : info.items())
    std::cout << key << std::string(20 - key.size(), ' ')
              << (value.is_string()           ? one_line(value.get<std::string>())
                  : value.is_number_integer() ? grouped(value.get<long long>())
                                              : value.dump())
              << '\n';
  return 0;
}

int model_convert(const Values& values) {
  const std::filesystem::path from = model_path(values.text("file"));
  const std::string to = values.text("folder");
  const bool blocks = values.text("dtype") == "q8_0";
  int64_t in_float32 = 0;
  {
    const Interruptible work;
    ProgressBar bar("convert", 0, values.given("quiet"));
    const NumberFormat format = blocks ? NumberFormat{at::kFloat, MatrixForm::int8} : format_of(values);
    in_float32 = convert_model(from, to, format, [&](int64_t done, int64_t tensors) {
      bar.show(done, tensors, "");
      if (work.requested())
        throw Cancelled();
    });
  }
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(to))
    bytes += entry.is_regular_file() ? entry.file_size() : 0;
  if (values.given("json")) {
    Json line{{"model", to}, {"dtype", values.text("dtype")}, {"bytes", bytes}};
    if (blocks)
      line["float32_matrices"] = in_float32;
    print_line(line);
  } else if (!values.given("quiet")) {
    std::cout << to << ": " << grouped(static_cast<long long>(bytes)) << " bytes, " << values.text("dtype");
    if (in_float32 > 0)
      std::cout << ", but " << in_float32 << (in_float32 == 1 ? " matrix is" : " matrices are")
                << " float32 (tables of positions and segments, and rows that are not whole blocks of 32)";
    std::cout << "\n";
  }
  return 0;
}

} // namespace cuecard::host
