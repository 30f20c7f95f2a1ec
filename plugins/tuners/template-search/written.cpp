#include "written.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

std::string sentinel(std::size_t number) {
  return "<extra_id_" + std::to_string(number) + ">";
}

Piece piece_of(Piece::Kind kind, std::string text) {
  Piece piece;
  piece.kind = kind;
  piece.text = std::move(text);
  return piece;
}

/// Texts that are being written: one list of tokens a gap, all but the last of them finished.
struct Beam {
  std::vector<std::vector<int64_t>> parts{{}};
  double log_prob = 0;
};

/// The rows' prompts, open where a beam goes on.
class OpenPrompts {
public:
  explicit OpenPrompts(const WritingRequest& request)
      : request_(request), two_sides_(request.backbone.shape().encoder_decoder) {
    for (const Example* row : request.rows)
      fronts_.push_back(two_sides_ ? with_sentinels(*row) : up_to_gap(*row));
  }

  std::vector<Prompt> behind(const std::vector<Beam>& beams) const {
    std::vector<Prompt> prompts;
    for (const Beam& beam : beams)
      for (const Prompt& front : fronts_) {
        prompts.push_back(front);
        std::vector<Piece>& pieces = two_sides_ ? prompts.back().output : prompts.back().input;
        for (std::size_t part = 0; part < beam.parts.size(); ++part) {
          if (two_sides_)
            pieces.push_back(piece_of(Piece::Kind::special, sentinel(part)));
          for (const int64_t id : beam.parts[part])
            pieces.push_back(piece_of(Piece::Kind::special, request_.vocabulary.piece(id)));
        }
        pieces.push_back(piece_of(Piece::Kind::answer, ""));
      }
    return prompts;
  }

private:
  Prompt up_to_gap(const Example& row) const {
    Prompt prompt = std::move(request_.task.prompt_template.render(row).at(0));
    const auto gap = std::find_if(prompt.input.begin(), prompt.input.end(),
                                  [](const Piece& piece) { return piece.kind == Piece::Kind::trigger; });
    prompt.input.erase(gap, prompt.input.end());
    return prompt;
  }

  /// The gaps become sentinels in their order, and the slot's own sentinel the label's word.
  Prompt with_sentinels(const Example& row) const {
    Prompt prompt = std::move(request_.task.prompt_template.render(row).at(0));
    const std::string answer = request_.task.verbalizer.answer_text(row.label).at(0);
    std::vector<Piece> input;
    std::size_t gap = 0;
    bool answered = false;
    for (Piece& piece : prompt.input) {
      const bool slot = piece.kind == Piece::Kind::special && piece.text == sentinel(0);
      if (slot)
        piece = piece_of(Piece::Kind::text, answer);
      if (piece.kind == Piece::Kind::trigger)
        piece = piece_of(Piece::Kind::special, sentinel(gap++));
      answered = answered || slot;
      input.push_back(std::move(piece));
    }
    if (!answered)
      throw UsageError(
          "template-search writes with sentinels, and the template has none in place of its answer "
          "slot: set the template's option encoder-decoder=sentinels.");
    prompt.input = std::move(input);
    prompt.output.clear();
    return prompt;
  }

  const WritingRequest& request_;
  bool two_sides_;
  std::vector<Prompt> fronts_; ///< of each row
};

/// [beams, vocabulary] on the CPU: log-probabilities of what comes next, mean over the rows.
at::Tensor next_tokens(Scorer& scorer, const OpenPrompts& open, const std::vector<Beam>& beams, int64_t rows) {
  const std::vector<Prompt> prompts = open.behind(beams);
  ScoreRequest request;
  request.prompts = &prompts;
  request.readout.kind = Readout::Kind::log_probs;
  std::vector<at::Tensor> sums(beams.size());
  int64_t at = 0;
  scorer.score(request, [&](const at::Tensor& values, const Batch&) {
    for (int64_t i = 0; i < values.size(0); ++i, ++at) {
      at::Tensor& sum = sums[static_cast<std::size_t>(at / rows)];
      const at::Tensor own = values[i].to(at::kCPU, at::kDouble);
      sum = sum.defined() ? sum + own : own;
    }
  });
  return at::stack(sums) / static_cast<double>(rows);
}

