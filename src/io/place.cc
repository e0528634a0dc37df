#include "io/place.h"

#include <fmt/format.h>

#include <algorithm>

#include "transload/error.h"

namespace transload::io {
namespace {

[[noreturn]] void appeared(const Folder& target, const std::string& name) {
  throw Error(Errc::usage, "appeared while this conversion ran; it is left as it is",
              {.file = target.shown(name).string(), .offset = {}, .tensor = {}},
              "choose another name, or add --force to replace it");
}

void look(const Folder& files, const Folder& target, Placing& file) {
  const std::optional<struct stat> old = target.status(file.name);
  if (old && !file.replace) appeared(target, file.name);
  if (old && !S_ISREG(old->st_mode) && !S_ISLNK(old->st_mode)) {
    throw Error(Errc::usage, "is there already and is no regular file",
                {.file = target.shown(file.name).string(), .offset = {}, .tensor = {}}, "choose another name");
  }
  file.old = identity(old);
  file.fresh = identity(files.status(file.name));
}

void put_aside(const Folder& target, const Folder& old, const Folder& ready, const Placing& file) {
  if (!ready.status(file.name) || !target.status(file.name)) return;
  move_over(target, file.name, old, file.name);
}

void sync_if_possible(const Folder& folder) {
  try {
    folder.sync();
  } catch (const Error&) {  // what is seen now is right all the same
    return;
  }
}

// All back to where it was before step 1.
void undo(const Folder& staging, const Folder& target, const std::vector<Placing>& files) {
  const Folder ready = staging.inside(kReady), old = staging.inside(kOld);
  for (auto at = files.rbegin(); at != files.rend(); ++at) {  // Clang 14 cannot read libstdc++ 12's std::views
    const Placing& file = *at;
    if (ready.status(file.name) || identity(target.status(file.name)) != file.fresh) continue;
    move_over(target, file.name, ready, file.name);
    if (file.key) sync_if_possible(target);
  }
  for (const Placing& file : files) {
    if (!old.status(file.name)) continue;
    if (file.key) sync_if_possible(target);
    if (!move_to_free_name(old, file.name, target, file.name)) appeared(target, file.name);
  }
  target.sync();  // before nothing tells any more that `old` may be needed
  move_over(staging, kReady, staging, kNew);
}

// Where not all could be undone.
std::string what_is_left(const Folder& staging, const Folder& target, const std::vector<Placing>& files) {
  bool as_before = false;
  try {
    as_before = nothing_moved(target, files);
  } catch (const Error&) {
    as_before = false;
  }
  return fmt::format("{} is {}; the new files are in {}, and the next conversion into this folder {}",
                     target.shown().string(), as_before ? "as it was" : "incomplete now", staging.shown().string(),
                     as_before ? "removes them" : "puts them in their places");
}

void place_one(const Folder& files, const Folder& target, const Placing& file) {
  if (file.replace) {
    move_over(files, file.name, target, file.name);
  } else if (!move_to_free_name(files, file.name, target, file.name)) {
    appeared(target, file.name);
  }
}

}  // namespace

void place(Staging& staging, const Folder& target, std::vector<Placing> files) {
  for (Placing& file : files) look(staging.files(), target, file);
  if (files.size() == 1) return place_one(staging.files(), target, files.front());
  std::stable_partition(files.begin(), files.end(), [](const Placing& file) { return !file.key; });
  staging.files().sync();
  static_cast<void>(staging.folder().make(kOld, 0700));
  write_record(staging.folder(), files);
  move_over(staging.folder(), kNew, staging.folder(), kReady);
  try {
    staging.folder().sync();
    staging.home().sync();
    go_on(staging.folder(), target, files);
  } catch (Error& error) {
    try {
      undo(staging.folder(), target, files);
    } catch (const Error&) {
      staging.keep();
      error.leaves(what_is_left(staging.folder(), target, files));
    }
    throw;
  }
}

bool nothing_moved(const Folder& target, const std::vector<Placing>& files) {
  return std::ranges::all_of(files,
                             [&](const Placing& file) { return identity(target.status(file.name)) == file.old; });
}

bool can_go_on(const Folder& staging, const Folder& target, const std::vector<Placing>& files) {
  const Folder ready = staging.inside(kReady);
  return std::ranges::all_of(files, [&](const Placing& file) {
    const std::string waiting = identity(ready.status(file.name)), now = identity(target.status(file.name));
    if (waiting == kNoFile) return now == file.fresh;
    return waiting == file.fresh && (now == kNoFile || now == file.old);
  });
}

void go_on(const Folder& staging, const Folder& target, const std::vector<Placing>& files) {
  const Folder ready = staging.inside(kReady), old = staging.inside(kOld);
  const auto sync = [&] {
    old.sync();
    target.sync();
  };
  for (const Placing& file : files) {
    if (file.key) put_aside(target, old, ready, file);
  }
  sync();  // before any other old file is taken away
  for (const Placing& file : files) {
    if (!file.key) put_aside(target, old, ready, file);
  }
  for (const Placing& file : files) {
    if (!ready.status(file.name)) continue;
    if (file.key) sync();  // what it needs is there before it
    if (!move_to_free_name(ready, file.name, target, file.name)) appeared(target, file.name);
  }
}

}  // namespace transload::io
