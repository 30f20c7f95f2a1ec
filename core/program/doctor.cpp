#include "program/doctor.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

#include "machine/memory.hpp"
#include "machine/models.hpp"
#include "machine/processors.hpp"
#include "program/failure.hpp"
#include "program/one_line.hpp"
#include "registry/child_process.hpp"
#include "registry/registry.hpp"
#include "registry/search.hpp"
#include "registry/trust/trust.hpp"

namespace cuecard::host {

namespace {

using Json = nlohmann::ordered_json;

constexpr double gigabyte = 1e9;
constexpr double seconds_for_engine = 60; ///< to load it and its plugins, and for the speed check

/// The results, as printed with --json.
class Diagnosis {
public:
  explicit Diagnosis(const Values& values) : values_(values) {}

  void look() {
    look_at_machine();
    look_at_plugins();
    look_at_engine();
    look_at_models();
  }

  const Json& report() const { return report_; }
  bool works() const { return works_; }

private:
  void look_at_machine();
  void look_at_plugins();
  void look_at_engine();
  void look_at_models();
  void take_speed(double product, double limit);
  void refuse_plugin(const std::string& library, const std::string& reason, const std::string& advice);

  /// A finding that keeps the program from working as it is.
  void error(const std::string& problem, const std::string& advice) {
    works_ = false;
    add("error", problem, advice);
  }
  void warn(const std::string& problem, const std::string& advice) { add("warning", problem, advice); }
  void add(const char* severity, const std::string& problem, const std::string& advice) {
    report_["findings"].push_back(
        {{"severity", severity}, {"problem", one_line(without_full_stop(problem))}, {"advice", advice}});
  }

  const Values& values_;
  Json report_{{"cuecard", CUECARD_VERSION}, {"findings", Json::array()}};
  bool works_ = true;
};

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.find(':') + 2, line.size()));
  return "";
}

/// The instruction sets that speed up products of matrices, of those that the processor has.
Json instruction_sets() {
  Json sets = Json::array();
  std::set<std::string> flags;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("flags") || line.starts_with("Features")) {
      std::istringstream words(line.substr(std::min(line.find(':') + 1, line.size())));
      for (std::string word; words >> word;)
        flags.insert(word);
      break;
    }
  for (const char* name :
       {"avx2", "fma", "f16c", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "sve", "bf16"})
    if (flags.contains(name))
      sets.push_back(name);
  return sets;
}

double load_average() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

std::string shortened(double number, int digits = 1) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(digits);
  text << number;
  return text.str();
}

std::string in_gigabytes(double bytes) {
  return shortened(bytes / gigabyte) + " GB";
}

void Diagnosis::look_at_machine() {
  const Processors processors = usable_processors();
  const Threads threads = chosen_threads(processors);
  const double load = load_average();
  report_["processor"] = processor_name();
  report_["instructions"] = instruction_sets();
  report_["processors"] = {{"machine", processors.of_machine},
                           {"allowed", processors.allowed},
                           {"cores", processors.cores},
                           {"quota", processors.quota ? Json(*processors.quota) : Json()}};
  report_["threads"] = {{"count", threads.count}, {"why", threads.why}};
  report_["load"] = load;
  const Memory memory = usable_memory();
  report_["memory"] = {{"machine", memory.of_machine},
                       {"available", memory.available},
                       {"limit", memory.limit ? Json(*memory.limit) : Json()}};

  const auto cores = static_cast<double>(processors.cores);
  if (threads.count > processors.allowed)
    warn(threads.why + ", and this process may use " + counted(processors.allowed, "processor"),
         "set it to " + std::to_string(default_threads(processors).count) + " or unset it");
  if (load > 0.5 * cores && threads.count > 1)
    warn("the machine has a load of " + shortened(load) + " on " + std::to_string(processors.cores) +
             " cores, and where another program takes a core from one thread, all threads wait for it",
         "end other programs, or use fewer threads: --threads " +
             std::to_string(std::max<int64_t>(1, static_cast<int64_t>(cores - std::round(load)))));
  constexpr double little = 1.5 * gigabyte;
  if (memory.available < little)
    warn("only " + in_gigabytes(memory.available) + " of memory are available",
         "end other programs, use --dtype stored or bfloat16, or a smaller model");
#if defined(__x86_64__)
  const Json& sets = report_["instructions"];
  if (std::find(sets.begin(), sets.end(), "avx2") == sets.end())
    warn("the processor has no AVX2, so LibTorch computes at a fraction of the usual speed",
         "use another machine");
#endif
}

