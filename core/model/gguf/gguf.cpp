#include "model/gguf/gguf.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cuecard/error.hpp>

#include "model/gguf/gguf_reader.hpp"

namespace cuecard {

namespace {

/// `gguf_metadata_value_type` of the GGUF specification.
enum class ValueType : uint32_t {
  uint8 = 0,
  int8 = 1,
  uint16 = 2,
  int16 = 3,
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
  int64 = 11,
  float64 = 12,
};

/// Bytes of a value; for a string or array the minimum. 0 for an unknown type.
uint64_t min_bytes(ValueType type) {
  switch (type) {
  case ValueType::uint8:
  case ValueType::int8:
  case ValueType::boolean:
    return 1;
  case ValueType::uint16:
  case ValueType::int16:
    return 2;
  case ValueType::uint32:
  case ValueType::int32:
  case ValueType::float32:
    return 4;
  case ValueType::string:
  case ValueType::uint64:
  case ValueType::int64:
  case ValueType::float64:
    return 8;
  case ValueType::array:
    return 12;
  }
  return 0;
}

ValueType read_value_type(GgufReader& reader, const std::string& what) {
  const auto type = static_cast<ValueType>(reader.number<uint32_t>("the type of " + what));
  if (min_bytes(type) == 0)
    reader.fail(what + " has the unknown type " + std::to_string(static_cast<uint32_t>(type)));
  return type;
}

GgufValue read_scalar(GgufReader& reader, ValueType type, const std::string& what) {
  switch (type) {
  case ValueType::uint8:
    return int64_t{reader.number<uint8_t>(what)};
  case ValueType::int8:
    return int64_t{reader.number<int8_t>(what)};
  case ValueType::uint16:
    return int64_t{reader.number<uint16_t>(what)};
  case ValueType::int16:
    return int64_t{reader.number<int16_t>(what)};
  case ValueType::uint32:
    return int64_t{reader.number<uint32_t>(what)};
  case ValueType::int32:
    return int64_t{reader.number<int32_t>(what)};
  case ValueType::int64:
    return reader.number<int64_t>(what);
  case ValueType::uint64: {
    const auto value = reader.number<uint64_t>(what);
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return value;
    return static_cast<int64_t>(value);
  }
  case ValueType::float32:
    return double{reader.number<float>(what)};
  case ValueType::float64:
    return reader.number<double>(what);
  case ValueType::boolean: {
    const auto value = reader.number<uint8_t>(what);
    if (value > 1)
      reader.fail(what + " is a boolean with the value " + std::to_string(value) + "; expected 0 or 1");
    return value == 1;
  }
  case ValueType::string:
    return reader.string(what);
  case ValueType::array:
    break;
  }
  return std::monostate{};
}

template <class T>
T as_number(const GgufValue& value) {
  if (const auto* b = std::get_if<bool>(&value))
    return static_cast<T>(*b);
  if (const auto* i = std::get_if<int64_t>(&value))
    return static_cast<T>(*i);
  if (const auto* u = std::get_if<uint64_t>(&value))
    return static_cast<T>(*u);
  return static_cast<T>(std::get<double>(value));
}

GgufValue read_array(GgufReader& reader, const std::string& what, int depth) {
  if (depth > GgufFile::max_array_depth)
    reader.fail(what + " has arrays nested more than " + std::to_string(GgufFile::max_array_depth) +
                " levels deep");
  const ValueType type = read_value_type(reader, "the elements of " + what);
  const uint64_t length = reader.count("elements of " + what, min_bytes(type));
  if (length > GgufFile::max_array_length)
    reader.fail(what + " has " + std::to_string(length) + " elements; the limit is " +
                std::to_string(GgufFile::max_array_length));
  const std::string element = "an element of " + what;
  switch (type) {
  case ValueType::array:
    for (uint64_t i = 0; i < length; ++i)
      read_array(reader, what, depth + 1);
    return std::monostate{};
  case ValueType::string: {
    std::vector<std::string> strings;
    strings.reserve(length);
    for (uint64_t i = 0; i < length; ++i)
      strings.push_back(reader.string(element));
    return strings;
  }
  case ValueType::float32:
  case ValueType::float64: {
    std::vector<double> numbers;
    numbers.reserve(length);
    for (uint64_t i = 0; i < length; ++i)
      numbers.push_back(as_number<double>(read_scalar(reader, type, element)));
    return numbers;
  }
  default: {
    std::vector<int64_t> numbers;
    numbers.reserve(length);
    for (uint64_t i = 0; i < length; ++i) {
      const GgufValue value = read_scalar(reader, type, element);
      if (std::holds_alternative<uint64_t>(value))
        reader.fail(element + " is larger than 2^63 - 1");
      numbers.push_back(as_number<int64_t>(value));
    }
    return numbers;
  }
  }
}

/// Reads the shape, type and offset of one tensor; its end follows from type and shape.
GgufTensor read_tensor_info(GgufReader& reader, const std::string& subject) {
  constexpr uint32_t max_dimensions = 4; // GGML_MAX_DIMS
  GgufTensor tensor;
  const auto dimensions = reader.number<uint32_t>("the number of dimensions of " + subject);
  if (dimensions > max_dimensions)
    reader.fail(subject + " has " + std::to_string(dimensions) + " dimensions; at most 4 are allowed");
  int64_t elements = 1;
  for (uint32_t d = 0; d < dimensions; ++d) {
    const auto size = reader.number<uint64_t>("a dimension of " + subject);
    if (size == 0 || size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
        __builtin_mul_overflow(elements, static_cast<int64_t>(size), &elements))
      reader.fail(subject + " has a dimension of " + std::to_string(size) + ", which is not possible");
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
  }
  const auto type = reader.number<uint32_t>("the type of " + subject);
  tensor.type = gguf_type(type);
  if (!tensor.type)
    reader.fail(subject + " has the unknown type " + std::to_string(type));
  const int64_t row_size = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row_size % tensor.type->elements != 0)
    reader.fail(subject + " has rows of " + std::to_string(row_size) + " elements, but its type " +
                tensor.type->name + " needs a multiple of " + std::to_string(tensor.type->elements));
  int64_t bytes = 0;
  tensor.begin = reader.number<uint64_t>("the offset of " + subject);
  if (__builtin_mul_overflow(elements / tensor.type->elements, tensor.type->bytes, &bytes) ||
      __builtin_add_overflow(tensor.begin, static_cast<uint64_t>(bytes), &tensor.end))
    reader.fail(subject + " has more elements than a file can hold");
  return tensor;
}

uint64_t alignment_of(const std::map<std::string, GgufValue, std::less<>>& metadata, const GgufReader& reader) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end())
    return 32;
  const auto* value = std::get_if<int64_t>(&found->second);
  if (!value || *value < 8 || *value > (int64_t{1} << 20) ||
      !std::has_single_bit(static_cast<uint64_t>(*value)))
    reader.fail("general.alignment is not a power of two from 8 to 1048576");
  return static_cast<uint64_t>(*value);
}

