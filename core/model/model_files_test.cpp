#include "model/model_files.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cuecard/parts/stored/stored_matrix.hpp>

#include "files/sha256.hpp"
#include "model/convert.hpp"
#include "model/safetensors/safetensors.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

const std::filesystem::path smollm2 =
    std::filesystem::path(CUECARD_SOURCE_DIR) / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";

const std::string config =
    R"({"model_type": "bert", "hidden_size": 4, "vocab_size": 3, "torch_dtype": "float32", "keep": {"me": [1]}})";
const std::string tokenizer = R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
    {"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "a": 1, "b": 2}}})";

/// Writes a model directory without weights.
void write_model_directory(const TestFolder& folder) {
  folder.write("config.json", config);
  folder.write("tokenizer.json", tokenizer);
}

std::string index_json(const std::map<std::string, std::string>& map) {
  return nlohmann::json{{"weight_map", map}}.dump();
}

std::string error_of(const TestFolder& folder) {
  return sentence([&] { open_model(folder.path()); });
}

} // namespace

TEST_CASE("model: a directory with a single weight file") {
  TestFolder folder;
  write_model_directory(folder);
  const at::Tensor x = at::rand({3, 4});
  write_safetensors(folder.path() / "model.safetensors",
                    {{"x", x}, {"half", x.to(at::kBFloat16)}, {"ids", at::arange(3, at::kLong)}});
  const ModelFiles model = open_model(folder.path());
  CHECK(model.configuration.integer("hidden_size") == 4);
  CHECK(model.vocabulary->encode("b a").size() == 2);
  CHECK(model.weights->has("x"));
  CHECK(!model.weights->has("y"));
  CHECK(model.weights->names() == std::vector<std::string>{"half", "ids", "x"});
  CHECK(model.weights->get("x", {3, 4}).equal(x));
  CHECK(model.weights->get("x", {-1, 4}).const_data_ptr() ==
        model.weights->get("x", {3, 4}).const_data_ptr()); // memory-mapped, not copied
  CHECK((model.weights->get("half", {3, 4}).scalar_type() == at::kFloat));
  CHECK(model.weights->get("half", {3, 4}).equal(x.to(at::kBFloat16).to(at::kFloat)));
  CHECK((model.weights->get("ids", {3}).scalar_type() == at::kLong));
  CHECK(model.weights->stored("half").type == "BF16");
  CHECK((model.weights->stored("half").dtype == at::kFloat));
  CHECK(model.weights->stored("half").bytes == 24);
  CHECK(contains(sentence([&] {
                   model.weights->get("hal", {3, 4});
                 }),
                 "no tensor \"hal\". Did you mean \"half\"?"));
  CHECK(contains(sentence([&] { model.weights->get("x", {4, 3}); }), "has the shape [3, 4]; expected [4, 3]"));
  CHECK(contains(sentence([&] { model.weights->get("x", {-1}); }), "expected [any]"));
  const ModelFiles low = open_model(folder.path(), {.dtype = at::kBFloat16});
  CHECK((low.weights->get("x", {3, 4}).scalar_type() == at::kBFloat16));
  CHECK((low.weights->get("ids", {3}).scalar_type() == at::kLong));
}

TEST_CASE("model: only start and end tokens are taken from generation_config.json") {
  TestFolder folder;
  write_model_directory(folder);
  folder.write("config.json",
               R"({"model_type": "bert", "vocab_size": 3, "eos_token_id": 1, "bos_token_id": 0})");
  folder.write("generation_config.json",
               R"({"eos_token_id": [1, 2], "forced_bos_token_id": 0, "bos_token_id": 2, "num_beams": 4})");
  const ModelFiles files = open_model(folder.path(), {.weights = false});
  const Configuration& configuration = files.configuration;
  CHECK(std::get<std::vector<int64_t>>(configuration.values().at("eos_token_id")) ==
        std::vector<int64_t>{1, 2});
  CHECK(configuration.integer("forced_bos_token_id") == 0);
  CHECK(configuration.integer("bos_token_id") == 0);
  CHECK(!configuration.has("num_beams"));
  REQUIRE(files.unused_settings.settings.size() == 1);
  CHECK(files.unused_settings.settings[0].key == "num_beams");
  // Unlike in transformers, null does not mean that texts have no end.
  folder.write("generation_config.json", R"({"eos_token_id": null})");
  CHECK(open_model(folder.path(), {.weights = false}).configuration.integer("eos_token_id") == 1);
}

