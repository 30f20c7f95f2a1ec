#include <cuecard/testing/mirror_device.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>
#include <set>
#include <stdexcept>
#include <string>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace cuecard::mirror {

namespace {

std::atomic<bool> watching{false};

/// LibTorch's fallback moves tensors to the CPU and back with the same copies that are errors elsewhere.
thread_local int fallbacks = 0;

class InsideFallback {
public:
  InsideFallback() { ++fallbacks; }
  ~InsideFallback() { --fallbacks; }
  InsideFallback(const InsideFallback&) = delete;
  InsideFallback& operator=(const InsideFallback&) = delete;
};

void refuse_when_watched(const std::string& what) {
  if (watching && fallbacks == 0)
    throw std::logic_error("mirror device: " + what + " makes the host wait for the device.");
}

/// Two adjacent address ranges: the first is inaccessible and is what tensors point to, the second holds the
/// bytes.
struct Pages {
  std::byte* begin;
  std::size_t size; ///< of each range

  std::byte* bytes() const { return begin + size; }
};

void release(void* context) {
  Pages* pages = static_cast<Pages*>(context);
  ::munmap(pages->begin, 2 * pages->size);
  delete pages;
}

class MirrorAllocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0)
      return {nullptr, device};
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t rounded = (size + page - 1) / page * page;
    void* begin = ::mmap(nullptr, 2 * rounded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED)
      throw std::bad_alloc();
    auto* pages = new Pages{static_cast<std::byte*>(begin), rounded};
    if (::mprotect(pages->bytes(), rounded, PROT_READ | PROT_WRITE) != 0) {
      release(pages);
      throw std::bad_alloc();
    }
    return {begin, pages, &release, device};
  }
  void copy_data(void*, const void*, std::size_t) const override {
    throw std::logic_error("mirror device: a storage was copied without going through an operator.");
  }
};

MirrorAllocator allocator;

c10::Stream only_stream() {
  return c10::Stream(c10::Stream::DEFAULT, device);
}

/// One device, one stream, and events that have always happened.
class MirrorGuard final : public c10::impl::DeviceGuardImplInterface {
public:
  static constexpr at::DeviceType static_type = at::kPrivateUse1;
  MirrorGuard() = default;
  explicit MirrorGuard(at::DeviceType) {}

  at::DeviceType type() const override { return static_type; }
  at::Device exchangeDevice(at::Device) const override { return device; }
  at::Device getDevice() const override { return device; }
  void setDevice(at::Device) const override {}
  void uncheckedSetDevice(at::Device) const noexcept override {}
  c10::Stream getStream(at::Device) const override { return only_stream(); }
  c10::Stream getDefaultStream(at::Device) const override { return only_stream(); }
  c10::Stream exchangeStream(c10::Stream) const override { return only_stream(); }
  at::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, at::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { refuse_when_watched("synchronizeStream"); }
  void synchronizeEvent(void*) const override { refuse_when_watched("synchronizeEvent"); }
  void synchronizeDevice(at::DeviceIndex) const override { refuse_when_watched("synchronizeDevice"); }
};

struct MirrorHooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(at::DeviceIndex) const override { return true; }
  at::DeviceIndex deviceCount() const override { return 1; }
  at::DeviceIndex getCurrentDevice() const override { return 0; }
  at::DeviceIndex exchangeDevice(at::DeviceIndex) const override { return 0; }
  at::DeviceIndex maybeExchangeDevice(at::DeviceIndex) const override { return 0; }
  at::Allocator* getPinnedMemoryAllocator() const override { return at::getCPUAllocator(); }
  at::Device getDeviceFromPtr(void*) const override { return device; }
  const at::Generator& getDefaultGenerator(at::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
  at::Generator getNewGenerator(at::DeviceIndex) const override { return at::detail::createCPUGenerator(); }
};

bool is_mirror(const at::Tensor& tensor) {
  return tensor.device().type() == at::kPrivateUse1;
}

/// The same elements as a tensor of the CPU; `tensor` must outlive it.
at::Tensor on_host(const at::Tensor& tensor) {
  if (!is_mirror(tensor))
    return tensor;
  const at::TensorOptions options = at::TensorOptions().dtype(tensor.scalar_type()).device(at::kCPU);
  const auto* pages = static_cast<const Pages*>(tensor.storage().data_ptr().get_context());
  if (!pages)
    return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  std::byte* first = pages->bytes() + static_cast<std::size_t>(tensor.storage_offset()) * tensor.element_size();
  return at::from_blob(first, tensor.sizes(), tensor.strides(), options);
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &allocator,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& destination, bool non_blocking) {
  if (!is_mirror(destination))
    refuse_when_watched("a copy to the CPU");
  else if (!is_mirror(self) && self.dim() > 0 && !non_blocking)
    refuse_when_watched("a copy from the CPU without non_blocking");
  on_host(destination).copy_(on_host(self));
  return destination;
}

