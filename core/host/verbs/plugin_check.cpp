#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/Parallel.h>

#include <cuecard/error.hpp>

#include "conformance/case.hpp"
#include "conformance/kit_files.hpp"
#include "conformance/run_case.hpp"
#include "host/output/json_line.hpp"
#include "host/output/table.hpp"
#include "host/verbs/verbs.hpp"
#include "registry/blocked.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

namespace {

namespace fs = std::filesystem;
using conformance::Case;
using conformance::Finding;
using conformance::Status;

std::string status_name(Status status) {
  return status == Status::passed ? "passed" : status == Status::failed ? "failed" : "skipped";
}

std::string kind_of(const Case& each) {
  return each.kind ? kind_name(each.kind) : each.each_component ? "component" : "plugin";
}

int list_cases(const Values& values) {
  std::size_t longest = 0;
  for (const Case& each : conformance::cases())
    longest = std::max(longest, std::string(each.name).size());
  for (const Case& each : conformance::cases())
    if (values.given("json"))
      print_line({{"case", each.name}, {"of", kind_of(each)}, {"holds", each.what}});
    else
      std::cout << std::left << std::setw(static_cast<int>(longest) + 2) << each.name << std::setw(12)
                << kind_of(each) << each.what << '\n';
  return 0;
}

/// The cases that `--only` names, by name or by the beginning of a name up to a "-"; without it all.
std::vector<Case> chosen_cases(const Values& values) {
  std::vector<std::string> names;
  for (const Case& each : conformance::cases())
    names.emplace_back(each.name);
  std::vector<bool> taken(names.size(), !values.given("only"));
  for (const std::string& only : values.texts("only")) {
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == only || names[i].starts_with(only + "-"))
        taken[i] = any = true;
    if (!any)
      throw UsageError("there is no case \"" + only + "\"." + did_you_mean(only, names) +
                       " `cuecard plugin check --list` shows all.");
  }
  std::vector<Case> chosen;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (taken[i])
      chosen.push_back(conformance::cases()[i]);
  return chosen;
}

/// The plugin, and a registry in which its folder comes first.
struct Checked {
  registry::Registry plugins;
  std::shared_ptr<const registry::Plugin> plugin;
};

Checked find_checked(const Values& values) {
  if (!values.given("file"))
    throw UsageError(
        "`cuecard plugin check`: name the plugin's library, such as build/plugins/abi3-torch2.15/my-tuner.so.");
  std::error_code error;
  const fs::path file = fs::canonical(values.text("file"), error);
  if (error || !fs::is_regular_file(file))
    throw DataError(values.text("file") + ": there is no such file; expected a plugin's library, ID.so.");
  std::vector<std::string> folders{file.parent_path().string()};
  folders.insert(folders.end(), values.texts("plugin-path").begin(), values.texts("plugin-path").end());
  const registry::BlockedAreTaken again;
  Checked checked{registry::Registry::scan(registry::SearchPath::standard(folders)), nullptr};
  for (const std::string& warning : checked.plugins.warnings())
    std::cerr << "cuecard: warning: " << warning << '\n';
  for (const auto& plugin : checked.plugins.plugins())
    if (plugin->library == file)
      checked.plugin = plugin;
  if (!checked.plugin)
    throw DataError(file.string() + ": is not a plugin library; its name must end in .so.");
  return checked;
}

void require_options(const Values& values, const Manifest& manifest) {
  std::vector<std::string> names;
  for (const ComponentInfo& component : manifest.components)
    for (const OptionInfo& option : component.options)
      names.push_back(option.name);
  for (const auto& [name, value] : values.pairs("set"))
    if (std::ranges::find(names, name) == names.end())
      throw UsageError("no component of the plugin has an option \"" + name + "\"." +
                       did_you_mean(name, names));
}

/// UsageError if `--only` names cases of other kinds of components alone.
void require_any_case(const std::vector<Case>& chosen, const Manifest& manifest) {
  const auto applies = [&](const Case& each) {
    return (each.kind == 0 && !each.each_component) ||
           std::ranges::any_of(manifest.components, [&](const ComponentInfo& component) {
             return each.kind == 0 || each.kind == component.kind;
           });
  };
  if (std::ranges::none_of(chosen, applies))
    throw UsageError("none of the cases of --only is about a component of \"" + manifest.id +
                     "\"; `cuecard plugin check --list` shows what each case is about.");
}

/// Threads of this process: after the first parallel computation a copy of it (fork) could not compute.
std::size_t running_threads() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

std::string padded(std::string name) {
  name.resize(std::max<std::size_t>(name.size(), 44), ' ');
  return name;
}