void Diagnosis::refuse_plugin(const std::string& library, const std::string& reason,
                              const std::string& advice) {
  for (Json& plugin : report_["plugins"])
    if (plugin["library"] == library) {
      plugin["usable"] = false;
      plugin["reason"] = reason;
      warn("the plugin \"" + plugin["id"].get<std::string>() + "\" is not used: " + reason, advice);
    }
}

void Diagnosis::look_at_plugins() {
  report_["plugin_folders"] = Json::array();
  report_["plugins"] = Json::array();
  const registry::SearchPath search = registry::SearchPath::standard(values_.texts("plugin-path"));
  const registry::Registry found = registry::Registry::scan(search);
  for (const registry::Folder& folder : search.folders)
    report_["plugin_folders"].push_back({{"path", folder.path.string()}, {"origin", folder.origin}});
  if (const std::string unusable = registry::Trust::standard().unusable(); !unusable.empty())
    warn("no installed plugin is trusted: " + unusable, "fix or remove that file");
  for (const std::string& warning : found.warnings())
    warn(warning, "correct the search path, or the rights of the folder");
  for (const auto& plugin : found.plugins()) {
    const std::string shadow =
        plugin->shadowed_by.empty() ? "" : "the plugin in " + plugin->shadowed_by.string() + " comes first";
    report_["plugins"].push_back({{"id", plugin->manifest.id},
                                  {"version", plugin->manifest.version},
                                  {"library", plugin->library.string()},
                                  {"usable", plugin->refusal.empty() && shadow.empty()},
                                  {"reason", plugin->refusal.empty() ? shadow : plugin->refusal}});
    if (!plugin->refusal.empty() && shadow.empty()) // what another one replaces is not missed
      refuse_plugin(plugin->library.string(), plugin->refusal, "rebuild it, or remove it");
  }
  const std::pair<uint32_t, const char*> kinds[] = {{CUECARD_BACKBONE, "backbone"},
                                                    {CUECARD_TEMPLATE, "template"},
                                                    {CUECARD_VERBALIZER, "verbalizer"},
                                                    {CUECARD_TUNER, "tuner"}};
  std::string missing;
  for (const auto& [kind, name] : kinds)
    if (found.entries(kind).empty())
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (!missing.empty())
    error(
        "no plugin with a " + missing + " can be used",
        "install the program again, or name the folder of the plugins with --plugin-path or CUECARD_PLUGIN_PATH");
}

void Diagnosis::look_at_engine() {
  report_["libtorch"] = nullptr;
  report_["speed"] = nullptr;
  std::vector<std::string> command{"/proc/self/exe", "doctor-child"};
  for (const std::string& folder : values_.texts("plugin-path"))
    command.insert(command.end(), {"--plugin-path", folder});
  const registry::ChildResult child = registry::run_child(command, seconds_for_engine);
  std::istringstream answers(child.answer);
  for (std::string line; std::getline(answers, line);) {
    const Json step = Json::parse(line, nullptr, false);
    if (!step.is_object())
      continue;
    if (step.contains("libtorch"))
      report_["libtorch"] = step["libtorch"];
    else if (step.contains("plugin") && !step.value("reason", std::string()).empty())
      refuse_plugin(step["plugin"], step["reason"], "install it again, or remove it");
    else if (step.contains("speed"))
      take_speed(step["speed"]["product"], step["speed"]["limit"]);
  }
  if (child.exit_code() == 0)
    return;
  std::string reason = child.first_error();
  if (reason.starts_with("cuecard: "))
    reason = reason.substr(9);
  if (report_["libtorch"].is_null())
    error("the engine can't be loaded: " + (reason.empty() ? "no reason was given" : reason),
          "reinstall cuecard, or name the folder of LibTorch's libraries in LD_LIBRARY_PATH");
  else
    error("the engine loads, and then its check " +
              (child.stopped()          ? "did not end within a minute"
               : child.exit_code() >= 0 ? "ended with exit code " + std::to_string(child.exit_code())
                                        : "crashed with " + child.signal()) +
              (reason.empty() ? "" : ": " + reason),
          "remove the plugins that are not part of the program, and see whether it is gone");
}

