// The mirror device: operations that a GPU would refuse throw, and everything else is computed.
#include "waiting_calls.hpp"
#include <cuecard/testing/mirror_device.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <ATen/ATen.h>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using cuecard::mirror::device;
using cuecard::mirror::Watch;

TEST_CASE("mixing devices throws and names the operator") {
  const at::Tensor there = at::ones({3, 2}).to(device), here = at::ones({3, 2});
  const at::Tensor rows = at::zeros({2}, at::kLong);
  // LibTorch itself refuses elementwise operators, before it looks for a device's own.
  CHECK_THROWS_WITH(there * here, doctest::Contains("mirror:0 and cpu"));
  CHECK_THROWS_WITH_AS(at::cat({there, here}), doctest::Contains("aten::cat"), std::logic_error);
  CHECK_THROWS_WITH_AS(there.index_select(0, rows), doctest::Contains("aten::index_select"), std::logic_error);
  CHECK_THROWS_WITH_AS(at::embedding(there, rows), doctest::Contains("aten::"), std::logic_error);
  CHECK_THROWS_WITH_AS(there.index({rows}), doctest::Contains("aten::index"), std::logic_error);
  CHECK_THROWS_WITH_AS(at::mm(there, here.t()), doctest::Contains("aten::mm"), std::logic_error);
  CHECK_NOTHROW(there * at::scalar_tensor(2.0)); // a number, not a tensor that must be moved
}

TEST_CASE("what waits for the device throws while it is watched, and only then") {
  const at::Tensor there = at::arange(6, at::kFloat).view({3, 2}).to(device);
  const at::Tensor flags = there > 2;
  const auto all = [&](auto&& each) {
    each("item", [&] { (void)there.sum().item<float>(); });
    each("a copy to the CPU", [&] { (void)there.cpu(); });
    each("copy_ to the CPU", [&] { at::empty({3, 2}).copy_(there, true); });
    each("a blocking copy from the CPU", [&] { (void)at::ones({3}).to(device); });
    each("nonzero", [&] { (void)at::nonzero(there); });
    each("masked_select", [&] { (void)at::masked_select(there, flags); });
    each("equal", [&] { (void)at::equal(there, there); });
    each("flags as an index", [&] { (void)there.index({flags}); });
    each("is_nonzero", [&] { (void)there.sum().is_nonzero(); });
    each("counts without their sum",
         [&] { (void)at::repeat_interleave(at::ones({2}, at::kLong).to(device, true)); });
  };
  all([](const char* what, const auto& action) {
    CAPTURE(what);
    CHECK_NOTHROW(action());
    const Watch watch;
    CHECK_THROWS_AS(action(), std::logic_error);
    const Watch pause(false);
    CHECK_NOTHROW(action());
  });
  const Watch watch;
  CHECK_NOTHROW((void)at::ones({3}).to(device, true));
  CHECK_NOTHROW((void)at::matmul(there, there.t()).softmax(1).topk(2));
}

TEST_CASE("values and gradients equal the CPU's, also when the backward pass is watched") {
  const auto chain = [](const at::Device& where) {
    const at::Tensor x = at::linspace(-1, 1, 24, at::kDouble).view({6, 4}).to(where).set_requires_grad(true);
    const at::Tensor rows = at::tensor(std::vector<int64_t>{5, 1, 1}, at::kLong).to(where);
    const at::Tensor mixed =
        at::layer_norm(at::gelu(x), {4}).index_copy(0, rows.narrow(0, 0, 1), x.narrow(0, 2, 1));
    const at::Tensor heads = mixed.view({6, 2, 2}).transpose(0, 1).unsqueeze(0);
    const at::Tensor seen = at::scaled_dot_product_attention(heads, heads, heads, {}, 0.0, true);
    const at::Tensor scores = seen.transpose(1, 2).reshape({6, 4}).index_select(0, rows);
    {
      const Watch watch(where == device);
      at::cross_entropy_loss(scores, at::zeros_like(rows)).backward();
    }
    return std::pair{scores.detach().cpu(), x.grad().cpu()};
  };
  const auto [scores, gradient] = chain(device);
  const auto [want_scores, want_gradient] = chain(at::kCPU);
  CHECK((scores - want_scores).abs().max().item<double>() < 1e-12);
  CHECK((gradient - want_gradient).abs().max().item<double>() < 1e-12);
  CHECK(want_gradient.abs().max().item<double>() > 0.01);
}

TEST_CASE("a wait inside the backward pass is detected") {
  const at::Tensor x = at::ones({2}).to(device).set_requires_grad(true);
  const at::Tensor y = x * 2;
  y.register_hook([](const at::Tensor& gradient) { (void)gradient.sum().item<float>(); });
  const Watch watch;
  CHECK_THROWS_WITH(y.sum().backward(), doctest::Contains("makes the host wait"));
}

TEST_CASE("the host can't read the data without an operator") {
  const at::Tensor there = at::ones({3}).to(device);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    const volatile float* data = there.const_data_ptr<float>();
    ::_exit(*data > 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSEGV);
}

// The log for real devices (tests/cuda). Here it contains the copies of the mirror device's fallback as well.
TEST_CASE("the log contains the waiting calls, also those of the backward pass") {
  const at::Tensor there = at::arange(6, at::kFloat).view({3, 2}).to(device);
  cuecard::test::WaitingCalls log;
  const auto logs = [&](const std::string& call, auto&& action) {
    log.set(true);
    action();
    log.set(false);
    const std::vector<std::string> calls = log.take();
    return std::count(calls.begin(), calls.end(), call) > 0;
  };
  CHECK(logs("aten::_local_scalar_dense", [&] { (void)there.select(0, 0).select(0, 0).item<float>(); }));
  CHECK(logs("aten::copy_ to the CPU", [&] { (void)there.cpu(); }));
  CHECK(logs("aten::copy_ without non_blocking", [&] { (void)at::ones({3}).to(device); }));
  CHECK(logs("aten::nonzero", [&] { (void)at::nonzero(there); }));
  const at::Tensor x = at::ones({2}).to(device).set_requires_grad(true), y = x * 2;
  y.register_hook([](const at::Tensor& gradient) { (void)gradient.sum().item<float>(); });
  CHECK(logs("aten::_local_scalar_dense", [&] { y.sum().backward(); }));
  log.set(true);
  (void)at::ones({3}).to(device, true).view({3, 1}).t();
  (void)at::ones({3}).sum().item<float>();
  log.set(false);
  (void)there.cpu();
  CHECK(log.take().empty());
}
