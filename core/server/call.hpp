/// A request on its way through the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "embedding/scheduler.hpp"
#include "engine/model.hpp"
#include "server/cards/card_reader.hpp"
#include "server/cards/catalogue.hpp"
#include "server/cards/loaded_cards.hpp"
#include "server/http/exchange.hpp"
#include "server/log.hpp"
#include "server/metrics.hpp"
#include "server/openai/chat_template.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

/// What endpoints need to answer requests. Threads: the server's, except the model and the scheduler.
struct Serving {
  const Model& model;
  embedding::Scheduler& scheduler;
  boost::asio::io_context& io;
  Metrics& metrics;
  const Log& log;
  Catalogue catalogue;
  ChatWriting chat;
  int64_t max_waiting_rows = 0;
  bool admin = false; ///< clients may load and unload cards
  /// Queues a task for the reader thread. Tasks run in the order of the calls.
  std::function<void(std::function<void(CardReader&)>)> ask_reader;
  LoadedCards loaded;
  int64_t rows_held = 0; ///< that wait for their cards to be read
};

struct Call {
  Serving& serving;
  std::shared_ptr<Exchange> exchange;
  Form form = Form::openai;
  std::string name; ///< the part of the path that matched {name}

  void answer(Reply reply) const { exchange->answer(std::move(reply)); }
};

/// Runs `action`; an exception becomes an error response.
template <class Action>
void guard(const Call& call, Action&& action) {
  try {
    action();
  } catch (...) {
    call.answer(reply_of(call.form, current_problem()));
  }
}

} // namespace cuecard::server
