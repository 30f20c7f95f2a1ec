#include "model/safetensors/safetensors_header.hpp"

#include <array>
#include <optional>
#include <utility>

#include <c10/core/ScalarType.h>
#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> dtypes{{{"F64", at::kDouble},
                                                                              {"F32", at::kFloat},
                                                                              {"F16", at::kHalf},
                                                                              {"BF16", at::kBFloat16},
                                                                              {"I64", at::kLong},
                                                                              {"I32", at::kInt},
                                                                              {"I16", at::kShort},
                                                                              {"I8", at::kChar},
                                                                              {"U8", at::kByte},
                                                                              {"BOOL", at::kBool}}};

std::optional<at::ScalarType> dtype_of(std::string_view name) {
  for (const auto& [known, dtype] : dtypes)
    if (known == name)
      return dtype;
  return std::nullopt;
}

std::string truncated(std::string_view text) {
  return std::string(text.substr(0, 80));
}

/// SAX handler that accepts only this structure:
/// {"__metadata__": {string: string}, name: {"dtype": string, "shape": [count], "data_offsets": [begin, end]},
/// ...}
class HeaderEvents {
public:
  explicit HeaderEvents(std::string origin) : origin_(std::move(origin)) {}
  SafetensorsHeader header;

  bool key(std::string& text) {
    if (depth_ == 1) {
      name_ = text;
      if (in_metadata() ? std::exchange(seen_metadata_, true) : header.entries.count(name_) > 0)
        fail("has the tensor \"" + truncated(name_) + "\" twice");
      entry_ = {};
      dtype_.clear();
      seen_shape_ = false;
      offsets_.clear();
      return true;
    }
    field_ = text;
    if (in_metadata()) {
      if (header.metadata.count(field_) > 0)
        fail("has the metadata key \"" + truncated(field_) + "\" twice");
      return true;
    }
    const bool twice = field_ == "dtype"          ? !dtype_.empty()
                       : field_ == "shape"        ? seen_shape_
                       : field_ == "data_offsets" ? !offsets_.empty()
                                                  : false;
    if (twice)
      fail_tensor("has \"" + field_ + "\" twice");
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets")
      fail_tensor("has the unknown field \"" + truncated(field_) +
                  "\"; expected dtype, shape and data_offsets");
    return true;
  }

  bool string(std::string& text) {
    if (depth_ != 2 || in_array_)
      unexpected("a string");
    if (in_metadata()) {
      header.metadata[field_] = text;
    } else if (field_ == "dtype") {
      const auto dtype = dtype_of(text);
      if (!dtype)
        fail_tensor("has the dtype \"" + truncated(text) + "\"; expected one of " + dtype_names());
      dtype_ = text;
      entry_.dtype = *dtype;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool number_unsigned(uint64_t value) {
    if (!in_array_)
      unexpected("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      fail_tensor("has " + std::to_string(value) + " in \"" + field_ + "\", which is too large");
    if (field_ == "shape") {
      if (entry_.shape.size() == SafetensorsFile::max_dimensions)
        fail_tensor("has more than " + std::to_string(SafetensorsFile::max_dimensions) + " dimensions");
      entry_.shape.push_back(static_cast<int64_t>(value));
    } else {
      offsets_.push_back(value);
      if (offsets_.size() > 2)
        fail_tensor("has more than two data_offsets");
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (in_array_ || depth_ == 2)
      unexpected("an object");
    ++depth_;
    return true;
  }

  bool end_object() {
    if (--depth_ == 1 && !in_metadata())
      add_entry();
    return true;
  }

  bool start_array(std::size_t) {
    if (depth_ != 2 || in_array_ || in_metadata() || (field_ != "shape" && field_ != "data_offsets"))
      unexpected("an array");
    in_array_ = true;
    seen_shape_ = seen_shape_ || field_ == "shape";
    return true;
  }

  bool end_array() {
    in_array_ = false;
    if (field_ == "data_offsets" && offsets_.size() != 2)
      fail_tensor("has " + std::to_string(offsets_.size()) + " data_offsets; expected two");
    return true;
  }

  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool number_integer(int64_t) { unexpected("a negative number"); }
  bool number_float(double, const std::string&) { unexpected("a number that is not an integer"); }
  bool binary(std::vector<uint8_t>&) { unexpected("binary data"); }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception&) {
    fail("has a header that is not valid JSON at byte " + std::to_string(byte));
  }

private:
  bool in_metadata() const { return name_ == "__metadata__"; }

  [[noreturn]] void fail(const std::string& what) const { throw DataError(origin_ + ": " + what + "."); }
  [[noreturn]] void fail_tensor(const std::string& what) const {
    fail("tensor \"" + truncated(name_) + "\" " + what);
  }
  [[noreturn]] void unexpected(const std::string& what) const {
    const std::string place = depth_ == 0 ? "at the top level"
                              : depth_ == 1
                                  ? "in \"" + truncated(name_) + "\""
                                  : "in \"" + truncated(field_) + "\" of \"" + truncated(name_) + "\"";
    fail("has " + what + " " + place + " of its header, where the format doesn't allow it");
  }

  static std::string dtype_names() {
    std::string names;
    for (const auto& [name, dtype] : dtypes)
      names += (names.empty() ? "" : " ") + std::string(name);
    return names;
  }

  void add_entry() {
    if (dtype_.empty() || !seen_shape_ || offsets_.empty())
      fail_tensor("lacks one of dtype, shape and data_offsets");
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    // A shape such as [huge, huge, 0] is a valid empty tensor, but its strides must not overflow in LibTorch.
    int64_t bytes = static_cast<int64_t>(c10::elementSize(entry_.dtype));
    int64_t strides = 1;
    for (const int64_t size : entry_.shape)
      if (__builtin_mul_overflow(bytes, size, &bytes) ||
          __builtin_mul_overflow(strides, std::max<int64_t>(size, 1), &strides))
        fail_tensor("has a shape with more elements than a file can hold");
    if (entry_.end < entry_.begin || entry_.end - entry_.begin != static_cast<uint64_t>(bytes))
      fail_tensor("has the data_offsets [" + std::to_string(entry_.begin) + ", " + std::to_string(entry_.end) +
                  "]; its shape and dtype need " + std::to_string(bytes) + " bytes");
    header.entries.emplace(std::move(name_), std::move(entry_));
    name_.clear();
  }

  std::string origin_;
  int depth_ = 0;
  bool in_array_ = false;
  bool seen_metadata_ = false;
  std::string name_, field_, dtype_;
  bool seen_shape_ = false;
  std::vector<uint64_t> offsets_;
  SafetensorsEntry entry_;
};

} // namespace

std::string_view safetensors_dtype_name(at::ScalarType dtype) {
  for (const auto& [name, known] : dtypes)
    if (known == dtype)
      return name;
  return "";
}

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& origin) {
  // The parser treats a zero byte as the end of the input.
  if (json.empty() || json.front() != '{' || json.find('\0') != std::string_view::npos)
    throw DataError(origin + ": is not a safetensors file: its header is not a JSON object.");
  HeaderEvents events(origin);
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  return std::move(events.header);
}

} // namespace cuecard
