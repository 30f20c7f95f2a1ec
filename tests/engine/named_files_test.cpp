// Options that name files and cards: a component receives their contents, and the card no longer needs them.
#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "engine/pipeline_components.hpp"
#include "manifest/file_bytes.hpp"
#include "manifest/read_manifest.hpp"
#include "manifest/sidecar.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// A folder with the test's plugin, installed, and room for files.
struct Workplace {
  Workplace() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "plugins");
    const std::filesystem::path library = path / "plugins/naming.so";
    std::filesystem::copy_file(CUECARD_NAMING_PLUGIN, library);
    std::filesystem::permissions(path / "plugins", std::filesystem::perms::owner_all);
    std::filesystem::permissions(library, std::filesystem::perms::owner_all);
    std::ofstream(path / "plugins/naming.json") << sidecar_text(read_library(library));
    std::filesystem::permissions(path / "plugins/naming.json", std::filesystem::perms::owner_all);
  }
  ~Workplace() { std::filesystem::remove_all(path); }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  registry::Registry registry() const {
    return registry::Registry::scan(
        registry::SearchPath::standard({(path / "plugins").string(), CUECARD_BUILT_PLUGINS}));
  }

  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cuecard-naming-test-" + std::to_string(getpid()));
};

PipelineChoice naming(std::vector<std::pair<std::string, std::string>> set) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} It was{\"mask\"}"}};
  choice.tuner = {"naming", std::move(set)};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad"}, {"good"}};
  return choice;
}

} // namespace

TEST_CASE("a file's text and a card's trained tensors are passed on, and the new card needs neither") {
  const Workplace work;
  const registry::Registry registry = work.registry();
  const Model model = tiny_model("llama-tied"), other = tiny_model("llama-untied");
  const TaskPipeline soft =
      two_label_pipeline(model, "soft", "{text} It was{\"mask\"}", "prompt-tuning", {{"length", "2"}});
  const std::filesystem::path words = work.path / "words.txt", start = work.path / "start.card";
  save_card(to_card(soft, model), start);
  std::ofstream(words) << "one\ntwo\n";

  const TaskPipeline pipeline =
      make_pipeline(model, registry, naming({{"words", words.string()}, {"start", start.string()}}));
  const ComponentState state = pipeline.tuner->state(0);
  CHECK(state.texts.at("words") == "one\ntwo\n");
  CHECK(state.texts.at("given") == "1 and 1");
  CHECK(at::equal(state.tensors.at("prompt"), soft.tuner->state(0).tensors.at("prompt")));
  CHECK(make_pipeline(model, registry, naming({})).tuner->state(0).texts.at("given") == "0 and 0");

  save_card(to_card(pipeline, model), work.path / "own.card");
  std::filesystem::remove(words);
  std::filesystem::remove_all(start);
  const TaskPipeline back = pipeline_from_card(model, registry, read_card(work.path / "own.card"));
  CHECK(back.tuner->state(0).texts.at("words") == "one\ntwo\n");
  CHECK(at::equal(back.tuner->state(0).tensors.at("prompt"), state.tensors.at("prompt")));

  CHECK_THROWS_WITH_AS(make_pipeline(model, registry, naming({{"words", words.string()}})),
                       doctest::Contains("the option \"words\" of \"naming\""), DataError);
  CHECK_THROWS_WITH_AS(make_pipeline(model, registry, naming({{"start", start.string()}})),
                       doctest::Contains("the option \"start\" of \"naming\""), DataError);
  save_card(to_card(soft, model), start);
  CHECK_THROWS_WITH_AS(make_pipeline(other, registry, naming({{"start", start.string()}})),
                       doctest::Contains("was made for"), DataError);
}

TEST_CASE("a replaced weight that the model does not have names the tuner, not a card") {
  const Workplace work;
  const Model model = tiny_model("llama-tied");
  const std::string name = model.backbone().weights().begin()->first;
  const std::filesystem::path words = work.path / "words.txt";
  std::ofstream(words) << "replaces " << name << "x";
  CHECK_THROWS_WITH_AS(
      make_pipeline(model, work.registry(), naming({{"words", words.string()}})),
      doctest::Contains(
          ("component \"naming\", replaced_weights: it replaces the weight \"" + name + "x\"").c_str()),
      PluginError);
}

TEST_CASE("a template that declares no text works without one, and one that does needs it") {
  const Workplace work;
  const registry::Registry registry = work.registry();
  PipelineChoice choice = naming({});
  choice.prompt_template = {"fixed", {}};
  const ComponentInfo fixed = registry.find(CUECARD_TEMPLATE, "fixed").component();
  set_template_text(choice.prompt_template, fixed, "");
  CHECK(choice.prompt_template.set.empty());
  CHECK(make_pipeline(tiny_model("llama-tied"), registry, choice).prompt_template->source() ==
        "{text} It was{\"mask\"}");
  CHECK_THROWS_WITH_AS(set_template_text(choice.prompt_template, fixed, "{text}"),
                       "the template \"fixed\" takes no text, and one is given; leave it out.", DataError);

  const ComponentInfo manual = registry.find(CUECARD_TEMPLATE, "manual").component();
  ComponentChoice chosen{"manual", {{"text", "old"}}};
  set_template_text(chosen, manual, "{text} so");
  CHECK(chosen.set == std::vector<std::pair<std::string, std::string>>{{"text", "{text} so"}});
  CHECK_THROWS_WITH_AS(set_template_text(chosen, manual, ""),
                       "the template \"manual\" needs a text, and none is given; add one.", DataError);
}

TEST_CASE("a file that is too large is refused") {
  const Workplace work;
  const std::filesystem::path large = work.path / "large";
  std::ofstream(large) << "x";
  std::filesystem::resize_file(large, (std::uintmax_t{64} << 20) + 1); // sparse
  CHECK_THROWS_WITH_AS(
      make_pipeline(tiny_model("llama-tied"), work.registry(), naming({{"words", large.string()}})),
      doctest::Contains("the option \"words\""), DataError);
}
