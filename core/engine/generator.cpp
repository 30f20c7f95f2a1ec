#include "engine/generator.hpp"

#include <algorithm>
#include <list>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>

#include "engine/beams.hpp"
#include "engine/next_token.hpp"

namespace cuecard {

namespace {

/// Fewer shared rows save less than the lookup of a past costs.
constexpr int64_t worth_sharing = 2;

/// One text that is being written.
struct Text {
  std::vector<int64_t> ids; ///< the prompt's tokens, -1 for a learned row, then those written
  int64_t past = -1;        ///< sequence with all rows but the last token's
  float score = 0;          ///< of a beam
  double log_prob = 0;
  std::optional<Random> draws;
};

/// One prompt and what is written behind it.
struct Writing {
  int64_t prompt = 0, card = 0;
  int64_t prompt_length = 0;
  int64_t most = 0; ///< tokens that may be written
  std::vector<Text> running;
  std::vector<Generated> finished;
  Beams beams;

  int64_t written(const Text& text) const { return std::ssize(text.ids) - prompt_length; }
};

/// A row of scores: the text that the next token is for.
struct ScoredRow {
  Writing* writing;
  std::size_t text;
};

const std::vector<TokenRow>& written_side(const TokenizedPrompt& prompt) {
  return prompt.output.empty() ? prompt.input : prompt.output;
}

std::vector<int64_t> tokens_of(const TokenizedPrompt& prompt) {
  std::vector<int64_t> ids;
  for (const TokenRow& row : written_side(prompt))
    ids.push_back(row.soft_slot >= 0 ? -1 : row.id);
  return ids;
}

/// A side of one row per text that goes on from its past.
Side step_side(const std::vector<int64_t>& ids, const std::vector<int64_t>& cards,
               const std::vector<int64_t>& pasts, at::Device device) {
  const int64_t rows = std::ssize(ids);
  Side side;
  side.ids = index_tensor(ids, device);
  side.positions = at::zeros({rows}, side.ids.options()); // from where the past ends
  for (int64_t row = 1; row <= rows; ++row)
    side.offsets.push_back(row);
  side.parent.assign(ids.size(), -1);
  side.cards = cards;
  side.past_of = pasts;
  side.soft_rows = side.soft_slots = side.trigger_rows = side.trigger_slots = index_tensor({}, device);
  return side;
}

} // namespace

/// One call of `write`.
class Generator::Run {
public:
  Run(Generator& generator, const std::vector<PackItem>& prompts, const GenerateSettings& settings,
      const Watch& watch)
      : generator_(generator), past_(*generator.past_), shape_(generator.model_.backbone().shape()),
        device_(generator.model_.backbone().device()), vocabulary_(generator.model_.vocabulary()),
        prompts_(prompts), settings_(settings), watch_(watch), end_(vocabulary_.special().eos),
        texts_per_prompt_(std::max(settings.beams, settings.returns)), results_(prompts.size()) {}

  std::vector<std::vector<Generated>> all() {
    while (next_ < prompts_.size() || !writings_.empty()) {
      if (std::vector<PackItem> entering = waiting(); !entering.empty())
        enter(entering);
      if (!writings_.empty())
        step();
    }
    return std::move(results_);
  }

private:
  int64_t running() const {
    int64_t count = 0;
    for (const Writing& writing : writings_)
      count += std::ssize(writing.running);
    return count;
  }

  /// The prompts that enter now: as many as there are places for, once a quarter of all is free. An
  /// encoder-decoder's past holds what one pass encoded, so there all leave first.
  std::vector<PackItem> waiting() {
    std::vector<PackItem> entering;
    const int64_t places = std::max(generator_.limits_.texts, texts_per_prompt_);
    int64_t free = places - running(), rows = 0;
    if (!writings_.empty() && (shape_.encoder_decoder || free * 4 < places))
      return entering;
    for (; next_ < prompts_.size() && free >= texts_per_prompt_; ++next_, free -= texts_per_prompt_) {
      PackItem item = prompts_[next_];
      rows += std::ssize(item.prompt->input) + std::ssize(item.prompt->output);
      if (!entering.empty() && rows > generator_.limits_.rows)
        break;
      entering.push_back(item);
      entered_as_.push_back(static_cast<int64_t>(next_));
    }
    return entering;
  }