TEST_CASE("model: shards and their index") {
  TestFolder folder;
  write_model_directory(folder);
  const at::Tensor x = at::rand({2}), y = at::rand({5});
  write_safetensors(folder.path() / "one.safetensors", {{"x", x}});
  write_safetensors(folder.path() / "two.safetensors", {{"y", y}});
  folder.write("model.safetensors.index.json",
               index_json({{"x", "one.safetensors"}, {"y", "two.safetensors"}}));
  const ModelFiles model = open_model(folder.path());
  CHECK(model.weights->get("x", {2}).equal(x));
  CHECK(model.weights->get("y", {5}).equal(y));
  CHECK(model.identity().weights_sha256 ==
        sha256(sha256_of_file(folder.path() / "one.safetensors") + "  one.safetensors\n" +
               sha256_of_file(folder.path() / "two.safetensors") + "  two.safetensors\n"));
  const auto with = [&](const std::string& index) {
    folder.write("model.safetensors.index.json", index);
    return error_of(folder);
  };
  CHECK(contains(with(index_json({{"x", "one.safetensors"}, {"y", "three.safetensors"}})),
                 "\"three.safetensors\", which is missing"));
  CHECK(
      contains(with(index_json({{"x", "one.safetensors"}, {"z", "two.safetensors"}, {"y", "two.safetensors"}})),
               "\"z\" to \"two.safetensors\", which doesn't contain it"));
  CHECK(contains(with(index_json({{"x", "two.safetensors"}, {"y", "one.safetensors"}})),
                 "doesn't list for this file"));
  CHECK(contains(with(index_json({{"x", "one.safetensors"}})) + with(index_json({{"y", "one.safetensors"}})),
                 "doesn't list for this file"));
  CHECK(contains(with(index_json({{"x", "../one.safetensors"}})), "file next to the index"));
  CHECK(contains(with(index_json({{"x", "/etc/passwd"}})), "file next to the index"));
  CHECK(contains(with(R"({"weight_map": {"x": 1}})"), "file next to the index"));
  CHECK(contains(with(R"({"weight_map": {"x": "one.safetensors", "x": "two.safetensors"}})"), "appears twice"));
  CHECK(contains(with("{}"), "weight_map"));
  CHECK(contains(with("[]"), "weight_map"));

  const std::string index = index_json({{"x", "one.safetensors"}, {"y", "two.safetensors"}});
  const std::string whole = bytes_of_file(folder.path() / "two.safetensors");
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() - 20, whole.size() - 1}) {
    folder.write("two.safetensors", whole.substr(0, size));
    const std::string message = with(index);
    CHECK_MESSAGE(contains(message, "two.safetensors: "), message);
    CHECK_MESSAGE(contains(message, "cut off"), message);
  }
}

TEST_CASE("model: the error names the missing file") {
  TestFolder folder;
  CHECK(contains(error_of(folder), "has no config.json"));
  folder.write("config.json", config);
  CHECK(contains(error_of(folder), "has no tokenizer.json and no vocab.txt"));
  folder.write("tokenizer.json", tokenizer);
  CHECK(contains(error_of(folder), "neither model.safetensors nor"));
  CHECK(open_model(folder.path(), {.weights = false}).weights == nullptr);
  CHECK(open_model(folder.path(), {.weights = false}).identity().weights_sha256.empty());
  write_safetensors(folder.path() / "model-00001-of-00002.safetensors", {{"x", at::ones({2})}});
  CHECK(contains(error_of(folder), "\"model-00001-of-00002.safetensors\" and no model.safetensors.index.json"));
  folder.write("pytorch_model.bin", "pickle");
  CHECK(contains(error_of(folder), "safe_serialization=True"));
  CHECK(contains(sentence([&] { open_model(folder.path() / "none"); }), "no such file or folder"));
  CHECK(contains(sentence([&] { open_model(folder.path() / "config.json"); }), "doesn't start with \"GGUF\""));
}

