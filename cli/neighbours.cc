#include "neighbours.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "formats/locate_parts.h"
#include "transload/error.h"

namespace transload::cli {
namespace {

bool beside_source(const Location& location, const Target& target) {
  const auto named = [](const fs::path& folder) { return folder.empty() ? fs::path(".") : folder; };
  std::error_code ignored;
  return fs::equivalent(named(location.folder), named(target.folder), ignored);
}

}  // namespace

// Weights that stay in the folder would be loaded with the configuration of others.
void refuse_two_models(const Target& target, const std::string& stays, const std::vector<Sidecar>& sidecars) {
  std::error_code ignored;
  for (const Sidecar& sidecar : sidecars) {
    if (sidecar.name != target.config_name() || sidecar.there) continue;
    if (!fs::exists(target.folder / sidecar.name, ignored)) continue;
    throw Error(Errc::usage,
                fmt::format("lies there already: transformers would load it with the configuration of {}", target.name),
                {.file = (target.folder / stays).string(), .offset = {}, .tensor = {}},
                "choose another folder, or move it away");
  }
}

// A checkpoint without a configuration of its own would be taken for a model of the one that lies there.
void refuse_foreign_config(const Target& target) {
  const fs::path path = target.folder / "bert_config.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;
  throw Error(Errc::usage, "lies there already, of another model: it would be taken for the configuration of this one",
              {.file = path.string(), .offset = {}, .tensor = {}},
              "choose another folder, or give this model's configuration with --config F");
}

void refuse_shared(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars) {
  std::error_code ignored;
  if (target.bare || target.resolved_dialect() != "tf1" || !fs::is_directory(target.folder, ignored)) return;
  if (beside_source(location, target)) return;
  const std::vector<std::string> names = open_folder(target.folder)->list();
  const auto other = std::ranges::find_if(
      names, [&](const std::string& name) { return name.ends_with(".index") && name != target.name + ".index"; });
  // One that is there already is replaced with what it shares, if --force says so.
  const bool again = std::ranges::binary_search(names, target.name + ".index");
  if (other == names.end() || again || !locating::interrupted_set(target.folder).empty()) return;
  for (const Sidecar& sidecar : sidecars) {
    if (sidecar.there || !fs::exists(target.folder / sidecar.name, ignored)) continue;
    throw Error(Errc::usage,
                fmt::format("lies there already, is another one, and belongs to {} too", shortened(*other)),
                {.file = (target.folder / sidecar.name).string(), .offset = {}, .tensor = {}},
                "choose another folder; --no-sidecars writes the weights only");
  }
}

// The source is read with these, and what the output says about the model need not be all that they say.
void note_replaced(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars, Plan& plan) {
  if (!beside_source(location, target)) return;
  for (const Sidecar& sidecar : sidecars) {
    std::error_code ignored;
    if (sidecar.there || !fs::exists(target.folder / sidecar.name, ignored)) continue;
    plan.notes.push_back(fmt::format("{} beside the source is replaced by the one of the output", sidecar.name));
  }
}

void refuse_strangers(const Job& job, const Target& target) {
  std::vector<std::string> all;
  for (const std::string& name : job.strangers) all.push_back((target.folder / name).string());
  const std::string first = all.front();
  throw Error(Errc::usage,
              fmt::format("lies there already and is not of this model: it would be read with {}", target.name),
              {.file = first, .offset = {}, .tensor = {}},
              "choose another folder, or move it away; with --force it stays, and a note says so")
      .add(all.size() > 1 ? std::move(all) : std::vector<std::string>());
}

std::vector<std::string> strangers(const Location& location, const Target& target, const std::vector<Sidecar>& sidecars,
                                   bool with_sidecars) {
  std::error_code ignored;
  if (target.bare || beside_source(location, target)) return {};
  std::vector<std::string> names;
  const std::string to = target.resolved_dialect();
  if (with_sidecars) {
    names.push_back(target.config_name());
    if (to == "hf") names.push_back("generation_config.json");
    for (std::string& name : carried_names(to, target.name)) names.push_back(std::move(name));
  }
  if (to == "hf") names.push_back(target.name + ".index.json");
  std::erase_if(names, [&](const std::string& name) {
    return !fs::is_regular_file(target.folder / name, ignored) ||
           std::ranges::any_of(sidecars, [&](const Sidecar& sidecar) { return sidecar.name == name; });
  });
  return names;
}

std::string in_the_way(const Job& job, const Target& target) {
  std::error_code ignored;
  const auto exists = [&](const std::string& name) {
    return fs::exists(fs::symlink_status(target.folder / name, ignored));
  };
  for (const Sidecar& sidecar : job.sidecars) {
    if (!sidecar.there && exists(sidecar.name)) return (target.folder / sidecar.name).string();
  }
  for (const OutputSet::File& file : job.layout.files) {
    if (!file.shared && exists(file.name)) return (target.folder / file.name).string();
  }
  return {};
}

std::string describe_strangers(const Job& job, const Target& target) {
  return fmt::format("{} in {} {} of an earlier output and {}; {} will be read with {}", fmt::join(job.strangers, ", "),
                     target.folder.empty() ? "." : target.folder.string(), job.strangers.size() == 1 ? "is" : "are",
                     job.strangers.size() == 1 ? "stays" : "stay", job.strangers.size() == 1 ? "it" : "they",
                     target.name);
}

std::vector<std::string> obstacles(const Job& job, const Target& target, bool force) {
  std::vector<std::string> notes;
  const std::string there = in_the_way(job, target);
  if (!there.empty() && !force) notes.push_back(fmt::format("{} exists already: it needs --force", there));
  if (!job.strangers.empty()) {
    notes.push_back(describe_strangers(job, target) + (force ? "" : ": it needs --force"));
  }
  return notes;
}

}  // namespace transload::cli