  /// Lets `item` go on from what it has in common with its card's front.
  void use_front(PackItem& item) {
    const auto found = generator_.fronts_.find(item.card);
    if (found == generator_.fronts_.end())
      return;
    const Front& front = found->second;
    const std::vector<TokenRow>& rows = item.prompt->input;
    const int64_t most = std::min(std::ssize(rows) - 1, std::ssize(front.rows));
    int64_t same = 0;
    while (same < most &&
           same_row(rows[static_cast<std::size_t>(same)], front.rows[static_cast<std::size_t>(same)]))
      ++same;
    if (same < worth_sharing)
      return;
    item.skip = same;
    item.past = past_.fork(front.sequence);
    const auto to = static_cast<std::size_t>(item.past);
    past_.next_position[to] -= past_.length(front.sequence) - same;
    past_.ranges[to] = past_.front(front.sequence, same);
  }

  /// The first pass over `items`, and the first token of each text.
  void enter(std::vector<PackItem> items) {
    std::vector<std::size_t> order(items.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return items[a].card < items[b].card; });
    std::vector<PackItem> sorted;
    for (const std::size_t i : order) {
      sorted.push_back(items[i]);
      if (shape_.causal)
        use_front(sorted.back());
    }
    Batch batch = pack(sorted, {device_, shape_.causal});
    if (!batch.read_side().past_of.empty())
      batch.past = generator_.past_;
    int64_t next_sequence = past_.sequences();
    const at::Tensor hidden =
        generator_.backbone_.forward(batch, generator_.conditioning_, generator_.past_.get());

