/// PROGRAM [--runs N] [--seconds S] [--seed K] FILE|FOLDER...
///
/// Gives a parser every file, then mutations of them: N, or as many as there is time for; without these, says
/// what each file came to. The same seed gives the same inputs. An input that was refused in words not seen
/// before is mutated further, since it got to a check that no other did. A finding is written to the working
/// directory as `finding-...`, which goes back in as a FILE; the exit code is then not 0.
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
constexpr double slowest = 5; ///< seconds of the processor for one input, sanitizers included
constexpr std::size_t longest_sentence = 1000, most_refused = 2000,
                      most_read = 100; ///< bytes; inputs that are mutated

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
        refuse(word + " is no option, or lacks its number");
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
  std::sort(arguments.files.begin(), arguments.files.end()); // folders are listed in any order
  return arguments;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    refuse(path.string() + " can't be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The beginning of a sentence without what depends on the input: the check that it comes from.
std::string check_of(const std::string& sentence) {
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
  explicit Fuzzing(uint64_t seed) : chance_(seed) {}

  void run(const std::string& bytes) {
    const std::clock_t begin = std::clock(); // not a clock on the wall: other programs run, too
    watch(bytes);
    bool was_read = false;
    try {
      was_read = LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) == 0;
    } catch (const std::exception& error) {
      report_finding(std::string("threw something that is no sentence for a person: ") + error.what());
    }
    if (static_cast<double>(std::clock() - begin) > slowest * CLOCKS_PER_SEC)
      report_finding("took more than five seconds");
    if (!was_read && (refusal().size() < 10 || refusal().size() > longest_sentence))
      report_finding("was refused in " + std::to_string(refusal().size()) +
                     " bytes, which is no sentence: " + refusal().substr(0, 200));
    ++(was_read ? read_ : refused_);
    if (was_read && last_read_.size() < most_read)
      last_read_.push_back(bytes);
    else if (was_read)
      last_read_[static_cast<std::size_t>(read_) % most_read] = bytes;
    else if (odd_.size() < most_refused && checks_.insert(check_of(refusal())).second)
      odd_.push_back(bytes);
  }

  /// One of the files, or what came of them.
  void run_mutation(std::size_t longest) {
    const uint64_t which = chance_() % 4;
    const std::vector<std::string>& from = which == 0 && !odd_.empty()         ? odd_
                                           : which == 1 && !last_read_.empty() ? last_read_
                                                                               : files_;
    run(mutated(from[static_cast<std::size_t>(chance_() % from.size())], files_, longest, chance_));
  }

  void run_file(const std::string& bytes) {
    run(bytes);
    files_.push_back(bytes);
  }

  long read() const { return read_; }
  long refused() const { return refused_; }
  std::size_t checks() const { return checks_.size(); }

private:
  Chance chance_;
  long read_ = 0, refused_ = 0;
  std::vector<std::string> files_, last_read_, odd_;
  std::set<std::string> checks_;
};

int fuzz(const std::string& name, const Arguments& arguments) {
  if (arguments.files.empty())
    refuse("no file to begin with");
  const auto begin = Clock::now();
  Fuzzing fuzzing(arguments.seed);
  std::size_t longest = 4096;
  const bool mutates = arguments.runs > 0 || arguments.seconds > 0;
  for (const std::filesystem::path& file : arguments.files) {
    const std::string bytes = bytes_of(file);
    longest = std::max(longest, 2 * bytes.size());
    fuzzing.run_file(bytes);
    if (!mutates)
      std::printf("%s: %s\n", file.c_str(), refusal().empty() ? "read" : refusal().c_str());
  }
  if (!mutates)
    return 0;
  const long given = fuzzing.read() + fuzzing.refused(), whole = fuzzing.read();
  const auto end = begin + std::chrono::seconds(arguments.seconds);
  for (long run = 0; run < arguments.runs || Clock::now() < end; ++run)
    fuzzing.run_mutation(longest);
  std::printf(
      "%s: %ld files, %ld of them read; %ld mutations, %ld read, %ld refused; %zu different refusals; %.1f s\n",
      name.c_str(), given, whole, fuzzing.read() + fuzzing.refused() - given, fuzzing.read() - whole,
      fuzzing.refused() - (given - whole), fuzzing.checks(),
      std::chrono::duration<double>(Clock::now() - begin).count());
  // A harness that refuses all it is given, or nothing, looks at nothing.
  if (whole == 0 || fuzzing.refused() == 0) {
    std::fprintf(stderr, "%s: %s was refused, so nothing is behind these numbers\n", name.c_str(),
                 whole == 0 ? "every file" : "nothing");
    return 1;
  }
  return 0;
}

} // namespace

} // namespace cuecard::fuzz

int main(int count, char** words) {
  const std::string name = std::filesystem::path(words[0]).filename().string();
  cuecard::fuzz::name_findings(name);
  return cuecard::fuzz::fuzz(name, cuecard::fuzz::arguments_of(count, words));
}