void Diagnosis::take_speed(double product, double limit) {
  report_["speed"] = {{"product", product},
                      {"limit", limit > 0 ? Json(limit) : Json()},
                      {"share", limit > 0 ? Json(product / limit) : Json()}};
  constexpr double usual = 0.5;
  if (limit > 0 && product < usual * limit)
    warn("products of matrices reach " + std::to_string(std::lround(100 * product / limit)) +
             "% of what the processor can do with these threads",
         "run it again while nothing else runs; if it stays so, try another number of --threads");
}

void Diagnosis::look_at_models() {
  report_["model_folders"] = Json::array();
  report_["models"] = Json::array();
  for (const ModelFolder& folder : model_folders()) {
    report_["model_folders"].push_back({{"path", folder.path.string()}, {"origin", folder.origin}});
    std::error_code unreadable;
    if (folder.origin != "CUECARD_MODELS")
      continue;
    if (!std::filesystem::is_directory(folder.path, unreadable))
      warn("CUECARD_MODELS names \"" + folder.path.string() + "\", and there is no such folder",
           "make it, or correct the variable");
    else if (folder.path.is_relative())
      warn("CUECARD_MODELS names \"" + folder.path.string() +
               "\", which is another folder wherever the program is started elsewhere",
           "give the folder's full path");
  }
  for (const NamedModel& model : named_models())
    report_["models"].push_back({{"name", model.name}, {"path", model.path.string()}});
  if (report_["models"].empty())
    warn("no model is known by name", "name a folder of models in CUECARD_MODELS, or give --model a path");
}

/// The texts of a list, or those that its objects have under `key`.
std::string joined(const Json& list, const char* key) {
  std::string text;
  for (const Json& item : list)
    text += (text.empty() ? "" : ", ") + (key ? item[key] : item).get<std::string>();
  return text;
}

void print(const Json& report) {
  const auto line = [](const std::string& name, const std::string& text) {
    std::cout << name << std::string(14 - name.size(), ' ') << one_line(text) << '\n';
  };
  const std::string sets = joined(report["instructions"], nullptr);
  const Json &memory = report["memory"], &libtorch = report["libtorch"], &speed = report["speed"];
  line("cuecard", report["cuecard"]);
  line("processor", report["processor"].get<std::string>() + (sets.empty() ? "" : " (" + sets + ")"));
  line("threads", report["threads"]["count"].dump() + ": " + report["threads"]["why"].get<std::string>());
  line("memory", in_gigabytes(memory["available"]) + " available of " + in_gigabytes(memory["machine"]) +
                     (memory["limit"].is_null()
                          ? ""
                          : ", and at most " + in_gigabytes(memory["limit"]) + " in its control group"));
  line("LibTorch", libtorch.is_null()
                       ? "not loaded"
                       : libtorch["version"].get<std::string>() + " in " + libtorch["path"].get<std::string>() +
                             ", computes with " + libtorch["instructions"].get<std::string>());
  const Json& plugins = report["plugins"];
  const auto usable =
      std::ranges::count_if(plugins, [](const Json& plugin) { return plugin["usable"].get<bool>(); });
  line("plugins", std::to_string(usable) + " of " + std::to_string(plugins.size()) + " can be used, in " +
                      joined(report["plugin_folders"], "path"));
  line("models", report["models"].empty() ? "none in " + joined(report["model_folders"], "path")
                                          : joined(report["models"], "name"));
  if (!speed.is_null())
    line("speed",
         shortened(speed["product"].get<double>() / gigabyte, 0) + " GFLOP/s in products of matrices" +
             (speed["limit"].is_null() ? ""
                                       : ", " + shortened(100 * speed["share"].get<double>(), 0) + "% of the " +
                                             shortened(speed["limit"].get<double>() / gigabyte, 0) +
                                             " GFLOP/s that these threads can reach"));
  std::cout << '\n';
  for (const Json& finding : report["findings"])
    std::cout << finding["severity"].get<std::string>() << ": " << finding["problem"].get<std::string>() << "; "
              << finding["advice"].get<std::string>() << ".\n";
  if (report["findings"].empty())
    std::cout << "Nothing is wrong.\n";
}

} // namespace

int doctor(const Values& values) {
  Diagnosis diagnosis(values);
  diagnosis.look();
  if (values.given("json"))
    std::cout << diagnosis.report().dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    print(diagnosis.report());
  return diagnosis.works() ? 0 : 1;
}

} // namespace cuecard::host
