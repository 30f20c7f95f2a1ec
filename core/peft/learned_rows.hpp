/// What an adapter learned as what it does to a model, and back: PEFT's layouts of rows and prefixes, and which
/// positions they take.
///
/// PEFT's rows always count as positions: those among the embeddings stand in front of everything, `[CLS]` and
/// `<s>` included (peft_model.py, `forward` of each task), and a prefix is a cache of P rows, from whose length
/// models derive where the text begins.
#pragma once

#include <cstdint>
#include <string>

#include <cuecard/backbone.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/configuration.hpp>

#include "peft/adapter.hpp"

namespace cuecard::peft {

/// Rows [P, embedding width] in front, or one prefix of the site `self`. `task`: of a multitask adapter, which
/// of its tasks. DataError that names the file and both sizes where the adapter is for another model,
/// UsageError for a task that is not there.
Conditioning conditioning_of(const Adapter& adapter, const BackboneShape& shape, int64_t task);

/// By how much a row that stands among the model's word embeddings is larger there than as PEFT keeps it: 1,
/// but in models that multiply word embeddings by the root of their width (BART's "scale_embedding"). PEFT puts
/// its rows behind that multiplication, a card in front.
double embedding_scale(const Configuration& configuration, const BackboneShape& shape);

/// Sets the learned tensors of `adapter`, and the sizes in its configuration, from rows [P, W] that stand in
/// front. A multitask adapter gets one task, whose factors are ones.
void keep_rows(Adapter& adapter, const at::Tensor& rows, const BackboneShape& shape);

/// The same from a prefix. Returns why PEFT can't hold it, or "".
std::string keep_prefix(Adapter& adapter, const Prefix& prefix, const BackboneShape& shape);

} // namespace cuecard::peft
