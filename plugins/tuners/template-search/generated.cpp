#include "generated.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

#include "candidates.hpp"

namespace cuecard {

namespace {

std::string sentinel(std::size_t number) {
  return "<extra_id_" + std::to_string(number) + ">";
}

/// Tokens for each gap; all parts but the last are finished.
struct Beam {
  std::vector<std::vector<int64_t>> parts{{}};
  double log_prob = 0;
};

/// The examples' prompts, each followed by a beam and an answer slot for the next token.
class OpenPrompts {
public:
  explicit OpenPrompts(const GenerationRequest& request)
      : request_(request), encoder_decoder_(request.backbone.shape().encoder_decoder) {
    for (const Example* example : request.examples)
      prompts_.push_back(encoder_decoder_ ? with_sentinels(*example) : up_to_gap(*example));
  }

  /// For each beam, the prompts of all examples.
  std::vector<Prompt> with(const std::vector<Beam>& beams) const {
    std::vector<Prompt> prompts;
    for (const Beam& beam : beams)
      for (const Prompt& prompt : prompts_) {
        prompts.push_back(prompt);
        std::vector<Piece>& pieces = encoder_decoder_ ? prompts.back().output : prompts.back().input;
        for (std::size_t part = 0; part < beam.parts.size(); ++part) {
          if (encoder_decoder_)
            pieces.push_back(Piece::special_token(sentinel(part)));
          for (const int64_t id : beam.parts[part])
            pieces.push_back(Piece::special_token(request_.vocabulary.piece(id)));
        }
        pieces.push_back(Piece::answer_slot(0));
      }
    return prompts;
  }

private:
  Prompt up_to_gap(const Example& example) const {
    Prompt prompt = std::move(request_.task.prompt_template.render({example}).at(0));
    const auto gap = std::find_if(prompt.input.begin(), prompt.input.end(),
                                  [](const Piece& piece) { return piece.kind == Piece::Kind::trigger; });
    prompt.input.erase(gap, prompt.input.end());
    return prompt;
  }

  /// Replaces the gaps by sentinels in order, and the answer slot's own sentinel by the label's word.
  Prompt with_sentinels(const Example& example) const {
    Prompt prompt = std::move(request_.task.prompt_template.render({example}).at(0));
    const std::string answer = request_.task.verbalizer.answer_text(example.label).at(0);
    std::size_t gap = 0;
    bool answered = false;
    for (Piece& piece : prompt.input)
      if (piece.kind == Piece::Kind::special && piece.text == sentinel(0)) {
        piece = Piece::text_of(answer);
        answered = true;
      } else if (piece.kind == Piece::Kind::trigger) {
        piece = Piece::special_token(sentinel(gap++));
      }
    if (!answered)
      throw UsageError(
          "template-search generates texts for sentinels, and the template has no sentinel in place of "
          "its answer slot: set the template's option encoder-decoder=sentinels.");
    prompt.output.clear();
    return prompt;
  }

