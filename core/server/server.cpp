#include "server/server.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>
#include <utility>

#include <boost/asio/post.hpp>

#include <cuecard/error.hpp>

#include "server/cards/served_folder.hpp"
#include "server/documents/documents.hpp"
#include "server/json.hpp"
#include "server/routes.hpp"

namespace cuecard::server {

namespace {

constexpr std::chrono::seconds between_scans(1);
/// Scanning many cards takes long. The minimum pause after a scan, as a multiple of its duration.
constexpr int rest_after_scan = 20;
/// For requests that were cancelled to be answered.
constexpr std::chrono::seconds last_words(3);

class AtEnd {
public:
  explicit AtEnd(std::function<void()> action) : action_(std::move(action)) {}
  ~AtEnd() { action_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

private:
  std::function<void()> action_;
};

Histogram histogram(const PassSizes& sizes) {
  Histogram result;
  for (std::size_t bucket = 0; bucket + 1 < sizes.passes.size(); ++bucket)
    result.buckets.push_back({std::int64_t{1} << bucket, sizes.passes[bucket]});
  result.beyond = sizes.passes.back();
  result.sum = sizes.sum;
  return result;
}

} // namespace

Server::Server(ServerSettings settings)
    : settings_(std::move(settings)), log_(settings_.log), io_(std::make_unique<boost::asio::io_context>(1)),
      context_(
          std::make_shared<ConnectionContext>(ConnectionContext{settings_.limits, this, settings_.tls.get()})),
      listener_(std::make_unique<Listener>(*io_, settings_.listen, context_)) {
  const Address bound = listener_->address();
  const bool six = bound.host.find(':') != std::string::npos;
  log_.say(std::string("listening on ") + (settings_.tls ? "https" : "http") + "://" +
           (six ? "[" + bound.host + "]" : bound.host) + ":" + std::to_string(bound.port) + ".");
  if (!bound.loopback && settings_.keys.none())
    log_.warn("no authentication: anyone who can reach this address can use the server; set --api-key-file.");
  listener_->accept();
  thread_ = std::thread([this] { run(); });
}

Server::~Server() {
  stop();
  discard();
}

void Server::run() {
  while (true) {
    try {
      io_->run();
      return;
    } catch (const std::exception& error) {
      log_.warn(std::string("unexpected error: ") + error.what());
    }
  }
}

void Server::stop() {
  if (!thread_.joinable())
    return;
  io_->stop();
  thread_.join();
}

void Server::discard() {
  running_.clear();
  deadline_.reset();
  signals_.reset();
  listener_.reset();
  io_.reset();
}

void Server::serve(const Model& model, const registry::Registry& plugins, const std::string& name,
                   std::shared_ptr<TaskPipeline> base) {
  ChatWriting chat;
  if (base)
    chat = chat_writing(settings_.chat_format, model.vocabulary());
  // At the end the thread of clients stops first. Then the scheduler cancels waiting requests and posts their answers to
  // io_, which is destroyed last.
  const AtEnd last([this] { discard(); });
  auto scheduler = std::make_unique<embedding::Scheduler>(model, settings_.scheduler);
  const auto ask = [this](std::function<void(CardReader&)> errand) { ask_reader(std::move(errand)); };
  Serving serving{
      .model = model,
      .scheduler = *scheduler,
      .io = *io_,
      .metrics = metrics_,
      .log = log_,
      .catalogue = Catalogue(name),
      .chat = std::move(chat),
      .max_waiting_rows = settings_.scheduler.max_waiting_rows,
      .admin = settings_.admin,
      .ask_reader = ask,
      .loaded = LoadedCards(
          settings_.cards_in_memory,
          [ask](const std::string& card) { ask([card](CardReader& reader) { reader.read(card); }); },
          [ask](const std::string& card) { ask([card](CardReader& reader) { reader.drop(card); }); })};
  const AtEnd first([&] {
    stop();
    scheduler.reset();
  });
  if (base) {
    base->prompt_template = std::make_shared<ChatTemplate>(base->prompt_template, settings_.chat_format,
                                                           TemplateTarget{model.vocabulary(), base->layout});
    scheduler->set_card(std::move(base));
  }
  ServedFolder folder(settings_.cards, serving, plugins, name, settings_.cards_in_memory);
  folder.scan();
  boost::asio::post(*io_, [&, cards = folder.served_cards()] {
    begin(serving);
    log_.say("ready: " + counted(cards, "card") + " on " + name + "."); // requests may follow at once
  });
  watch_cards(folder);
  log_.say("ended.");
}

void Server::ask_reader(std::function<void(CardReader&)> errand) {
  {
    const std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
  }
  changed_.notify_all();
}

void Server::watch_cards(ServedFolder& folder) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_scan = Clock::now() + between_scans;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_until(lock, next_scan, [this] { return ended_ || !errands_.empty(); });
    if (ended_)
      return;
    const auto errands = std::exchange(errands_, {});
    lock.unlock();
    for (const auto& errand : errands)
      errand(folder);
    if (const Clock::time_point begin = Clock::now(); begin >= next_scan) {
      folder.scan();
      const Clock::time_point end = Clock::now();
      next_scan = end + std::max<Clock::duration>(between_scans, rest_after_scan * (end - begin));
    }
    lock.lock();
  }
}

