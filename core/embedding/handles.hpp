/// Definitions of the opaque types of cuecard.h.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "embedding/failure.hpp"
#include "embedding/include/cuecard.h"
#include "embedding/request.hpp"
#include "embedding/scheduler.hpp"
#include "engine/model.hpp"
#include "registry/registry.hpp"

struct cuecard_error {
  cuecard::embedding::Failure failure;
};

struct cuecard_model {
  cuecard_model(const std::filesystem::path& path, const std::vector<std::string>& plugin_paths,
                const cuecard::ModelSettings& model_settings,
                const cuecard::embedding::SchedulerSettings& settings)
      : plugins(cuecard::registry::Registry::scan(cuecard::registry::SearchPath::standard(plugin_paths))),
        model(cuecard::Model::load(path, plugins, model_settings)), scheduler(model, settings) {}

  const cuecard::registry::Registry plugins;
  const cuecard::Model model;
  std::mutex
      loading; ///< held while a card is loaded: the model's identity is computed when the first one asks for it
  cuecard::embedding::Scheduler scheduler;
};

struct cuecard_request {
  std::shared_ptr<cuecard::embedding::Request> request;
};

struct cuecard_answers {
  std::vector<cuecard::embedding::Answer> answers;
  std::vector<cuecard_error> errors; ///< by row
};
