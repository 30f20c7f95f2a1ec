#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include <cuecard/error.hpp>

#include "host/device.hpp"
#include "host/loading.hpp"
#include "host/verbs/verbs.hpp"
#include "machine/models.hpp"
#include "server/http/tls.hpp"
#include "server/server.hpp"

namespace cuecard::host {

namespace {

server::ServerSettings settings_of(const Values& values) {
  server::ServerSettings settings;
  settings.listen = server::parse_address(values.text("listen"));
  settings.limits.patience = std::chrono::milliseconds(std::llround(1000 * values.number("client-timeout")));
  if (values.given("api-key-file"))
    settings.keys = server::ApiKeys(values.text("api-key-file"));
  settings.cards = values.text("cards");
  std::error_code unreadable;
  if (const std::filesystem::directory_iterator inside(settings.cards, unreadable); unreadable)
    throw DataError(settings.cards.string() + ": the folder of cards can't be read (" + unreadable.message() +
                    "); give --cards a folder that holds cards.");
  settings.drain = std::chrono::seconds(values.integer("drain"));
  settings.scheduler.threads = threads_of(values);
  settings.scheduler.batches = {values.integer("batch-size"), values.integer("batch-tokens")};
  settings.scheduler.batches.prefix_bytes = values.integer("prefix-cache") << 20;
  settings.scheduler.max_waiting_rows = values.integer("max-queue");
  settings.scheduler.max_waiting_tokens = values.integer("max-queue-tokens", 0);
  settings.cards_in_memory = static_cast<std::size_t>(values.integer("max-cards-loaded"));
  settings.admin = values.given("admin");
  settings.log = values.text("log-format") == "json" ? server::LogFormat::json : server::LogFormat::text;
  settings.chat_format = values.text("chat-format");
  if (values.given("tls-cert") != values.given("tls-key"))
    throw UsageError("--tls-cert and --tls-key must be given together.");
  if (values.given("tls-cert"))
    settings.tls = server::tls_context(values.text("tls-cert"), values.text("tls-key"));
  return settings;
}

/// The name of the model's file or folder.
std::string name_of_model(const Values& values) {
  const std::filesystem::path path =
      std::filesystem::absolute(model_path(values.text("model"))).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

} // namespace

int serve(const Values& values) {
  const at::Device device = open_device(values);
  server::Server server(settings_of(values));
  const registry::Registry plugins = find_plugins(values);
  const Model model = load_model(values, plugins, device);
  const std::string name = name_of_model(values);
  std::shared_ptr<TaskPipeline> base;
  if (model.shape().generates()) {
    base = std::make_shared<TaskPipeline>(
        pipeline_of_template(model, plugins, text_alone, ComponentChoice().component, PromptUse::continued));
    base->name = name;
    show_warnings(model.files().unused_settings.warnings());
  }
  server.serve(model, plugins, name, base);
  return 0;
}

} // namespace cuecard::host