void Server::begin(Serving& serving) {
  serving_ = &serving;
  state_ = State::ready;
  deadline_ = std::make_unique<boost::asio::steady_timer>(*io_);
  signals_ = std::make_unique<boost::asio::signal_set>(*io_, SIGINT, SIGTERM);
  await_signal();
}

void Server::await_signal() {
  signals_->async_wait([this](boost::system::error_code error, int signal) {
    if (error)
      return;
    drain(signal);
    await_signal();
  });
}

void Server::drain(int signal) {
  if (std::exchange(state_, State::draining) == State::draining)
    std::_Exit(128 + signal);
  log_.say("draining: " + counted(running_.size(), "request") + " will be answered within " +
           std::to_string(settings_.drain.count()) + " seconds; a second signal ends the server now.");
  deadline_->expires_after(settings_.drain);
  deadline_->async_wait([this](boost::system::error_code error) {
    if (!error)
      cut_off();
  });
  end_if_idle();
}

void Server::cut_off() {
  log_.say(counted(running_.size(), "request") + " could not be answered in time.");
  for (const auto& exchange : std::set(running_)) // stop() may erase it from running_
    exchange->stop();
  deadline_->expires_after(last_words);
  deadline_->async_wait([this](boost::system::error_code error) {
    if (!error) {
      running_.clear();
      end_if_idle();
    }
  });
}

void Server::end_if_idle() {
  if (state_ != State::draining || !running_.empty())
    return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  io_->stop();
}

std::optional<Reply> Server::refuse(const HttpRequest& head) {
  const FoundRoute found = find_route(head.method, head.path);
  const Form form = form_of(head.path);
  if (found.route && !found.route->serve)
    return std::nullopt;
  if (!settings_.keys.admit(head.authorization))
    return reply_of(form, Problem(401, "expected a valid API key in the header \"Authorization: Bearer KEY\".",
                                  "invalid_api_key"));
  if (!found.route && !found.allowed.empty()) {
    Reply reply = reply_of(form, Problem(405, "this path takes " + found.allowed + "."));
    reply.headers.emplace_back("Allow", found.allowed);
    return reply;
  }
  if (!found.route)
    return reply_of(form, Problem(404, "there is no such path."));
  if (state_ != State::ready)
    return reply_of(form, Problem(503, std::string("the server is ") + state_name() + "; try again later."));
  return std::nullopt;
}

void Server::serve(const std::shared_ptr<Exchange>& exchange) {
  const FoundRoute found = find_route(exchange->request.method, exchange->request.path);
  if (!found.route->serve)
    return exchange->answer(own_reply(found.route->path));
  const Call call{*serving_, exchange, found.route->form, found.name};
  guard(call, [&] { found.route->serve(call); });
}

Reply Server::own_reply(const std::string& path) const {
  const bool ready = state_ == State::ready;
  if (path == "/")
    return page_reply();
  if (path == "/openapi.json")
    return {200, openapi_document()};
  if (path == "/metrics")
    return {200, metrics_.text(gauges()), "text/plain; version=0.0.4; charset=utf-8"};
  Json object;
  if (path == "/v2/health/live") {
    object["live"] = true;
    return json_reply(object);
  }
  if (path == "/v2/health/ready")
    object["ready"] = ready;
  else
    object["status"] = state_name();
  return {ready ? 200 : 503, dump(object)};
}

Reply Server::rejected(const HttpRequest& head, int status, const std::string& sentence) {
  return reply_of(form_of(head.path), Problem(status, sentence));
}

void Server::begun(const std::shared_ptr<Exchange>& exchange) {
  running_.insert(exchange);
}

void Server::finished(const std::shared_ptr<Exchange>& exchange) {
  const FoundRoute found = find_route(exchange->request.method, exchange->request.path);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - exchange->begun;
  metrics_.request(found.route ? found.route->path : "other", exchange->status(), seconds.count());
  log_.request(*exchange, seconds.count());
  running_.erase(exchange);
  end_if_idle();
}

const char* Server::state_name() const {
  switch (state_) {
  case State::loading:
    return "loading";
  case State::ready:
    return "ready";
  case State::draining:
    break;
  }
  return "draining";
}

Gauges Server::gauges() const {
  Gauges gauges;
  gauges.state = state_name();
  gauges.connections = static_cast<std::int64_t>(context_->connections);
  gauges.requests_running = std::ssize(running_);
  if (serving_) {
    const embedding::SchedulerCounters counters = serving_->scheduler.counters();
    gauges.cards = std::ssize(serving_->catalogue.cards());
    gauges.cards_in_memory = serving_->loaded.size();
    gauges.cards_read = serving_->loaded.read_again();
    gauges.rows_waiting = counters.rows_waiting + serving_->rows_held;
    gauges.tokens_waiting = counters.tokens_waiting;
    gauges.forward_passes = counters.model.forwards;
    gauges.tokens_forwarded = counters.model.tokens_forwarded;
    gauges.tokens_from_cache = counters.model.tokens_from_cache;
    gauges.pass_rows = histogram(counters.model.rows);
    gauges.pass_tokens = histogram(counters.model.tokens);
  }
  return gauges;
}

} // namespace cuecard::server
