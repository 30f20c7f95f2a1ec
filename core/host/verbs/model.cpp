#include <filesystem>

#include <cuecard/error.hpp>

#include "host/device.hpp"
#include "host/interrupt.hpp"
#include "host/json_line.hpp"
#include "host/loading.hpp"
#include "host/one_line.hpp"
#include "host/progress.hpp"
#include "host/table.hpp"
#include "host/verbs/verbs.hpp"
#include "model/convert.hpp"
#include "model/safetensors_weights.hpp"

namespace cuecard::host {

namespace {

/// Elements of all tensors, and of how many; zero where a folder has no weights.
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

/// A folder with only a configuration and a tokenizer is a model that can be looked at. One whose weights are
/// damaged is an error.
ModelFiles open_as_whole_as_it_is(const std::string& path) {
  return open_model(path, {.weights = !std::filesystem::is_directory(path) || has_weight_file(path)});
}

} // namespace

int model_info(const Values& values) {
  const std::string path = values.text("model");
  const registry::Registry plugins = find_plugins(values);
  const ModelFiles files = open_as_whole_as_it_is(path);
  // Whether there is a head or a pooler is seen from the tensors. Those of a folder are only mapped; a GGUF
  // file's would be converted, and its decoders have a head in any case.
  const bool map_weights = files.weights && std::filesystem::is_directory(path);
  const Model model = Model::load(path, plugins, {.weights = map_weights});
  const BackboneShape& shape = model.backbone().shape();
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
            {"scores_vocabulary", shape.scores_vocabulary},
            {"pools", shape.pools},
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
  const std::string from = values.text("file"), to = values.text("folder");
  {
    const Interruptible work;
    ProgressBar bar("convert", 0, values.given("quiet"));
    convert_model(from, to, dtype_of(values), [&](int64_t done, int64_t tensors) {
      bar.show(done, tensors, "");
      if (work.requested())
        throw Cancelled();
    });
  }
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(to))
    bytes += entry.is_regular_file() ? entry.file_size() : 0;
  if (values.given("json"))
    print_line({{"model", to}, {"dtype", values.text("dtype")}, {"bytes", bytes}});
  else if (!values.given("quiet"))
    std::cout << to << ": " << grouped(static_cast<long long>(bytes)) << " bytes, " << values.text("dtype")
              << "\n";
  return 0;
}

} // namespace cuecard::host