TEST_CASE("model: quantised folders and adapters are named") {
  TestFolder folder;
  folder.write("adapter_config.json", "{}");
  CHECK(contains(error_of(folder), "is a PEFT adapter, not a model"));
  write_model_directory(folder);
  write_safetensors(folder.path() / "model.safetensors", {{"x", at::ones({2})}});
  auto document = nlohmann::json::parse(config);
  document["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}};
  folder.write("config.json", document.dump());
  CHECK(contains(error_of(folder), "the weights are quantised (\"gptq\")"));
  CHECK(open_model(folder.path(), {.weights = false}).weights == nullptr);
}

TEST_CASE("model: reading a tokenizer differently than its file says is a warning") {
  TestFolder folder;
  write_model_directory(folder);
  CHECK(open_model(folder.path(), {.weights = false}).warnings.empty());
  auto document = nlohmann::json::parse(tokenizer);
  document["added_tokens"].push_back(document["added_tokens"][0]);
  document["added_tokens"][1]["content"] = "<x>";
  document["added_tokens"][1]["id"] = 7; // the package gives the next one, 3
  folder.write("tokenizer.json", document.dump());
  const ModelFiles files = open_model(folder.path(), {.weights = false});
  REQUIRE(files.warnings.size() == 1);
  CHECK(contains(files.warnings[0], "\"added_tokens[1].id\" is 7, but \"<x>\" has id 3"));
}

TEST_CASE("model: identity") {
  TestFolder folder;
  write_model_directory(folder);
  write_safetensors(folder.path() / "model.safetensors", {{"x", at::ones({2})}});
  const ModelFiles model = open_model(folder.path());
  const ModelIdentity& identity = model.identity();
  CHECK(identity.family == "bert");
  CHECK(identity.sizes == std::map<std::string, int64_t>{{"hidden_size", 4}, {"vocab_size", 3}});
  CHECK(identity.weights_sha256 == sha256_of_file(folder.path() / "model.safetensors"));
  CHECK(identity.tokenizer_sha256 == sha256(tokenizer));
  CHECK(identity.source == folder.path().filename().string());
  CHECK(&identity == &model.identity());
}

TEST_CASE("model: vocab.txt instead of tokenizer.json, and its conversion") {
  TestFolder folder;
  folder.write("config.json", config);
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n");
  write_safetensors(folder.path() / "model.safetensors", {{"x", at::ones({2})}});
  const ModelFiles model = open_model(folder.path());
  const auto ids_of = [](const ModelFiles& files) {
    std::vector<int64_t> ids;
    for (const Token& token : files.vocabulary->encode("A ab b"))
      ids.push_back(token.id);
    return ids;
  };
  CHECK(ids_of(model) == std::vector<int64_t>{5, 5, 6, 1});
  CHECK(model.vocabulary->special().mask == 4);
  convert_model(folder.path(), folder.path() / "out", {at::kFloat});
  const ModelFiles converted = open_model(folder.path() / "out");
  CHECK(ids_of(converted) == ids_of(model));
  CHECK(converted.identity().tokenizer_sha256 == model.identity().tokenizer_sha256);
  CHECK(sha256_of_file(folder.path() / "out" / "tokenizer.json") == model.identity().tokenizer_sha256);
}

TEST_CASE("convert: a directory to another dtype, everything else unchanged") {
  TestFolder folder;
  write_model_directory(folder);
  const at::Tensor x = at::rand({3, 4});
  write_safetensors(folder.path() / "model.safetensors", {{"x", x}, {"ids", at::arange(3, at::kLong)}});
  convert_model(folder.path(), folder.path() / "out", {at::kHalf});
  const SafetensorsFile file(folder.path() / "out" / "model.safetensors");
  CHECK(file.tensor("x").equal(x.to(at::kHalf)));
  CHECK(file.tensor("ids").equal(at::arange(3, at::kLong)));
  CHECK(file.metadata().at("format") == "pt");
  const auto document = nlohmann::json::parse(bytes_of_file(folder.path() / "out" / "config.json"));
  CHECK(document["torch_dtype"] == "float16");
  CHECK(document["keep"]["me"][0] == 1);
  CHECK(bytes_of_file(folder.path() / "out" / "tokenizer.json") == tokenizer);
  CHECK(contains(sentence([&] { convert_model(folder.path(), folder.path() / "out", {at::kHalf}); }),
                 "already exists"));
  CHECK(contains(sentence([&] { convert_model(folder.path(), folder.path() / "b", {at::kLong}); }),
                 "float32, float16 or bfloat16"));
  CHECK(!std::filesystem::exists(folder.path() / "b"));
}

TEST_CASE("convert: matrices to blocks of Q8_0, and back") {
  TestFolder folder;
  write_model_directory(folder);
  const at::Tensor x = at::randn({3, 64}), odd = at::rand({4, 33}), table = at::rand({8, 32}),
                   vector = at::rand({32});
  write_safetensors(folder.path() / "model.safetensors", {{"x", x},
                                                          {"odd", odd},
                                                          {"position_embeddings", table},
                                                          {"vector", vector},
                                                          {"ids", at::arange(3, at::kLong)}});
  CHECK(convert_model(folder.path(), folder.path() / "out", {at::kFloat, MatrixForm::int8}) == 2);
  const auto config = [&](const char* name) {
    return nlohmann::json::parse(bytes_of_file(folder.path() / name / "config.json"));
  };
  CHECK(config("out")["quantization_config"]["quant_method"] == "q8_0");
  CHECK(config("out")["keep"]["me"][0] == 1);

  const ModelFiles plain = open_model(folder.path() / "out");
  const StoredTensor stored = plain.weights->stored("x");
  CHECK(stored.type == "Q8_0");
  CHECK(stored.shape == std::vector<int64_t>{3, 64});
  CHECK(stored.bytes == 3 * 2 * 34);
  // Each number is rounded to a multiple of its block's scale, the largest magnitude / 127, which is rounded to half precision.
  const at::Tensor read = plain.weights->get("x", {3, 64}),
                   largest = x.view({3, 2, 32}).abs().amax(2, true).expand({3, 2, 32}).reshape({3, 64});
  CHECK(((read - x).abs() <= largest * (0.5 / 127 + 1.0 / 2048)).all().item<bool>());
  CHECK(!read.equal(x));
  for (const auto& [name, tensor] :
       {std::pair("odd", odd), std::pair("position_embeddings", table), std::pair("vector", vector)})
    CHECK(plain.weights->get(name, tensor.sizes()).equal(tensor));
  CHECK(plain.weights->get("ids", {3}).equal(at::arange(3, at::kLong)));
  CHECK(contains(sentence([&] {
                   plain.weights->get("x", {3, 68});
                 }),
                 "has the shape [3, 64]; expected [3, 68]"));

  // The blocks that --dtype int8 makes when it loads the original.
  const at::Tensor at_load =
      open_model(folder.path(), {.matrices = MatrixForm::int8}).weights->matrix("x", {3, 64});
  for (const MatrixForm form : {MatrixForm::stored, MatrixForm::int8}) {
    const at::Tensor matrix =
        open_model(folder.path() / "out", {.matrices = form}).weights->matrix("x", {3, 64});
    CHECK(is_stored(matrix));
    CHECK(same_values(matrix, at_load));
    CHECK(dense(matrix).equal(read));
  }
  CHECK(!is_stored(plain.weights->matrix("x", {3, 64})));

  CHECK(convert_model(folder.path() / "out", folder.path() / "back", {at::kFloat}) == 0);
  CHECK(open_model(folder.path() / "back").weights->get("x", {3, 64}).equal(read));
  CHECK(!config("back").contains("quantization_config"));
}

TEST_CASE("invalid Q8_0 blocks in a safetensors file are refused") {
  TestFolder folder;
  write_model_directory(folder);
  const std::map<std::string, at::Tensor> bytes{{"x", at::zeros({2, 33}, at::kByte)}};
  const auto problem = [&](const std::map<std::string, std::string>& metadata) {
    write_safetensors(folder.path() / "model.safetensors", bytes, metadata);
    return sentence([&] { open_model(folder.path()); });
  };
  CHECK(contains(problem({{"cuecard.blocks", "Q8_0"}}), "has rows of 33 bytes; expected a multiple of 34"));
  CHECK(contains(problem({{"cuecard.blocks", "Q9"}}), "are blocks of \"Q9\"; expected Q8_0"));
  // Without the entry they are bytes.
  CHECK(problem({}).empty());
  CHECK(contains(sentence([&] {
                   convert_model(folder.path(), folder.path() / "out", {at::kFloat, MatrixForm::int8});
                 }),
                 "\"x\" is a matrix of bytes"));
}

TEST_CASE("convert: an aborted conversion leaves nothing on disk") {
  TestFolder folder;
  write_model_directory(folder);
  write_safetensors(folder.path() / "model.safetensors", {{"a", at::ones({2})}, {"b", at::ones({2})}});
  const auto entries = [&] { return std::distance(std::filesystem::directory_iterator(folder.path()), {}); };
  const auto before = entries();
  std::vector<int64_t> reported;
  CHECK_THROWS_AS(convert_model(folder.path(), folder.path() / "out", {at::kHalf},
                                [&](int64_t done, int64_t tensors) {
                                  CHECK(tensors == 2);
                                  reported.push_back(done);
                                  if (done == 1)
                                    throw Cancelled();
                                }),
                  Cancelled);
  CHECK(reported == std::vector<int64_t>{0, 1});
  CHECK(entries() == before);
  reported.clear();
  convert_model(folder.path(), folder.path() / "out", {at::kHalf},
                [&](int64_t done, int64_t) { reported.push_back(done); });
  CHECK(reported == std::vector<int64_t>{0, 1, 2});
}

TEST_CASE("convert: SmolLM2's GGUF file becomes an equivalent model directory") {
  if (!std::filesystem::exists(smollm2)) {
    MESSAGE("skipped: SmolLM2's GGUF file is not in .cache/models");
    return;
  }
  TestFolder folder;
  convert_model(smollm2, folder.path() / "model", {at::kFloat});
  const ModelFiles before = open_model(smollm2), after = open_model(folder.path() / "model");
  REQUIRE(after.weights->names() == before.weights->names());
  for (const std::string& name : before.weights->names()) {
    const std::vector<int64_t> shape = before.weights->stored(name).shape;
    CHECK_MESSAGE(after.weights->get(name, shape).equal(before.weights->get(name, shape)), name);
  }
  for (const auto& [key, value] : before.configuration.values())
    CHECK_MESSAGE(after.configuration.values().at(key) == value, key);
  CHECK(after.identity().tokenizer_sha256 == before.identity().tokenizer_sha256);
  CHECK(after.identity().sizes == before.identity().sizes);
  const std::string text = "It cost $1234.50, na\xc3\xafve <|im_end|> \xf0\x9f\x99\x82";
  const auto ids = [&](const ModelFiles& model) {
    std::vector<int64_t> list;
    for (const Token& token : model.vocabulary->encode(text))
      list.push_back(token.id);
    return list;
  };
  CHECK(ids(after) == ids(before));
  CHECK(after.vocabulary->special().eos == before.vocabulary->special().eos);
}
