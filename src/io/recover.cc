#include "io/recover.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "io/exchange.h"
#include "io/folder_lock.h"
#include "io/place.h"
#include "transload/error.h"

namespace transload::io {
namespace {

std::string list_of(const std::vector<Placing>& files) {
  std::string names;
  for (const Placing& file : files) names += (names.empty() ? "" : ", ") + file.name;
  return names;
}

std::string left_alone(const Folder& staging, std::string_view why) {
  return fmt::format("an interrupted conversion left {}, which is left as it is: {}", staging.shown().string(), why);
}

std::string remove_temporaries(const Folder& home, const Dead& dead) {
  remove_staging(home, dead.name, dead.folder);
  return fmt::format("temporary files of an interrupted conversion were removed from {}", home.shown().string());
}

// The process ended among the steps of place(). Back where nothing has moved: what was asked for then need not be what
// is wanted now. Else forward: all that is needed is on disk, and a reader finds no set.
std::string complete(const Folder& home, const Dead& dead, const Folder& target, bool& completed) {
  const std::vector<Placing> files = read_record(dead.folder);
  if (nothing_moved(target, files)) return remove_temporaries(home, dead);
  const Folder ready = dead.folder.inside(kReady);
  if (std::ranges::none_of(files, [&](const Placing& file) { return ready.status(file.name).has_value(); })) {
    target.sync();
    remove_staging(home, dead.name, dead.folder);
    return fmt::format("what an interrupted conversion had replaced was removed from {}", home.shown().string());
  }
  if (!can_go_on(dead.folder, target, files)) {
    return left_alone(dead.folder, fmt::format("its files ({}) were changed since", list_of(files)));
  }
  go_on(dead.folder, target, files);
  completed = true;
  target.sync();
  remove_staging(home, dead.name, dead.folder);
  return fmt::format("an interrupted conversion was completed: {} in {}; that output was not proven", list_of(files),
                     target.shown().string());
}

// The names of a set whose folder was to be exchanged: its record has no files to be placed one by one. Empty where the
// record is not there or not whole: then nothing was moved yet.
std::set<std::string> exchanged_names(const Folder& staging) {
  std::set<std::string> names;
  if (!staging.status(kRecord)) return names;
  try {
    for (const Placing& file : read_record(staging)) {
      if (file.fresh == kNoFile) names.insert(file.name);
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;  // nobody knows
  }
  return names;
}

// The process ended while it wrote, after two folders had changed places, or while it removed what was replaced.
std::string clear(const Folder& home, const Dead& dead, const Folder* target) {
  const std::set<std::string> names = exchanged_names(dead.folder);
  if (!names.empty() && dead.folder.status(kNew) && !remove_replaced(dead.folder, target, names)) {
    return left_alone(dead.folder, "it holds files that are not of the conversion");
  }
  return remove_temporaries(home, dead);
}

std::string recover_one(const Folder& home, const Dead& dead, const Folder* target, bool& completed) {
  try {
    // The record is there before the first file moves, and until the last one is in its place.
    if (!dead.folder.status(kReady) || !dead.folder.status(kRecord)) return clear(home, dead, target);
    if (target == nullptr) return left_alone(dead.folder, "the folder into which it wrote is gone");
    return complete(home, dead, *target, completed);
  } catch (const Error& error) {
    return left_alone(dead.folder, error.what());
  }
}

}  // namespace

Recovered recover(const Folder& home, const std::string& prefix, const fs::path& target, const fs::path& shown) {
  Recovered all;
  if (dead_stagings(home, prefix).empty()) return all;
  std::error_code ignored;
  std::optional<Folder> locked;
  if (fs::is_directory(target, ignored)) locked = open_locked(target, shown);
  // Seen again: another process may have been here first.
  for (const Dead& dead : dead_stagings(home, prefix)) {
    all.notes.push_back(recover_one(home, dead, locked ? &*locked : nullptr, all.completed));
  }
  return all;
}

}  // namespace transload::io