/// Tokens that a text may hold: spelled so that they are found again, and plain.
at::Tensor allowed_tokens(const Vocabulary& vocabulary, int64_t rows) {
  static const std::set<std::string, std::less<>> markers{"mask", "eos", "bos", "sep", "cls", "pad"};
  at::Tensor penalty = at::zeros({rows}, at::kDouble).fill_(-INFINITY);
  for (int64_t id = 0; id < std::min(rows, vocabulary.size()); ++id) {
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

void keep_best(std::vector<Beam>& beams, int64_t count) {
  std::stable_sort(beams.begin(), beams.end(),
                   [](const Beam& a, const Beam& b) { return a.log_prob > b.log_prob; });
  if (std::ssize(beams) > count)
    beams.resize(static_cast<std::size_t>(count));
}

/// Each beam with each of its likeliest next tokens.
std::vector<Beam> longer(const std::vector<Beam>& beams, const at::Tensor& next, int64_t count,
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

} // namespace

void check_writes(const BackboneShape& shape, const Vocabulary& vocabulary, const Gaps& gaps) {
  if (!shape.generates())
    throw UsageError(
        "this model can't write candidates: give template-search a text file to mine them from (from), "
        "or a causal model or an encoder-decoder.");
  if (shape.causal && gaps.count() > 1)
    throw UsageError("a causal model goes on with a text in one place, and the template has " +
                     std::to_string(gaps.count()) + " gaps: leave one, in front of the answer slot.");
  for (std::size_t gap = 0; shape.encoder_decoder && gap <= gaps.count(); ++gap)
    if (!vocabulary.id(sentinel(gap)))
      throw UsageError("the model's vocabulary has no token " + sentinel(gap) +
                       ", which template-search needs to fill " + std::to_string(gaps.count()) +
                       " gaps: use fewer, or a text file to mine candidates from (from).");
}

std::vector<WrittenTexts> written(Scorer& scorer, const WritingRequest& request) {
  const bool two_sides = request.backbone.shape().encoder_decoder;
  const OpenPrompts open(request);
  const at::Tensor penalty = allowed_tokens(request.vocabulary, request.backbone.shape().vocabulary);
  const std::size_t gaps = request.gaps.count();
  std::vector<Beam> beams(1);
  std::vector<std::vector<Beam>> finished; // by length where texts have no end of their own
  const int64_t steps = two_sides ? static_cast<int64_t>(gaps) * (request.max_tokens + 1) : request.max_tokens;
  for (int64_t step = 0; step < steps && !beams.empty(); ++step) {
    const at::Tensor next = next_tokens(scorer, open, beams, std::ssize(request.rows));
    std::vector<Beam> grown = longer(beams, next + penalty, request.beams, request.max_tokens);
    finished.emplace_back();
    for (std::size_t b = 0; two_sides && b < beams.size(); ++b) {
      // A part ends where the next sentinel begins; the last one also where the text does.
      const bool last = beams[b].parts.size() == gaps;
      double end =
          next[static_cast<int64_t>(b)][*request.vocabulary.id(sentinel(beams[b].parts.size()))].item<double>();
      if (const auto eos = request.vocabulary.special().eos; last && eos)
        end = std::max(end, next[static_cast<int64_t>(b)][*eos].item<double>());
      Beam& ended = last ? finished.back().emplace_back(beams[b]) : grown.emplace_back(beams[b]);
      ended.log_prob += end;
      if (!last)
        ended.parts.emplace_back();
    }
    keep_best(grown, request.beams);
    beams = std::move(grown);
    if (!two_sides)
      finished.back() = beams;
  }
  if (two_sides) {
    std::vector<Beam> all;
    for (std::vector<Beam>& own : finished)
      std::move(own.begin(), own.end(), std::back_inserter(all));
    keep_best(all, std::ssize(all));
    finished = {std::move(all)};
  }
  std::vector<WrittenTexts> result;
  std::set<std::vector<std::string>> known;
  std::size_t longest = 0;
  for (const std::vector<Beam>& own : finished)
    longest = std::max(longest, own.size());
  for (std::size_t rank = 0; rank < longest; ++rank)
    for (const std::vector<Beam>& own : finished) {
      if (rank >= own.size() || std::ssize(result) >= request.count)
        continue;
      WrittenTexts texts{{}, own[rank].log_prob};
      bool empty = true;
      for (const std::vector<int64_t>& part : own[rank].parts) {
        texts.texts.push_back(trimmed(request.vocabulary.decode(part)));
        empty = empty && texts.texts.back().empty();
      }
      if (!empty && std::all_of(texts.texts.begin(), texts.texts.end(), is_plain) &&
          known.insert(texts.texts).second)
        result.push_back(std::move(texts));
    }
  return result;
}

} // namespace cuecard