  const GenerationRequest& request_;
  bool encoder_decoder_;
  std::vector<Prompt> prompts_; ///< of each example
};

/// [beams, vocabulary] float64 on the CPU: log-probabilities of the next token, averaged over the examples.
at::Tensor next_log_probs(Scorer& scorer, const OpenPrompts& open, const std::vector<Beam>& beams,
                          int64_t num_examples) {
  const std::vector<Prompt> prompts = open.with(beams);
  ScoreRequest request;
  request.prompts = &prompts;
  request.output.kind = OutputRequest::Kind::log_probs;
  std::vector<at::Tensor> sums(beams.size());
  int64_t index = 0; // of a prompt
  scorer.score(request, [&](const at::Tensor& outputs, const Batch&) {
    for (int64_t i = 0; i < outputs.size(0); ++i, ++index) {
      at::Tensor& sum = sums[static_cast<std::size_t>(index / num_examples)];
      const at::Tensor log_probs = outputs[i].to(at::kCPU, at::kDouble);
      sum = sum.defined() ? sum + log_probs : log_probs;
    }
  });
  return at::stack(sums) / static_cast<double>(num_examples);
}

/// [vocabulary] float64: 0 for tokens that a template's text may contain, else -infinity. Their spelling must be unique and plain,
/// and not a special token's marker.
at::Tensor token_penalty(const Vocabulary& vocabulary, int64_t num_rows) {
  static const std::set<std::string, std::less<>> markers{"mask", "eos", "bos", "sep", "cls", "pad"};
  at::Tensor penalty = at::zeros({num_rows}, at::kDouble).fill_(-INFINITY);
  for (int64_t id = 0; id < std::min(num_rows, vocabulary.size()); ++id) {
    try {
      const std::string piece = vocabulary.piece(id);
      if (!vocabulary.is_special(id) && !markers.contains(piece) && vocabulary.id(piece) == id &&
          is_plain(vocabulary.decode(std::vector<int64_t>{id})) && id != vocabulary.special().unk)
        penalty[id] = 0;
    } catch (const DataError&) {
      continue; // a gap in the vocabulary
    }
  }
  return penalty;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

void sort_by_log_prob(std::vector<Beam>& beams) {
  std::ranges::stable_sort(beams, std::greater(), &Beam::log_prob);
}

/// Each beam with each of its most probable next tokens.
std::vector<Beam> extended(const std::vector<Beam>& beams, const at::Tensor& next, int64_t count,
                           int64_t max_tokens) {
  std::vector<Beam> result;
  const auto [values, ids] = at::topk(next, std::min(count, next.size(1)), 1);
  for (std::size_t b = 0; b < beams.size(); ++b)
    for (int64_t i = 0; i < values.size(1); ++i) {
      const double value = values[static_cast<int64_t>(b)][i].item<double>();
      if (std::isinf(value) || std::ssize(beams[b].parts.back()) == max_tokens)
        continue;
      Beam& beam = result.emplace_back(beams[b]);
      beam.parts.back().push_back(ids[static_cast<int64_t>(b)][i].item<int64_t>());
      beam.log_prob += value;
    }
  return result;
}

/// Each beam with its current part ended: by the next sentinel, or the last part also by the end of the text.
/// Beams whose last part is ended go to `finished`, the others to `open`.
void end_parts(const std::vector<Beam>& beams, const at::Tensor& next, const GenerationRequest& request,
               std::vector<Beam>& open, std::vector<Beam>& finished) {
  for (std::size_t b = 0; b < beams.size(); ++b) {
    const at::Tensor log_probs = next[static_cast<int64_t>(b)];
    const bool last = beams[b].parts.size() == request.gaps.count();
    double end = log_probs[*request.vocabulary.id(sentinel(beams[b].parts.size()))].item<double>();
    if (const auto eos = request.vocabulary.special().eos; last && eos)
      end = std::max(end, log_probs[*eos].item<double>());
    Beam& ended = (last ? finished : open).emplace_back(beams[b]);
    ended.log_prob += end;
    if (!last)
      ended.parts.emplace_back();
  }
}

} // namespace

void check_generation(const BackboneShape& shape, const Vocabulary& vocabulary, const Gaps& gaps) {
  if (!shape.generates())
    throw UsageError(
        "this model can't generate candidates: give template-search a text file to mine them from (from), "
        "or use a causal model or an encoder-decoder.");
  if (shape.causal && gaps.count() > 1)
    throw UsageError("a causal model continues a text in one place, and the template has " +
                     std::to_string(gaps.count()) + " gaps: keep one, before the answer slot.");
  for (std::size_t gap = 0; shape.encoder_decoder && gap <= gaps.count(); ++gap)
    if (!vocabulary.id(sentinel(gap)))
      throw UsageError("the model's vocabulary has no token " + sentinel(gap) +
                       ", which template-search needs to fill " + std::to_string(gaps.count()) +
                       " gaps: use fewer, or a text file to mine candidates from (from).");
}

std::vector<std::vector<std::string>> generate_texts(Scorer& scorer, const GenerationRequest& request) {
  const bool encoder_decoder = request.backbone.shape().encoder_decoder;
  const OpenPrompts open(request);
  const at::Tensor penalty = token_penalty(request.vocabulary, request.backbone.shape().vocabulary);
  const int64_t steps = encoder_decoder ? static_cast<int64_t>(request.gaps.count()) * (request.max_tokens + 1)
                                        : request.max_tokens;
  std::vector<Beam> beams(1);
  // Grouped by length on causal models, whose texts have no defined end; otherwise one list.
  std::vector<std::vector<Beam>> finished(encoder_decoder ? 1 : 0);
  for (int64_t step = 0; step < steps && !beams.empty(); ++step) {
    const at::Tensor next = next_log_probs(scorer, open, beams, std::ssize(request.examples));
    std::vector<Beam> longer = extended(beams, next + penalty, request.beams, request.max_tokens);
    if (encoder_decoder)
      end_parts(beams, next, request, longer, finished[0]);
    sort_by_log_prob(longer);
    longer.resize(std::min(longer.size(), static_cast<std::size_t>(request.beams)));
    beams = std::move(longer);
    if (!encoder_decoder)
      finished.push_back(beams);
  }
  if (encoder_decoder)
    sort_by_log_prob(finished[0]);

  std::vector<std::vector<std::string>> result;
  std::set<std::vector<std::string>> known;
  for (const Beam& beam : interleaved(finished)) {
    std::vector<std::string> texts;
    for (const std::vector<int64_t>& part : beam.parts)
      texts.push_back(trimmed(request.vocabulary.decode(part)));
    const bool empty = std::ranges::all_of(texts, [](const std::string& text) { return text.empty(); });
    if (!empty && std::ranges::all_of(texts, is_plain) && known.insert(texts).second)
      result.push_back(std::move(texts));
    if (std::ssize(result) == request.count)
      break;
  }
  return result;
}

} // namespace cuecard
