/// PROGRAM [--runs N] [--seconds S] [--seed K] FILE|FOLDER...
///
/// Runs a parser on every file, then on mutations of them: N, or as many as fit in S seconds; without either,
/// prints the result for each file. The same seed gives the same inputs. Inputs rejected with a new error text
/// are mutated further, since they reached a new check. A finding is saved in the working directory as
/// `finding-...`, which can be passed as a FILE to reproduce it; the exit code is then not 0.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "finding.hpp"
#include "mutation.hpp"
#include "parser.hpp"

namespace cuecard::fuzz {

namespace {

using Clock = std::chrono::steady_clock;
constexpr double max_seconds = 5;                          ///< CPU time for one input, including sanitizers
constexpr std::size_t max_error_size = 1000;               ///< bytes
constexpr std::size_t max_rejected = 2000, max_read = 100; ///< inputs kept for further mutation

struct Arguments {
  long runs = 0, seconds = 0;
  uint64_t seed = 1;
  std::vector<std::filesystem::path> files;
};

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "%s\nusage: PROGRAM [--runs N] [--seconds S] [--seed K] FILE|FOLDER...\n", what.c_str());
  std::exit(2);
}

Arguments arguments_of(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.rfind("--", 0) == 0) {
      if (i + 1 == count || (word != "--runs" && word != "--seconds" && word != "--seed"))
        refuse(word + " is an unknown option or has no value");
      const long number = std::atol(words[++i]);
      word == "--runs" ? arguments.runs = number : word == "--seconds" ? arguments.seconds = number : 0;
      if (word == "--seed")
        arguments.seed = static_cast<uint64_t>(number);
    } else if (std::filesystem::is_directory(word)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(word))
        if (entry.is_regular_file())
          arguments.files.push_back(entry.path());
    } else {
      arguments.files.push_back(word);
    }
  }
  std::sort(arguments.files.begin(), arguments.files.end()); // directory order is unspecified
  return arguments;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    refuse(path.string() + " can't be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Error text without the parts that depend on the input; identifies the failed check.
std::string check_id(const std::string& sentence) {
  std::string words;
  bool quoted = false;
  for (const char c : sentence) {
    quoted = c == '"' ? !quoted : quoted;
    if (!quoted && ((c >= 'a' && c <= 'z') || c == ' '))
      words += c;
  }
  return words.substr(0, 80);
}

class Fuzzing {
public:
  explicit Fuzzing(uint64_t seed) : random_(seed) {}

  void run(const std::string& bytes) {
    const std::clock_t begin = std::clock(); // CPU time, since other processes run too
    watch(bytes);
    bool was_read = false;
    try {
      was_read = LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) == 0;
    } catch (const std::exception& error) {
      report_finding(std::string("threw an exception other than cuecard::Error: ") + error.what());
    }
    if (static_cast<double>(std::clock() - begin) > max_seconds * CLOCKS_PER_SEC)
      report_finding("took more than five seconds");
    if (!was_read && (refusal().size() < 10 || refusal().size() > max_error_size))
      report_finding("was rejected with an error of " + std::to_string(refusal().size()) +
                     " bytes: " + refusal().substr(0, 200));
    ++(was_read ? read_ : refused_);
    if (was_read && last_read_.size() < max_read)
      last_read_.push_back(bytes);
    else if (was_read)
      last_read_[static_cast<std::size_t>(read_) % max_read] = bytes;
    else if (new_rejections_.size() < max_rejected && checks_.insert(check_id(refusal())).second)
      new_rejections_.push_back(bytes);
  }

  /// Mutates one of the files or of the inputs kept.
  void run_mutation(std::size_t max_size) {
    const uint64_t which = random_() % 4;
    const std::vector<std::string>& from = which == 0 && !new_rejections_.empty() ? new_rejections_
                                           : which == 1 && !last_read_.empty()    ? last_read_
                                                                                  : files_;
    run(mutate(from[static_cast<std::size_t>(random_() % from.size())], files_, max_size, random_));
  }

  void run_file(const std::string& bytes) {
    run(bytes);
    files_.push_back(bytes);
  }

  long read() const { return read_; }
  long refused() const { return refused_; }
  std::size_t checks() const { return checks_.size(); }

private:
  Random random_;
  long read_ = 0, refused_ = 0;
  std::vector<std::string> files_, last_read_, new_rejections_;
  std::set<std::string> checks_;
};

int fuzz(const std::string& name, const Arguments& arguments) {
  if (arguments.files.empty())
    refuse("no files given");
  const auto begin = Clock::now();
  Fuzzing fuzzing(arguments.seed);
  std::size_t max_size = 4096;
  const bool mutates = arguments.runs > 0 || arguments.seconds > 0;
  for (const std::filesystem::path& file : arguments.files) {
    const std::string bytes = bytes_of(file);
    max_size = std::max(max_size, 2 * bytes.size());
    fuzzing.run_file(bytes);
    if (!mutates)
      std::printf("%s: %s\n", file.c_str(), refusal().empty() ? "read" : refusal().c_str());
  }
  if (!mutates)
    return 0;
  const long given = fuzzing.read() + fuzzing.refused(), whole = fuzzing.read();
  const auto end = begin + std::chrono::seconds(arguments.seconds);
  for (long run = 0; run < arguments.runs || Clock::now() < end; ++run)
    fuzzing.run_mutation(max_size);
  std::printf(
      "%s: %ld files, %ld of them read; %ld mutations, %ld read, %ld rejected; %zu distinct errors; %.1f s\n",
      name.c_str(), given, whole, fuzzing.read() + fuzzing.refused() - given, fuzzing.read() - whole,
      fuzzing.refused() - (given - whole), fuzzing.checks(),
      std::chrono::duration<double>(Clock::now() - begin).count());
  // A target that rejects every input or none tests nothing.
  if (whole == 0 || fuzzing.refused() == 0) {
    std::fprintf(stderr, "%s: %s was rejected, so the target tests nothing\n", name.c_str(),
                 whole == 0 ? "every file" : "nothing");
    return 1;
  }
  return 0;
}

} // namespace

} // namespace cuecard::fuzz

int main(int count, char** words) {
  const std::string name = std::filesystem::path(words[0]).filename().string();
  cuecard::fuzz::install_handlers(name);
  return cuecard::fuzz::fuzz(name, cuecard::fuzz::arguments_of(count, words));
}
