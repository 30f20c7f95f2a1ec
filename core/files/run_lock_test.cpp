#include "files/run_lock.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "files/atomic_write.hpp"
#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

std::string host() {
  char name[256] = {};
  REQUIRE(::gethostname(name, sizeof name - 1) == 0);
  return name;
}

/// A process that holds the lock until it is killed.
struct Holder {
  explicit Holder(const std::filesystem::path& place) {
    REQUIRE(::pipe(said) == 0);
    process = ::fork();
    if (process == 0) {
      const RunLock lock(lock_file_beside(place), place, "card");
      [[maybe_unused]] const ssize_t written = ::write(said[1], "x", 1);
      for (;;)
        ::pause();
    }
    char byte;
    REQUIRE(::read(said[0], &byte, 1) == 1);
  }
  ~Holder() {
    end();
    ::close(said[0]);
    ::close(said[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void end() const {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }

  pid_t process = 0;
  int said[2] = {-1, -1};
};

} // namespace

TEST_CASE("run lock: one process at a time, and the error of the others names it") {
  TestFolder folder;
  const std::filesystem::path place = folder.path() / "a.card";
  const Holder holder(place);
  for (const std::filesystem::path& same : {place, folder.path() / "a.card/"}) {
    const std::string text = sentence([&] { RunLock lock(lock_file_beside(same), same, "card"); });
    CHECK_MESSAGE(contains(text, "another run is using this card: process " + std::to_string(holder.process) +
                                     " on " + host() + " (since 2"),
                  text);
    CHECK(contains(text, "; wait for it, or name another place."));
  }
  CHECK(RunLock(folder.path() / ".b.card.lock", "b.card", "card").remark() == "");
  CHECK(!std::filesystem::exists(folder.path() / ".b.card.lock"));

  // The lock of a process that was killed is free, and there is nothing to do about it.
  holder.end();
  CHECK(std::filesystem::exists(folder.path() / ".a.card.lock"));
  {
    const RunLock lock(lock_file_beside(place), place, "card");
    CHECK(lock.remark() == "");
    const auto json = nlohmann::json::parse(bytes_of_file(folder.path() / ".a.card.lock"));
    CHECK(json.at("process") == ::getpid());
  }
  CHECK(RunLock(lock_file_beside(place), place, "card").remark() == "");
}

TEST_CASE("run lock: what an ended process of another computer left is taken over with a warning") {
  TestFolder folder;
  const auto remark_after = [&](const std::string& text) {
    write_file_atomically(folder.path() / ".kept.lock", text);
    return RunLock(folder.path() / ".kept.lock", "kept", "checkpoint").remark();
  };
  CHECK(
      remark_after(R"({"process":12,"host":"elsewhere","since":"2026-01-02 03:04:05 UTC"})") ==
      "kept: process 12 on elsewhere (since 2026-01-02 03:04:05 UTC) ended without removing its lock, which this "
      "run takes over; if it still runs there, stop one of them.");
  CHECK(remark_after(R"({"process":12,"host":")" + host() + R"(","since":"yesterday"})") == "");
  for (const char* unreadable : {"", "{", "[1]", R"({"process":"x"})"})
    CHECK(remark_after(unreadable) == "");
}

TEST_CASE("run lock: a place whose folder is not there") {
  TestFolder folder;
  CHECK(contains(sentence([&] { RunLock lock(folder.path() / "none" / "lock", "a", "card"); }),
                 "could not be created"));
}
