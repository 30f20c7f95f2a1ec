/// A log of the operators that make the host wait for a device, from LibTorch's own recording of calls. It
/// works with any device, and sees what goes through the dispatcher: not a wait inside a kernel.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

namespace cuecard::test {

/// At most one at a time in a program. Covers all threads.
class WaitingCalls {
public:
  WaitingCalls()
      : handle_(at::addGlobalCallback(
            at::RecordFunctionCallback(&look).needsInputs(true).scopes({at::RecordScope::FUNCTION}))) {}
  ~WaitingCalls() {
    set(false);
    at::removeCallback(handle_);
  }
  WaitingCalls(const WaitingCalls&) = delete;
  WaitingCalls& operator=(const WaitingCalls&) = delete;

  void set(bool on) { on_ = on; }
  /// The calls since the last `take`.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }

private:
  static bool elsewhere(const c10::IValue& value) {
    return value.isTensor() && value.toTensor().defined() && !value.toTensor().is_cpu();
  }

  static std::unique_ptr<at::ObserverContext> look(const at::RecordFunction& call) {
    static const std::set<std::string> waiting{"aten::_local_scalar_dense",
                                               "aten::nonzero",
                                               "aten::masked_select",
                                               "aten::equal",
                                               "aten::_unique",
                                               "aten::_unique2",
                                               "aten::unique_consecutive",
                                               "aten::unique_dim",
                                               "aten::bincount",
                                               "aten::histc",
                                               "aten::unique_dim_consecutive"};
    if (!on_ || call.inputs().empty())
      return nullptr;
    const std::string name = call.name();
    const c10::ArrayRef<const c10::IValue> inputs = call.inputs();
    std::string seen;
    if (waiting.count(name) && elsewhere(inputs[0]))
      seen = name;
    else if (name == "aten::copy_" && inputs.size() > 2 && elsewhere(inputs[0]) != elsewhere(inputs[1])) {
      if (elsewhere(inputs[1]))
        seen = name + " to the CPU";
      else if (!inputs[2].toBool() && inputs[1].toTensor().dim() > 0)
        seen = name + " without non_blocking";
    }
    if (!seen.empty()) {
      const std::lock_guard lock(mutex_);
      calls_.push_back(seen);
    }
    return nullptr;
  }

  inline static std::atomic<bool> on_{false};
  inline static std::mutex mutex_;
  inline static std::vector<std::string> calls_;
  at::CallbackHandle handle_;
};

} // namespace cuecard::test
