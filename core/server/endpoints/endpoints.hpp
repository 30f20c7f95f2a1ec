/// The server's endpoints, one function each. `guard` turns their exceptions into error responses.
#pragma once

#include "server/call.hpp"

namespace cuecard::server {

// Cuecard's own.
void list_cards(const Call& call);
/// Rows of any mixture of cards; answers as `cuecard predict` prints them.
void predict_rows(const Call& call);
/// The tokens and soft slots that the model reads of rows.
void render_rows(const Call& call);
/// Where the operator allows it.
void load_card(const Call& call);
void unload_card(const Call& call);
void refresh_cards(const Call& call);

// OpenAI's.
void list_models(const Call& call);
void complete(const Call& call);
void complete_chat(const Call& call);

// Text Embeddings Inference's.
void tei_info(const Call& call);
void tei_predict(const Call& call);

// The Open Inference Protocol, version 2 of KServe.
void kserve_server(const Call& call);
void kserve_model(const Call& call);
void kserve_model_ready(const Call& call);
void kserve_infer(const Call& call);

} // namespace cuecard::server
