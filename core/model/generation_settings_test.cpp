#include "model/generation_settings.hpp"

#include <doctest/doctest.h>

#include "model/test_folder.hpp"

using namespace cuecard;

namespace {

/// The settings in order, such as `num_beams=4 early_stopping=true`.
std::string listed(const UnusedSettings& unused) {
  std::string list;
  for (const UnusedSettings::Setting& setting : unused.settings)
    list += (list.empty() ? "" : " ") + setting.key + "=" + setting.value;
  return list;
}

/// Those of a folder whose generation_config.json has this text.
std::string listed(const std::string& text) {
  const TestFolder folder;
  folder.write("generation_config.json", text);
  return listed(unused_generation_settings(folder.path()));
}

} // namespace

TEST_CASE("generation settings: start and end tokens and neutral values are not named") {
  CHECK(listed(R"({"_from_model_config": true, "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": 0,
      "decoder_start_token_id": 0, "forced_bos_token_id": 0, "forced_eos_token_id": 2, "use_cache": true,
      "transformers_version": "5.23.0"})") == "");
  CHECK(
      listed(R"({"max_length": 20, "max_new_tokens": null, "min_length": 0, "do_sample": false, "num_beams": 1,
      "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "suppress_tokens": [], "begin_suppress_tokens": null,
      "guidance_scale": 1, "token_healing": false})") == "");
}

TEST_CASE("generation settings: settings of sampling and of beams count only with these") {
  CHECK(
      listed(
          R"({"temperature": 0.6, "top_k": 50, "top_p": 0.9, "length_penalty": 2.0, "early_stopping": true})") ==
      "");
  CHECK(listed(R"({"temperature": 0.6, "top_p": 0.9, "do_sample": true, "length_penalty": 2.0})") ==
        "do_sample=true temperature=0.6 top_p=0.9");
  CHECK(listed(R"({"early_stopping": "never", "length_penalty": 2.0, "num_beams": 4, "top_p": 0.9})") ==
        "num_beams=4 length_penalty=2.0 early_stopping=\"never\"");
}

TEST_CASE("generation settings: those of config.json count if there is no generation_config.json") {
  const TestFolder folder;
  folder.write("config.json",
               R"({"model_type": "bart", "d_model": 8, "min_length": 56, "no_repeat_ngram_size": 3})");
  const UnusedSettings unused = unused_generation_settings(folder.path());
  CHECK(listed(unused) == "min_length=56 no_repeat_ngram_size=3");
  CHECK(unused.file == folder.path() / "config.json");
  folder.write("generation_config.json", R"({"repetition_penalty": 1.1})");
  CHECK(listed(unused_generation_settings(folder.path())) == "repetition_penalty=1.1");
}

TEST_CASE("generation settings: one sentence names all, and long values are shortened") {
  CHECK(UnusedSettings{}.warnings().empty());
  const TestFolder folder;
  const std::string file =
      folder
          .write("generation_config.json", R"({"repetition_penalty": 1.1, "min_new_tokens": 5,
      "suppress_tokens": [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008]})")
          .string();
  const std::vector<std::string> warnings = unused_generation_settings(folder.path()).warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find(file + R"(: "min_new_tokens" (5), "repetition_penalty" (1.1) and "suppress_tokens" )"
                                R"(([1000,1001,1002,1003,1004,1005,1006,1...) are not used; )") == 0);
  folder.write("generation_config.json", R"({"repetition_penalty": 1.1})");
  CHECK(contains(unused_generation_settings(folder.path()).warnings().at(0),
                 "\"repetition_penalty\" (1.1) is not used; "));
}