    std::vector<int64_t> kept_as; // sequences of the past, by those of the batch
    const Side& side = batch.read_side();
    for (int64_t s = 0; s < side.sequences(); ++s) {
      const int64_t past = side.past_of.empty() ? -1 : side.past_of[static_cast<std::size_t>(s)];
      kept_as.push_back(past >= 0 ? past : next_sequence++);
    }
    std::vector<ScoredRow> rows;
    std::vector<int64_t> row_of; // of `hidden`
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const auto sequence = static_cast<std::size_t>(batch.sequence_of[i]);
      Writing& writing = begin(sorted[i], entered_as_[order[i]], kept_as[sequence]);
      for (std::size_t text = 0; text < writing.running.size(); ++text) {
        rows.push_back({&writing, text});
        row_of.push_back(static_cast<int64_t>(i));
      }
    }
    // Parents live on in those that began with them.
    for (int64_t s = 0; s < side.sequences(); ++s)
      if (std::find(batch.sequence_of.begin(), batch.sequence_of.end(), s) == batch.sequence_of.end())
        past_.release(kept_as[static_cast<std::size_t>(s)]);
    entered_as_.clear();
    at::Tensor scores = generator_.backbone_.read(hidden, {}, batch).to(at::kFloat);
    if (std::ssize(row_of) != scores.size(0))
      scores = scores.index_select(0, index_tensor(row_of, device_));
    advance(scores, rows);
  }

  Writing& begin(const PackItem& item, int64_t prompt, int64_t sequence) {
    Writing& writing = writings_.emplace_back(Writing{prompt, item.card, 0, 0, {}, {}, Beams(settings_)});
    Text text;
    text.ids = tokens_of(*item.prompt);
    text.past = sequence;
    writing.prompt_length = std::ssize(text.ids);
    writing.most = settings_.max_length;
    if (shape_.max_positions > 0) { // the last token that is written needs no position of its own
      const int64_t position = past_.next_position[static_cast<std::size_t>(sequence)];
      writing.most = std::min(writing.most, shape_.max_positions - position + 1);
    }
    if (shape_.causal && !generator_.fronts_.contains(item.card) && writing.prompt_length >= worth_sharing)
      generator_.fronts_[item.card] = {item.prompt->input, past_.fork(sequence)};
    const int64_t texts = settings_.beams > 1 ? 1 : settings_.returns;
    for (int64_t i = 0; i < texts; ++i) {
      writing.running.push_back(text);
      if (i > 0)
        writing.running.back().past = past_.fork(sequence);
      if (settings_.temperature > 0)
        writing.running.back().draws.emplace(settings_.seed,
                                             static_cast<uint64_t>(prompt * settings_.returns + i));
    }
    return writing;
  }

  /// One row for each text that is being written.
  void step() {
    std::vector<ScoredRow> rows;
    std::vector<int64_t> ids, cards, pasts;
    for (Writing& writing : writings_)
      for (std::size_t text = 0; text < writing.running.size(); ++text) {
        rows.push_back({&writing, text});
        ids.push_back(writing.running[text].ids.back());
        cards.push_back(writing.card);
        pasts.push_back(writing.running[text].past);
      }
    Batch batch;
    Side side = step_side(ids, cards, pasts, device_);
    if (shape_.encoder_decoder)
      batch.output = std::move(side);
    else
      batch.input = std::move(side);
    const int64_t count = std::ssize(rows);
    batch.answer_rows = at::arange(count, index_tensor({}, device_).options());
    for (int64_t row = 0; row < count; ++row) {
      batch.answer_rows_host.push_back(row);
      batch.answer_offsets.push_back(row + 1);
      batch.sequence_of.push_back(row);
    }
    batch.past = generator_.past_;
    const at::Tensor hidden =
        generator_.backbone_.forward(batch, generator_.conditioning_, generator_.past_.get());
    advance(generator_.backbone_.read(hidden, {}, batch).to(at::kFloat), rows);
  }

  void advance(const at::Tensor& scores, const std::vector<ScoredRow>& rows) {
    const bool beams = settings_.beams > 1;
    const at::Tensor log_probs = at::log_softmax(scores, 1);
    std::vector<TextSoFar> texts;
    for (const ScoredRow& row : rows) {
      const Text& text = row.writing->running[row.text];
      texts.push_back({&text.ids, row.writing->written(text)});
    }
    const at::Tensor compared = constrained(beams ? log_probs : scores, texts, settings_, end_);
    if (settings_.temperature > 0) {
      std::vector<double> uniforms;
      for (const ScoredRow& row : rows)
        uniforms.push_back(row.writing->running[row.text].draws->uniform());
      extend(drawn_tokens(compared, log_probs, settings_, uniforms), rows);
    } else if (!beams) {
      extend(best_tokens(compared, log_probs, 1), rows);
    } else {
      search(best_tokens(compared, log_probs, 2 * settings_.beams), rows);
    }
    writings_.remove_if([&](Writing& writing) {
      if (writing.running.empty())
        finish(writing);
      return writing.running.empty();
    });
  }

  /// One token behind each text; those that it ends leave.
  void extend(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      Writing& writing = *rows[row].writing;
      Text& text = writing.running[rows[row].text];
      text.log_prob += chosen.log_probs[row];
      text.ids.push_back(chosen.ids[row]);
      const std::span<const int64_t> ids = written_by(writing, text);
      if (rows[row].text == 0)
        watch(writing.prompt, end_ == ids.back() ? ids.first(ids.size() - 1) : ids);
    }
    for (Writing& writing : writings_)
      std::erase_if(writing.running, [&](Text& text) {
        const std::span<const int64_t> ids = written_by(writing, text);
        if (!ends(writing, ids))
          return false;
        past_.release(text.past);
        writing.finished.push_back(generated(ids, text.log_prob));
        return true;
      });
  }

  /// One step of beam search for each prompt.
  void search(const ChosenTokens& chosen, const std::vector<ScoredRow>& rows) {
    for (std::size_t first = 0; first < rows.size();) {
      Writing& writing = *rows[first].writing;
      std::size_t last = first + writing.running.size();
      std::vector<BeamCandidate> candidates;
      for (std::size_t row = first; row < last; ++row) {
        const Text& text = writing.running[rows[row].text];
        for (int64_t k = 0; k < chosen.per_row; ++k) {
          const std::size_t i = row * static_cast<std::size_t>(chosen.per_row) + static_cast<std::size_t>(k);
          candidates.push_back({rows[row].text,
                                chosen.ids[i],
                                text.score + chosen.scores[i],
                                text.log_prob + chosen.log_probs[i],
                                false,
                                {}});
        }
      }
      first = last;
      std::stable_sort(candidates.begin(), candidates.end(),
                       [](const BeamCandidate& a, const BeamCandidate& b) { return a.score > b.score; });
      candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(2 * settings_.beams)));
      for (BeamCandidate& candidate : candidates) {
        const Text& text = writing.running[candidate.beam];
        std::vector<int64_t> ids(text.ids.begin() + writing.prompt_length, text.ids.end());
        ids.push_back(candidate.token);
        candidate.ends = ends(writing, ids);
        if (candidate.ends)
          candidate.ids = std::move(ids);
      }
      const int64_t written = writing.written(writing.running[0]) + 1;
      go_on(writing, writing.beams.step(std::move(candidates), written));
      watch(writing.prompt, {});
      if (writing.running.empty())
        for (const Beams::Finished& beam : writing.beams.finished())
          writing.finished.push_back(generated(beam.ids, beam.log_prob));
    }
  }

  /// The beams that run on take the places of those they come from: the first child of a beam goes on in its
  /// sequence, further ones in forks of it.
  void go_on(Writing& writing, const std::vector<BeamCandidate>& children) {
    std::vector<Text> next;
    std::vector<bool> taken(writing.running.size(), false);
    for (const BeamCandidate& child : children) {
      const Text& from = writing.running[child.beam];
      Text& text = next.emplace_back(from);
      text.ids.push_back(child.token);
      text.score = child.score;
      text.log_prob = child.log_prob;
      if (taken[child.beam])
        text.past = past_.fork(from.past);
      taken[child.beam] = true;
    }
    for (std::size_t beam = 0; beam < taken.size(); ++beam)
      if (!taken[beam])
        past_.release(writing.running[beam].past);
    writing.running = std::move(next);
  }

  std::span<const int64_t> written_by(const Writing& writing, const Text& text) const {
    return std::span(text.ids).subspan(static_cast<std::size_t>(writing.prompt_length));
  }

  bool ends(const Writing& writing, std::span<const int64_t> ids) const {
    return end_ == ids.back() || std::ssize(ids) >= writing.most ||
           stop_in(vocabulary_text(ids)) < std::string::npos;
  }

  /// "" where nothing stops at a text, which is then not needed.
  std::string vocabulary_text(std::span<const int64_t> ids) const {
    return settings_.stop.empty() ? "" : vocabulary_.decode(ids);
  }

  /// Where the first stop text begins, or npos.
  std::size_t stop_in(const std::string& text) const {
    std::size_t first = std::string::npos;
    for (const std::string& stop : settings_.stop)
      if (!stop.empty())
        first = std::min(first, text.find(stop));
    return first;
  }

  Generated generated(std::span<const int64_t> ids, double log_prob) const {
    if (!ids.empty() && end_ == ids.back())
      ids = ids.first(ids.size() - 1);
    Generated result{{ids.begin(), ids.end()}, vocabulary_.decode(ids), log_prob};
    result.text.resize(std::min(result.text.size(), stop_in(result.text)));
    return result;
  }

  void finish(Writing& writing) {
    std::vector<Generated>& result = results_[static_cast<std::size_t>(writing.prompt)];
    result = std::move(writing.finished);
    if (settings_.beams == 1)
      std::stable_sort(result.begin(), result.end(),
                       [](const Generated& a, const Generated& b) { return a.log_prob > b.log_prob; });
    result.resize(std::min(result.size(), static_cast<std::size_t>(settings_.returns)));
  }

  void watch(int64_t prompt, std::span<const int64_t> ids) const {
    if (watch_ && !watch_(prompt, ids))
      throw Cancelled();
  }

  Generator& generator_;
  Past& past_;
  const BackboneShape& shape_;
  at::Device device_;
  const Vocabulary& vocabulary_;
  const std::vector<PackItem>& prompts_;
  const GenerateSettings& settings_;
  const Watch& watch_;
  const std::optional<int64_t> end_;
  const int64_t texts_per_prompt_;
  std::size_t next_ = 0;            ///< the first prompt that waits
  std::vector<int64_t> entered_as_; ///< numbers of the prompts that `waiting` gave
  std::list<Writing> writings_;
  std::vector<std::vector<Generated>> results_;
};

Generator::Generator(const Model& model, const CountedBackbone& backbone, const Conditioning& conditioning,
                     const GenerateLimits& limits)
    : model_(model), backbone_(backbone), conditioning_(conditioning), limits_(limits) {}

std::vector<std::vector<Generated>> Generator::write(const std::vector<PackItem>& prompts,
                                                     const GenerateSettings& settings, const Watch& watch) {
  check(settings, model_.backbone().shape());
  const at::InferenceMode inference; // rows of the past are written in place
  std::vector<std::vector<Generated>> texts;
  try {
    texts = Run(*this, prompts, settings, watch).all();
  } catch (...) {
    fronts_.clear();
    past_ = std::make_shared<Past>();
    throw;
  }
  std::vector<int64_t> kept; // the fronts stay, in memory of their own
  for (auto& [card, front] : fronts_) {
    kept.push_back(front.sequence);
    front.sequence = std::ssize(kept) - 1;
  }
  past_ = std::make_shared<Past>(past_->select(kept));
  return texts;
}

} // namespace cuecard
