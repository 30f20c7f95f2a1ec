// cuecard_train of cuecard.h.
#include <sstream>
#include <streambuf>

#include <cuecard/error.hpp>

#include "embedding/arguments.hpp"
#include "host/output/messages.hpp"
#include "host/runs/trained_cards.hpp"
#include "program/command_line.hpp"

namespace {

using namespace cuecard;
using namespace cuecard::embedding;
using namespace cuecard::host;

/// Forwards complete lines.
class Lines final : public std::streambuf {
public:
  Lines(void (*receive)(void* user, const char* line), void* user) : receive_(receive), user_(user) {}

private:
  int_type overflow(int_type character) override {
    if (character != '\n') {
      line_ += traits_type::to_char_type(character);
      return character;
    }
    if (receive_)
      receive_(user_, line_.c_str());
    line_.clear();
    return character;
  }

  void (*receive_)(void*, const char*);
  void* user_;
  std::string line_;
};

TrainingHost host_of(const cuecard_train_options& options) {
  TrainingHost host;
  host.place.rank = options.rank;
  host.place.ranks = or_default(options.ranks, int32_t{1});
  if (options.sum)
    host.place.sum = [options](float* values, std::size_t count) {
      char reason[400] = "";
      if (!options.sum(options.user, values, count, reason, sizeof reason - 1))
        throw Error(reason[0] ? reason : "the sum over ranks failed");
    };
  host.progress = [options](int64_t step, int64_t steps, double loss, double dev) {
    return !options.progress || options.progress(options.user, step, steps, loss, dev);
  };
  return host;
}

} // namespace

extern "C" cuecard_error* cuecard_train(const char* const* words, size_t count,
                                        const cuecard_train_options* given) {
  return attempt([&] {
    const auto options = complete(given, "cuecard_train");
    require(count ? static_cast<const void*>(words) : &options, "cuecard_train", "the words");
    std::vector<std::string> line{"train"};
    for (std::size_t i = 0; i < count; ++i) {
      require(words[i], "cuecard_train", "a word");
      line.emplace_back(words[i]);
    }
    const CommandLine parsed = parse(line);
    if (!parsed.verb || parsed.help)
      throw UsageError("cuecard_train: --help is for the program; run `cuecard train --help`.");
    Lines lines(options.message, options.user);
    std::ostream stream(&lines);
    const MessagesTo scope(stream);
    const TrainedCards trained = train_cards(Values(parsed.call), host_of(options));
    for (const Json& object : trained.objects)
      if (options.result)
        options.result(options.user, object.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  });
}