void print_files(const std::string& folder, const std::vector<conformance::KitFile>& files, bool json) {
  Json list = Json::array();
  for (const conformance::KitFile& file : files) {
    Json line{{"file", file.name}, {"written", file.written}};
    if (!file.text.empty())
      line["text"] = file.text;
    list.push_back(line);
    if (!json)
      std::cout << padded((fs::path(folder) / file.name).string()) << "  "
                << (file.written ? "written" : "skipped") << (file.text.empty() ? "" : "  " + file.text)
                << '\n';
  }
  if (json)
    print_line({{"out", folder}, {"files", list}});
  else
    std::cout << '\n';
}

/// `remarks`: those that were shown of a component already.
void print_finding(const Finding& finding, bool json, std::set<std::string>& remarks) {
  if (json) {
    Json line{{"case", finding.name}};
    if (!finding.component.empty())
      line["component"] = finding.component;
    line["status"] = status_name(finding.status);
    if (!finding.text.empty())
      line["text"] = finding.text;
    line["seconds"] = finding.seconds;
    print_line(line);
  } else {
    const std::string name =
        padded(finding.name + (finding.component.empty() ? "" : " (" + finding.component + ")"));
    const bool known =
        finding.status == Status::passed && !remarks.insert(finding.component + finding.text).second;
    std::cout << name << "  " << status_name(finding.status)
              << (finding.text.empty() || known ? "" : "  " + finding.text) << '\n';
  }
  std::cout.flush();
}

} // namespace

int plugin_check(const Values& values) {
  if (values.given("list"))
    return list_cases(values);
  const std::vector<Case> chosen = chosen_cases(values);
  const Checked checked = find_checked(values);
  if (checked.plugin->refusal.empty())
    require_any_case(chosen, checked.plugin->manifest);
  require_options(values, checked.plugin->manifest);
  conformance::RunSettings settings;
  settings.set = values.pairs("set");
  settings.seed = static_cast<uint64_t>(values.integer("seed"));
  settings.limit = values.number("limit");
  at::set_num_threads(1);
  if (running_threads() != 1)
    throw Error("the process has other threads already, so cases can't be run in copies of it.");

  const bool json = values.given("json");
  if (values.given("out"))
    print_files(values.text("out"),
                conformance::write_kit_files(values.text("out"), checked.plugins, checked.plugin, settings),
                json);
  std::map<Status, int64_t> counts{{Status::passed, 0}, {Status::failed, 0}, {Status::skipped, 0}};
  std::set<std::string> remarks;
  std::string crash;
  const auto run = [&](const Case& each, std::size_t component) {
    const Finding finding = conformance::run_case(each, checked.plugins, checked.plugin, component, settings);
    print_finding(finding, json, remarks);
    ++counts[finding.status];
    if (finding.crashed && crash.empty())
      crash = "in the case " + finding.name + ", " + finding.text;
  };
  const Manifest& manifest = checked.plugin->manifest;
  for (const Case& each : chosen) {
    if (each.kind == 0 && !each.each_component) {
      run(each, 0);
      continue;
    }
    for (std::size_t i = 0; checked.plugin->refusal.empty() && i < manifest.components.size(); ++i)
      if (each.kind == 0 || each.kind == manifest.components[i].kind)
        run(each, i);
  }
  const std::string refused =
      checked.plugin->refusal.empty()
          ? ""
          : "The plugin can't be used, so its components were not checked: " + checked.plugin->refusal;
  if (json) {
    Json line{{"plugin", manifest.id},
              {"version", manifest.version},
              {"sha256", manifest.sha256},
              {"seed", settings.seed},
              {"passed", counts[Status::passed]},
              {"failed", counts[Status::failed]},
              {"skipped", counts[Status::skipped]}};
    if (!refused.empty())
      line["refused"] = refused;
    print_line(line);
  } else {
    std::cout << "\n"
              << manifest.id << " " << manifest.version << ": " << counts[Status::passed] << " passed, "
              << counts[Status::failed] << " failed, " << counts[Status::skipped] << " skipped (seed "
              << settings.seed << ").\n"
              << (refused.empty() ? "" : refused + "\n");
  }
  const bool everything = !values.given("only") && counts[Status::failed] == 0;
  if (!crash.empty() && registry::block(manifest.sha256, checked.plugin->library.string(), crash))
    std::cerr << "cuecard: " << checked.plugin->library.string() << " is blocked until its file changes.\n";
  else if (everything)
    registry::unblock(manifest.sha256);
  constexpr int failed_code = 4; // as for a plugin that fails when it is used
  return counts[Status::failed] > 0 || !refused.empty() ? failed_code : 0;
}

} // namespace cuecard::host
