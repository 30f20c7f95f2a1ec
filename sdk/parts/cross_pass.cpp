#include <cuecard/parts/forward_pass.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

#include "prefixes.hpp"

namespace cuecard {

namespace {

/// Rows of source 0 that output sequence `s` attends to.
KeyRange encoder_rows(const Batch& batch, bool encodes, std::size_t s) {
  if (encodes) {
    const auto source = static_cast<std::size_t>(batch.source_of[s]);
    return {0, batch.input.offsets[source], batch.input.offsets[source + 1]};
  }
  const Side& side = *batch.output;
  auto root = static_cast<int64_t>(s); // the past stands in front of the outermost parent
  while (!side.parent.empty() && side.parent[static_cast<std::size_t>(root)] >= 0)
    root = side.parent[static_cast<std::size_t>(root)];
  const int64_t past = side.past_of.empty() ? -1 : side.past_of[static_cast<std::size_t>(root)];
  const int64_t source = past < 0 ? -1 : batch.past->source_of[static_cast<std::size_t>(past)];
  if (source < 0)
    throw Error("an output sequence has neither an input sequence nor a past that holds one to attend to.");
  const auto i = static_cast<std::size_t>(source);
  return {0, batch.past->cross_offsets[i], batch.past->cross_offsets[i + 1]};
}

at::Tensor joined(const at::Tensor& front, const at::Tensor& rows) {
  return at::cat({front, rows.detach()});
}

} // namespace

CrossPass::CrossPass(const ForwardArgs& args) : args_(args), encodes_(!args.batch.source_of.empty()) {
  const Side& side = *args.batch.output;
  if (!encodes_ && !args.batch.past)
    throw Error("an encoder-decoder's batch names no input sequence for its outputs, and has no past.");
  layout_.offsets.assign(static_cast<std::size_t>(side.sequences()) + 1, 0);
  layout_.query_offsets = side.offsets;
  layout_.query_places.assign(static_cast<std::size_t>(side.rows()), 0);
  const std::vector<KeyRange> of_prefix = prefix_ranges(args.conditioning, PrefixSite::cross);
  for (std::size_t s = 0; s < static_cast<std::size_t>(side.sequences()); ++s) {
    std::vector<KeyRange>& before = layout_.before.emplace_back();
    for (const std::size_t prefix :
         prefixes_of(args.conditioning, side, static_cast<int64_t>(s), PrefixSite::cross))
      before.push_back(of_prefix[prefix]);
    before.push_back(encoder_rows(args.batch, encodes_, s));
  }
  last_layout_ = args.read_all_rows ? layout_ : ask_only(layout_, args.batch.answer_rows_host);
}

std::vector<KeyValues> CrossPass::sources(int64_t layer, const std::function<KeyValues()>& project) const {
  const auto l = static_cast<std::size_t>(layer);
  std::vector<KeyValues> result;
  if (encodes_) {
    result.push_back(project());
    if (args_.keep) {
      const at::NoGradGuard no_grad;
      std::vector<Past::Layer>& kept = args_.keep->cross;
      const auto& [key, value] = result[0];
      if (l == kept.size())
        kept.push_back({key.detach(), value.detach()});
      else
        kept[l] = {joined(kept[l].key, key), joined(kept[l].value, value)};
    }
  } else {
    const Past::Layer& held = args_.batch.past->cross[l];
    result.push_back({held.key, held.value});
  }
  add_prefixes(args_.conditioning, PrefixSite::cross, layer, result);
  return result;
}

} // namespace cuecard