void check_offsets(const std::map<std::string, GgufTensor, std::less<>>& tensors, uint64_t size,
                   uint64_t alignment, const GgufReader& reader) {
  std::vector<std::pair<const std::string*, const GgufTensor*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors)
    order.emplace_back(&name, &tensor);
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second->begin < b.second->begin; });
  uint64_t covered = 0;
  for (const auto& [name, tensor] : order) {
    const std::string subject = "tensor \"" + name->substr(0, 80) + "\"";
    if (tensor->begin % alignment != 0)
      reader.fail(subject + " starts at byte " + std::to_string(tensor->begin) +
                  " of the tensor data, which is not a multiple of the alignment " + std::to_string(alignment));
    if (tensor->end > size)
      reader.fail(subject + " ends at byte " + std::to_string(tensor->end) +
                  " of the tensor data, but the file has only " + std::to_string(size) +
                  " bytes of tensor data; it may have been cut off");
    if (tensor->begin < covered)
      reader.fail(subject + " overlaps the tensor before it");
    covered = tensor->end;
  }
}

} // namespace

std::optional<at::ScalarType> plain_dtype(const GgufType& type) {
  switch (type.id) {
  case 0:
    return at::kFloat;
  case 1:
    return at::kHalf;
  case 24:
    return at::kChar;
  case 25:
    return at::kShort;
  case 26:
    return at::kInt;
  case 27:
    return at::kLong;
  case 28:
    return at::kDouble;
  case 30:
    return at::kBFloat16;
  default:
    return std::nullopt;
  }
}

