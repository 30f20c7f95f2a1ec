// Cases of every component, whatever its kind: its options, its objects, and what using it does to the process.
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

#include <malloc.h>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/kept_weights.hpp"
#include "conformance/planted_task.hpp"
#include "conformance/process_state.hpp"
#include "conformance/use.hpp"
#include "registry/options.hpp"

namespace cuecard::conformance {

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

/// Creates objects of the component and destroys them.
class Creator {
public:
  explicit Creator(const Subject& subject) : subject_(subject), weights_(subject.seed) {
    if (subject.info().kind == CUECARD_BACKBONE)
      configuration_ = tiny_configuration(subject.info().model_types.at(0));
  }

  void operator()(const Set& set) const {
    if (subject_.info().kind == CUECARD_BACKBONE) {
      registry::make(subject_.entry(), BackboneArguments{configuration_, weights_});
    } else {
      const Options options = registry::complete(subject_.info(), set);
      registry::create(subject_.entry(), &options);
    }
  }

private:
  const Subject& subject_;
  Configuration configuration_;
  KeptWeights weights_;
};

/// The host's error for a value that is not allowed; "" if it is accepted.
std::string refusal_of(const Subject& subject, const std::string& name, const std::string& value) {
  try {
    registry::complete(subject.info(), {{name, value}});
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

void check_refused(const Subject& subject, const std::string& name, const std::string& value) {
  const std::string text = refusal_of(subject, name, value);
  require(!text.empty(),
          "the option \"" + name + "\" takes the value \"" + value + "\"; declare its range or choices.");
  require(text.find(name) != std::string::npos && text.ends_with("."),
          "\"" + name + "=" + value + "\" is refused without a sentence that names the option: " + text);
}

std::string number_text(double number) {
  return number == std::floor(number) && std::abs(number) < 1e15 ? std::to_string(static_cast<int64_t>(number))
                                                                 : std::to_string(number);
}

/// Values of an option at the ends of what it allows.
std::vector<std::string> extreme_values(const OptionInfo& option) {
  if (option.type == CUECARD_FLAG)
    return {"true", "false"};
  if (option.type == CUECARD_INTEGER || option.type == CUECARD_NUMBER) {
    std::vector<std::string> values;
    for (const auto& bound : {option.minimum, option.maximum})
      if (bound)
        values.push_back(number_text(*bound));
    return values;
  }
  if (option.type == CUECARD_TEXT)
    return option.choices.empty()
               ? std::vector<std::string>{"", "{", std::string(2000, 'x'), "\xf0\x9f\x8d\x90"}
               : option.choices;
  return {};
}

std::string options(const Subject& subject) {
  const ComponentInfo& component = subject.info();
  const Creator create(subject);
  check_refused(subject, "no-such-option", "1");
  for (const OptionInfo& option : component.options) {
    if (option.type == CUECARD_FLAG)
      check_refused(subject, option.name, "perhaps");
    if (option.type == CUECARD_INTEGER || option.type == CUECARD_NUMBER)
      check_refused(subject, option.name, "many");
    if (option.type == CUECARD_TEXT && !option.choices.empty())
      check_refused(subject, option.name, "no such choice");
    if (option.minimum)
      check_refused(subject, option.name, number_text(*option.minimum - 1));
    if (option.maximum)
      check_refused(subject, option.name, number_text(*option.maximum + 1));
    if (component.kind == CUECARD_BACKBONE)
      continue;
    for (const std::string& value : extreme_values(option))
      try {
        create({{option.name, value}});
      } catch (const UsageError& error) {
        require(std::string(error.what()).ends_with("."),
                "\"" + option.name + "=" + value.substr(0, 40) +
                    "\": its error is not a sentence: " + error.what());
      } catch (const std::exception& error) {
        throw Wrong(
            "\"" + option.name + "=" + value.substr(0, 40) +
            "\", which is declared as allowed, makes `create` fail with no UsageError: " + error.what());
      }
  }
  return "";
}

std::size_t allocated_bytes() {
  const struct mallinfo2 memory = ::mallinfo2();
  return memory.uordblks + memory.hblkhd;
}

std::string cycles(const Subject& subject) {
  constexpr int all = 1000, warm = 100;
  constexpr std::size_t most = 4096; // that 900 cycles may leave: less than one machine word each
  const Creator create(subject);
  std::size_t before = 0;
  for (int i = 0; i < all; ++i) {
    if (i == warm)
      before = allocated_bytes();
    create(subject.options());
  }
  const std::size_t after = allocated_bytes();
  require(after < before + most, std::to_string(all - warm) +
                                     " objects that were created and destroyed leave " +
                                     std::to_string(after - before) + " bytes allocated.");
  return "";
}

std::string threads(const Subject& subject) {
  constexpr int count = 8, rounds = 20;
  const Creator create(subject);
  create(subject.options()); // opens the library
  std::mutex mutex;
  std::string failure;
  const auto work = [&] {
    try {
      for (int i = 0; i < rounds; ++i)
        create(subject.options());
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex);
      failure = error.what();
    }
  };
  std::vector<std::thread> running;
  running.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    running.emplace_back(work);
  for (std::thread& each : running)
    each.join();
  require(failure.empty(), "on eight threads at once: " + failure);
  return use_on_threads(subject, count);
}

std::string using_state(const Subject& subject) {
  use_without(subject); // what LibTorch and other plugins set up on first use must not count
  const ProcessState before = ProcessState::now();
  const std::string remark = use(subject);
  const std::string changed = difference(before, ProcessState::now());
  require(changed.empty(), "using it changes " + changed + ".");
  return remark;
}

std::string using_output(const Subject& subject) {
  const std::string remark = use(subject);
  const std::string text = written(subject.output, subject.errors);
  require(text.empty(), "using it writes " + text + "; a plugin prints nothing.");
  return remark;
}

} // namespace

std::vector<Case> component_cases() {
  return {
      {"options", 0,
       "values that an option does not allow are refused with a sentence, and all others are taken", &options,
       true},
      {"cycles", 0, "creating and destroying a thousand objects leaks no memory", &cycles, true},
      {"threads", 0,
       "eight threads create objects, and use one where the interface allows it, with the same results",
       &threads, true},
      {"using-state", 0, "using it does not change the state of the process", &using_state, true},
      {"using-output", 0, "using it prints nothing", &using_output, true},
      {"errors", 0, "what it is given wrong is refused with a sentence: no crash, no exception of another type",
       &errors_are_sentences, true},
  };
}

} // namespace cuecard::conformance
