// train MODEL: trains by cuecard.hpp as two ranks whose sums go through a socket, alone, and stopped. Prints the JSON of each run.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cuecard.hpp>

namespace api = cuecard::api;

namespace {

std::string model;

std::vector<std::string> words(const std::string& card) {
  return {"--task",           "task.json", "--model",   model, "--tuner", "prompt-tuning", "--steps", "6",
          "--evaluate-every", "3",         "--threads", "1",   "--quiet", "--out",         card};
}

void require(bool holds, const std::string& what) {
  if (holds)
    return;
  std::cerr << "train: " << what << '\n';
  std::exit(1);
}

void send_all(int socket, const float* values, std::size_t count) {
  const char* bytes = reinterpret_cast<const char*>(values);
  for (std::size_t left = count * sizeof(float); left > 0;) {
    const ssize_t sent = ::send(socket, bytes, left, MSG_NOSIGNAL);
    if (sent <= 0)
      throw std::runtime_error("the other rank is gone");
    bytes += sent;
    left -= static_cast<std::size_t>(sent);
  }
}

void receive_all(int socket, float* values, std::size_t count) {
  const std::size_t size = count * sizeof(float);
  if (::recv(socket, values, size, MSG_WAITALL) != static_cast<ssize_t>(size))
    throw std::runtime_error("the other rank is gone");
}

/// Rank 1 sends its values to rank 0, which sends the sums back.
api::TrainOptions rank(int number, int socket, int& sums) {
  api::TrainOptions options;
  options.rank = number;
  options.ranks = 2;
  options.sum = [=, &sums](float* values, std::size_t count) {
    ++sums;
    if (number == 1) {
      send_all(socket, values, count);
      return receive_all(socket, values, count);
    }
    std::vector<float> other(count);
    receive_all(socket, other.data(), count);
    for (std::size_t i = 0; i < count; ++i)
      values[i] += other[i];
    send_all(socket, values, count);
  };
  return options;
}

/// Rank 1 leaves after step `lost_after`, unless that is 0.
void two_ranks(int lost_after) {
  int sockets[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "no sockets");
  std::cout << std::flush;
  const pid_t child = ::fork();
  const int number = child == 0 ? 1 : 0;
  ::close(sockets[1 - number]);
  int sums = 0;
  api::TrainOptions options = rank(number, sockets[number], sums);
  if (child == 0) {
    options.progress = [&](int64_t step, int64_t, double, double) {
      if (step == lost_after)
        ::_exit(0);
      return true;
    };
    api::train(words("ranks.card"), options);
    ::_exit(sums > 6 ? 0 : 1);
  }
  std::string lost;
  try {
    for (const std::string& line : api::train(words("ranks.card"), options))
      std::cout << line << '\n';
  } catch (const api::Error& error) {
    lost = error.what();
  }
  require((lost_after > 0) == (lost.find("the other rank is gone") != std::string::npos), "lost: " + lost);
  ::close(sockets[number]);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, "rank 1 failed");
}

void alone() {
  std::vector<int64_t> steps;
  int evaluations = 0;
  api::TrainOptions options;
  options.progress = [&](int64_t step, int64_t all, double loss, double dev) {
    require(all == 6 && loss > 0, "a step without a loss");
    steps.push_back(step);
    evaluations += !std::isnan(dev);
    return true;
  };
  const std::vector<std::string> lines = api::train(words("alone.card"), options);
  require(lines.size() == 1 && steps == std::vector<int64_t>{1, 2, 3, 4, 5, 6} && evaluations == 2,
          "not six steps");
  std::cout << lines[0] << '\n';
}

void stopped() {
  api::TrainOptions options;
  options.progress = [](int64_t step, int64_t, double, double) { return step < 2; };
  std::cout << api::train(words("stopped.card"), options).at(0) << '\n';
  options.progress = [](int64_t step, int64_t, double, double) -> bool {
    throw std::logic_error("thrown in step " + std::to_string(step));
  };
  try {
    api::train(words("thrown.card"), options);
    require(false, "an exception of a callback was lost");
  } catch (const std::logic_error& error) {
    require(std::string(error.what()) == "thrown in step 1", error.what());
  }
  try {
    api::train({"--task", "no.json", "--model", model, "--tuner", "manual", "--out", "no.card"});
    require(false, "a task that does not exist was trained");
  } catch (const api::Error& error) {
    require(error.kind == CUECARD_WRONG_DATA && std::string(error.what()).find("no.json") != std::string::npos,
            error.what());
  }
}

} // namespace

int main(int count, char** arguments) {
  require(count == 2, "usage: train MODEL");
  model = arguments[1];
  two_ranks(2); // both before this process has threads of LibTorch
  two_ranks(0);
  alone();
  stopped();
}