GgufFile::GgufFile(const std::filesystem::path& path) : file_(MappedFile::open(path)) {
  GgufReader reader(file_->bytes(), path.string());
  constexpr uint32_t magic = 0x46554747; // "GGUF"
  if (reader.remaining() < sizeof magic || reader.number<uint32_t>("the magic number") != magic)
    reader.fail("is not a GGUF file: it doesn't start with \"GGUF\"");
  version_ = reader.number<uint32_t>("the version");
  if (version_ == 0x02000000 || version_ == 0x03000000)
    reader.fail("is a big-endian GGUF file, which is not supported; convert it to little-endian");
  if (version_ != 2 && version_ != 3)
    reader.fail("has GGUF version " + std::to_string(version_) + "; versions 2 and 3 are supported");
  constexpr uint64_t min_tensor_info = 8 + 4 + 4 + 8, min_pair = 8 + 4 + 1;
  const uint64_t tensors = reader.count("tensors", min_tensor_info);
  const uint64_t pairs = reader.count("metadata key-value pairs", min_pair);
  for (uint64_t i = 0; i < pairs; ++i) {
    std::string key = reader.string("a metadata key");
    const std::string what = "\"" + key.substr(0, 80) + "\"";
    const ValueType type = read_value_type(reader, what);
    GgufValue value = type == ValueType::array ? read_array(reader, what, 1) : read_scalar(reader, type, what);
    if (!metadata_.emplace(std::move(key), std::move(value)).second)
      reader.fail("has the metadata key " + what + " twice");
  }
  for (uint64_t i = 0; i < tensors; ++i) {
    std::string name = reader.string("a tensor's name");
    const std::string subject = "tensor \"" + name.substr(0, 80) + "\"";
    if (!tensors_.emplace(std::move(name), read_tensor_info(reader, subject)).second)
      reader.fail("has the " + subject + " twice");
  }
  const uint64_t alignment = alignment_of(metadata_, reader);
  const uint64_t data = (reader.offset() + alignment - 1) / alignment * alignment;
  data_ = file_->bytes().subspan(std::min<uint64_t>(data, file_->bytes().size()));
  check_offsets(tensors_, data_.size(), alignment, reader);
}

const GgufTensor& GgufFile::entry(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end())
    return found->second;
  std::vector<std::string> names;
  for (const auto& [known, tensor] : tensors_)
    names.push_back(known);
  throw DataError(path().string() + ": has no tensor \"" + std::string(name) + "\"." +
                  did_you_mean(name, names));
}

at::Tensor GgufFile::bytes(std::string_view name) const {
  const GgufTensor& tensor = entry(name);
  const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
  return at::from_blob(
      const_cast<std::byte*>(data_.data() + tensor.begin),
      {rows, static_cast<int64_t>(tensor.end - tensor.begin) / rows}, [file = file_](void*) {},
      at::TensorOptions().dtype(at::kByte));
}

at::Tensor GgufFile::tensor(std::string_view name) const {
  const GgufTensor& tensor = entry(name);
  const std::byte* bytes = data_.data() + tensor.begin;
  if (const auto dtype = plain_dtype(*tensor.type))
    return at::from_blob(
        const_cast<std::byte*>(bytes), tensor.shape, [file = file_](void*) {},
        at::TensorOptions().dtype(*dtype));
  if (!tensor.type->dequantise)
    throw DataError(path().string() + ": tensor \"" + std::string(name) + "\" has the type " +
                    tensor.type->name +
                    ", which is not supported; use a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, "
                    "Q5_1, Q2_K to Q6_K or IQ4_NL.");
  at::Tensor values = at::empty(tensor.shape, at::TensorOptions().dtype(at::kFloat));
  float* out = values.mutable_data_ptr<float>();
  const GgufType& type = *tensor.type;
  constexpr int64_t grain = 4096; // blocks, about 10 microseconds of work
  at::parallel_for(0, values.numel() / type.elements, grain, [&](int64_t begin, int64_t end) {
    type.dequantise(bytes + begin * type.bytes, end - begin, out + begin * type.elements);
  });
  return values;
}

void GgufFile::release(std::string_view name) const {
  if (const auto found = tensors_.find(name); found != tensors_.end())
    file_->release(data_.subspan(found->second.begin, found->second.end - found->second.begin));
}

} // namespace cuecard