const at::Tensor& resize_in_place(const at::Tensor& self, at::IntArrayRef size,
                                  std::optional<at::MemoryFormat>) {
  const std::size_t needed = at::detail::computeStorageNbytesContiguous(
      size, self.element_size(), static_cast<std::size_t>(self.storage_offset()));
  const c10::Storage& storage = self.storage();
  if (needed > storage.nbytes()) {
    c10::DataPtr larger = allocator.allocate(needed);
    if (const auto* old = static_cast<const Pages*>(storage.data_ptr().get_context()))
      std::memcpy(static_cast<const Pages*>(larger.get_context())->bytes(), old->bytes(), storage.nbytes());
    storage.unsafeGetStorageImpl()->set_data_ptr_noswap(std::move(larger));
    storage.unsafeGetStorageImpl()->set_nbytes(needed);
  }
  self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  return self;
}

at::Tensor copy_from_and_resize(const at::Tensor& self, const at::Tensor& destination) {
  if (destination.sizes() != self.sizes())
    resize_in_place(destination, self.sizes(), std::nullopt);
  return copy_from(self, destination, false);
}

at::Scalar read_value(const at::Tensor& self) {
  refuse_when_watched("reading a value (aten::_local_scalar_dense, `.item()`)");
  return on_host(self).item();
}

/// Operators whose output size depends on values, or that return a value: on a GPU, the host waits for them.
bool waits(const std::string& name) {
  static const std::set<std::string> names{"aten::nonzero",
                                           "aten::nonzero_numpy",
                                           "aten::masked_select",
                                           "aten::equal",
                                           "aten::_unique",
                                           "aten::_unique2",
                                           "aten::unique_dim",
                                           "aten::unique_consecutive",
                                           "aten::unique_dim_consecutive",
                                           "aten::bincount",
                                           "aten::histc"};
  return names.count(name) > 0;
}

/// The arguments of a call, lists of tensors included.
struct Arguments {
  bool mirror = false, host = false;
  bool chosen_by_flags = false; ///< a list, as indices are, that contains boolean tensors

  void look(const c10::IValue& value, bool in_list = false) {
    if (value.isTensor()) {
      const at::Tensor& tensor = value.toTensor();
      if (!tensor.defined())
        return;
      mirror = mirror || is_mirror(tensor);
      host = host || (tensor.is_cpu() && tensor.dim() > 0);
      chosen_by_flags = chosen_by_flags ||
                        (in_list && (tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte));
    } else if (value.isList()) {
      for (const c10::IValue& element : value.toListRef())
        look(element, true);
    }
  }
};

void fall_back(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::string& name = op.schema().name();
  Arguments arguments;
  for (const c10::IValue& value : torch::jit::last(*stack, op.schema().arguments().size()))
    arguments.look(value);
  if (arguments.mirror && arguments.host)
    throw std::logic_error("mirror device: " + name + " mixes tensors of this device with tensors of the CPU.");
  const bool indexes = name.starts_with("aten::index") || name.starts_with("aten::_index_put");
  const bool counts = name == "aten::repeat_interleave" && torch::jit::peek(*stack, 1, 2).isNone();
  if (waits(name) || counts || (indexes && arguments.chosen_by_flags))
    refuse_when_watched(name);
  const InsideFallback inside;
  at::native::cpu_fallback(op, stack);
}

struct Registration {
  Registration() {
    c10::register_privateuse1_backend("mirror");
    c10::SetAllocator(at::kPrivateUse1, &allocator);
    at::RegisterPrivateUse1HooksInterface(new MirrorHooks); // LibTorch keeps it until the end
  }
};

const Registration registration;

C10_REGISTER_GUARD_IMPL(PrivateUse1, MirrorGuard)

} // namespace

Watch::Watch(bool on) : before_(watching.exchange(on)) {}

Watch::~Watch() {
  watching = before_;
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fall_back>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_from_and_resize);
  library.impl("_local_scalar_dense", &read_value);
  library.impl("resize_", &resize_in_place);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", static_cast<at::Tensor (*)(const at::Tensor&, at::IntArrayRef)>(&at::native::view));
  library.impl("_reshape_alias", &at::native::_reshape_alias);
}

} // namespace cuecard::mirror

extern "C" bool cuecard_mirror_watch(bool on) {
  return cuecard::mirror::watching.exchange(on);
}
