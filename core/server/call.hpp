/// A request on its way through the server.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "embedding/scheduler.hpp"
#include "engine/model.hpp"
#include "server/catalogue.hpp"
#include "server/http/exchange.hpp"
#include "server/metrics.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

/// What answers are made with. Threads: the catalogue and the metrics are the server's.
struct Serving {
  const Model& model;
  embedding::Scheduler& scheduler;
  boost::asio::io_context& io;
  Metrics& metrics;
  Catalogue catalogue;
};

struct Call {
  Serving& serving;
  std::shared_ptr<Exchange> exchange;
  Form form = Form::openai;
  std::string name; ///< what stands for {name} in the path

  void answer(Reply reply) const { exchange->answer(std::move(reply)); }
};

/// Runs `action`; its exception is answered.
template <class Action>
void guard(const Call& call, Action&& action) {
  try {
    action();
  } catch (...) {
    call.answer(reply_of(call.form, current_problem()));
  }
}

} // namespace cuecard::server
