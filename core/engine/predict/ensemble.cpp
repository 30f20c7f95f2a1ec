#include "engine/predict/ensemble.hpp"

#include <algorithm>
#include <map>

#include <ATen/TensorOperators.h>

#include <cuecard/error.hpp>

#include "batch/batch_part.hpp"
#include "engine/predict/scores.hpp"

namespace cuecard {

namespace {

/// Entries of each member.
std::map<int64_t, std::vector<int64_t>> members_of(const Batch& batch) {
  std::map<int64_t, std::vector<int64_t>> members;
  for (int64_t e = 0; e < batch.size(); ++e)
    members[batch.variants[static_cast<std::size_t>(e)]].push_back(e);
  return members;
}

Scores member_scores(const TaskPipeline& pipeline, const at::Tensor& outputs, const BatchPart& member,
                     const Pass& pass) {
  return scores_of(pipeline, outputs.index_select(0, member.answers), member.batch, pass);
}

void require_one_label(const TaskPipeline& pipeline) {
  if (pipeline.record.multi_label)
    throw UsageError(
        "the prompts of an example are an ensemble, whose members decide on one label, and the task \"" +
        pipeline.name + "\" has several for one example (\"multi_label\"): use one variant of the template.");
}

/// The label with most votes; ties go to the larger `weight`.
int64_t elected(const std::map<int64_t, int64_t>& votes, const std::vector<double>& weight) {
  const auto worth = [&](int64_t label) {
    return label >= 0 && label < std::ssize(weight) ? weight[static_cast<std::size_t>(label)] : 0.0;
  };
  return std::max_element(votes.begin(), votes.end(),
                          [&](const auto& a, const auto& b) {
                            return a.second != b.second ? a.second < b.second : worth(a.first) < worth(b.first);
                          })
      ->first;
}

} // namespace

bool has_members(const Batch& batch) {
  return std::any_of(batch.variants.begin(), batch.variants.end(), [](int64_t variant) { return variant > 0; });
}

at::Tensor ensemble_loss(const TaskPipeline& pipeline, const at::Tensor& outputs, const Batch& batch,
                         const Pass& pass) {
  require_one_label(pipeline);
  at::Tensor sum;
  const auto members = members_of(batch);
  for (const auto& [variant, entries] : members) {
    const BatchPart member = part_of(batch, entries);
    const at::Tensor own =
        pipeline.verbalizer->loss({member_scores(pipeline, outputs, member, pass), member.batch});
    sum = sum.defined() ? sum + own : own;
  }
  return sum / static_cast<double>(members.size());
}

std::vector<Decision> ensemble_decisions(const TaskPipeline& pipeline, const at::Tensor& outputs,
                                         const Batch& batch, Vote vote, const Model& model) {
  require_one_label(pipeline);
  std::vector<std::vector<Decision>> decided; // by member
  for (const auto& [variant, entries] : members_of(batch)) {
    const BatchPart member = part_of(batch, entries);
    decided.push_back(
        decisions_of(pipeline, member_scores(pipeline, outputs, member, {}), member.batch, model));
    if (decided.back().size() != decided.front().size())
      throw Error("the members of an ensemble belong to different examples: every example needs all of them.");
  }
  std::vector<Decision> decisions;
  for (std::size_t example = 0; example < decided.at(0).size(); ++example) {
    std::vector<Decision> members;
    members.reserve(decided.size());
    for (const std::vector<Decision>& member : decided)
      members.push_back(member[example]);
    decisions.push_back(joined(members, vote));
  }
  return decisions;
}

Decision joined(const std::vector<Decision>& members, Vote vote) {
  Decision decision = members.at(0);
  std::vector<double>& mean = decision.probabilities;
  for (std::size_t label = 0; label < mean.size(); ++label) {
    double sum = 0;
    for (const Decision& member : members)
      sum += member.probabilities.at(label);
    mean[label] = sum / static_cast<double>(members.size());
  }
  if (decision.labels.empty()) {
    std::map<std::string, std::pair<int64_t, double>> votes; // number, and the best of their values
    for (const Decision& member : members) {
      auto& [count, best] = votes.try_emplace(member.text, 0, member.value).first->second;
      ++count;
      best = std::max(best, member.value);
    }
    const auto most = std::ranges::max_element(votes, {}, [](const auto& each) { return each.second; });
    decision.text = most->first;
    decision.value = most->second.second;
  }
  const bool by_mean = vote == Vote::mean && !mean.empty() && decision.labels.size() == 1;
  for (std::size_t i = 0; i < decision.labels.size(); ++i) {
    std::map<int64_t, int64_t> votes;
    for (const Decision& member : members)
      ++votes[member.labels.at(i)];
    decision.labels[i] =
        by_mean ? std::max_element(mean.begin(), mean.end()) - mean.begin() : elected(votes, mean);
  }
  return decision;
}

} // namespace cuecard
