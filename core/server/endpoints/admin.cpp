// Clients that load and unload cards of the folder, where the operator allows it.
#include <boost/asio/post.hpp>

#include "server/endpoints/endpoints.hpp"
#include "server/json.hpp"

namespace cuecard::server {

namespace {

/// Logs the reason of a refusal, since the request's own line has only its status.
Reply refusal(const Call& call, const Problem& problem) {
  if (problem.status == 422 || problem.status >= 500)
    call.serving.log.warn("refused: " + std::string(problem.what()));
  return reply_of(call.form, problem);
}

/// Runs `act` on the reader thread. Its changes are in the catalogue before its answer is sent.
void on_reader(const Call& call, std::function<Json(CardReader&)> act) {
  if (!call.serving.admin)
    throw Problem(403, "clients may not load or unload cards; start the server with --admin to allow it.");
  call.serving.ask_reader([call, act = std::move(act)](CardReader& reader) {
    Reply reply;
    try {
      reply = json_reply(act(reader));
    } catch (const DataError& error) {
      reply = refusal(call, Problem(422, error.what()));
    } catch (...) {
      reply = refusal(call, current_problem());
    }
    boost::asio::post(call.serving.io, [call, reply] {
      if (reply.status == 422)
        call.serving.metrics.card_refused();
      call.answer(reply);
    });
  });
}

Json card_json(const std::string& name, bool is_served) {
  return {{"name", name}, {"served", is_served}};
}

} // namespace

void load_card(const Call& call) {
  on_reader(call, [name = call.name](CardReader& reader) {
    if (!reader.load(name))
      throw Problem(404, "the folder of cards has no card \"" + name.substr(0, 80) + "\".", "model_not_found");
    return card_json(name, true);
  });
}

void unload_card(const Call& call) {
  call.serving.catalogue.card(call.name); // 404 for an unknown one
  on_reader(call, [name = call.name](CardReader& reader) {
    reader.unload(name);
    return card_json(name, false);
  });
}

void refresh_cards(const Call& call) {
  on_reader(call, [](CardReader& reader) {
    const FolderChanges changes = reader.refresh();
    return Json{{"added", changes.added},
                {"changed", changes.changed},
                {"removed", changes.removed},
                {"refused", changes.refused}};
  });
}

} // namespace cuecard::server
