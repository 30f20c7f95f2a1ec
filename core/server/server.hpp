/// `cuecard serve`: listens, loads, serves, drains.
///
/// One thread handles all clients and never waits for anything else. The scheduler's thread runs the model, and the thread that
/// calls `serve` watches the card folder.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "embedding/scheduler.hpp"
#include "server/api_keys.hpp"
#include "server/call.hpp"
#include "server/http/address.hpp"
#include "server/http/listener.hpp"
#include "server/http/site.hpp"
#include "server/log.hpp"
#include "server/metrics.hpp"

namespace cuecard::registry {
class Registry;
}

namespace cuecard::server {

class ServedFolder;

struct ServerSettings {
  Address listen;
  HttpLimits limits;
  ApiKeys keys;
  std::filesystem::path cards;     ///< the folder of card folders
  std::size_t cards_in_memory = 0; ///< most, besides those that rows wait for
  LogFormat log = LogFormat::text;
  bool admin = false;                             ///< clients may load and unload cards of the folder
  std::string chat_format = "auto";               ///< of the model itself
  std::unique_ptr<boost::asio::ssl::context> tls; ///< null: connections are not encrypted
  std::chrono::seconds drain{};                   ///< for requests to be answered after the first signal
  embedding::SchedulerSettings scheduler;
};

class Server final : public Site {
public:
  /// Starts to listen; /health reports that it is loading. Error when it can't listen on the address.
  explicit Server(ServerSettings settings);
  ~Server() override;

  /// Serves the cards of the folder, and `base`, a template of texts for the model `name` itself (null if it can't generate), until SIGTERM
  /// or SIGINT. Called once. UsageError when the model can't write the chat format of the settings.
  void serve(const Model& model, const registry::Registry& plugins, const std::string& name,
             std::shared_ptr<TaskPipeline> base);

  std::optional<Reply> refuse(const HttpRequest& head) override;
  void serve(const std::shared_ptr<Exchange>& exchange) override;
  Reply rejected(const HttpRequest& head, int status, const std::string& sentence) override;
  void begun(const std::shared_ptr<Exchange>& exchange) override;
  void finished(const std::shared_ptr<Exchange>& exchange) override;
  bool closing() const override { return state_ == State::draining; }

private:
  enum class State { loading, ready, draining };

  const char* state_name() const;
  Reply own_reply(const std::string& path) const;
  Gauges gauges() const;

  void run();
  /// Ends the thread of clients, if it runs.
  void stop();
  /// Destroys the handlers that are still queued in it.
  void discard();
  /// The reader thread: watches the folder and runs the requests that load cards, until the server ends.
  void watch_cards(ServedFolder& folder);
  void ask_reader(std::function<void(CardReader&)> errand);

  void begin(Serving& serving);
  void await_signal();
  void drain(int signal);
  void cut_off();
  void end_if_idle();

  const ServerSettings settings_;
  const Log log_;
  std::unique_ptr<boost::asio::io_context> io_;

  // Of the thread of clients.
  std::shared_ptr<ConnectionContext> context_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<boost::asio::signal_set> signals_;
  std::unique_ptr<boost::asio::steady_timer> deadline_;
  std::set<std::shared_ptr<Exchange>> running_;
  Metrics metrics_;
  Serving* serving_ = nullptr; ///< null until it is loaded
  State state_ = State::loading;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::deque<std::function<void(CardReader&)>> errands_;
  std::thread thread_;
};

} // namespace cuecard::server
