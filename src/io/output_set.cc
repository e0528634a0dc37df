// Several outputs that appear together or not at all (docs/decisions/0005-how-outputs-appear.md).

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "io/exchange.h"
#include "io/folder_lock.h"
#include "io/place.h"
#include "io/recover.h"
#include "io/staged_file.h"
#include "io/target_path.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

constexpr std::size_t kLongestName = 200;  // of a folder, so that the hidden one beside it can be named after it

Where at(const fs::path& path) { return {.file = path.string(), .offset = {}, .tensor = {}}; }

std::optional<struct stat> followed(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? std::optional(status) : std::nullopt;
}

}  // namespace

struct OutputSet::Rep {
  fs::path shown;   // the folder as the user names it
  fs::path target;  // without symbolic links
  bool overwrite = false;
  std::vector<File> files;
  std::vector<fs::path> made;  // folders that did not exist, outermost first
  bool beside = false;         // staged in a folder that can take the place of the target
  bool published = false;
  bool completed = false;  // what a dead run had begun
  std::string was_there;   // a file of the earlier output
  std::vector<std::string> notes;
  std::map<std::string, std::string> ours;  // the files that belong to this output alone, as they are published
  std::unique_ptr<io::Staging> staging;
  std::vector<std::unique_ptr<io::StagedFile>> sinks;

  ~Rep() {
    sinks.clear();
    staging.reset();
    if (published) return;
    for (auto path = made.rbegin(); path != made.rend(); ++path) ::rmdir(path->c_str());
  }

  bool exists() const {
    std::error_code ignored;
    return fs::is_directory(target, ignored);
  }
  bool may_replace(const File& file) const { return overwrite || file.shared; }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const File& file : files) all.insert(file.name);
    return all;
  }

  void recover_dead_runs() {
    const auto from = [&](const fs::path& home, const fs::path& home_shown, const std::string& prefix) {
      std::error_code ignored;
      if (!fs::is_directory(home, ignored)) return;
      const io::Recovered found = io::recover(io::Folder::open(home, home_shown), prefix, target, shown);
      notes.insert(notes.end(), found.notes.begin(), found.notes.end());
      completed = completed || found.completed;
    };
    from(target, shown, io::staging_prefix());
    try {
      from(target.parent_path(), {}, io::staging_prefix(target.filename().string()));
    } catch (const Error&) {  // the folder above may be one that this user cannot read
      return;
    }
  }

  void check_free(const File& file) {
    const fs::path path = shown / file.name;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(target / file.name, error);
    if (!fs::status_known(status)) io::fail("look at", path.string(), error.value());
    if (!fs::exists(status)) return;
    if (!fs::is_regular_file(status) && !fs::is_symlink(status)) {
      throw Error(Errc::usage, "is there already and is no regular file", at(path), "choose another name");
    }
    if (!may_replace(file) && !file.there) {
      throw Error(Errc::usage,
                  completed ? "already exists: an interrupted conversion was completed"
                            : "already exists; it is left as it was",
                  at(path), "choose another name, or add --force to replace it");
    }
    if (!file.shared && !file.there) was_there = path.string();
  }

  void make_folders(const fs::path& wanted) {
    std::vector<fs::path> missing;
    std::error_code ignored;
    for (fs::path path = wanted; !path.empty() && !fs::exists(path, ignored); path = path.parent_path()) {
      missing.push_back(path);
      if (path == path.parent_path()) break;
    }
    for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
      if (::mkdir(path->c_str(), 0777) == 0) {
        made.push_back(*path);
      } else if (errno != EEXIST) {
        io::fail("create the folder", path->string(), errno);
      }
    }
  }

  // In a folder beside the target where that can become the target, else in one inside of it.
  void make_staging() {
    const std::string leaf = target.filename().string();
    const bool nameable = !leaf.empty() && leaf.size() <= kLongestName;
    const bool is_there = exists();
    if (nameable && (!is_there || may_change_places())) {
      if (!is_there) make_folders(target.parent_path());
      try {
        staging =
            std::make_unique<io::Staging>(io::Folder::open(target.parent_path()), io::staging_prefix(leaf), shown);
        beside = !is_there || io::look_alike(staging->files(), io::Folder::open(target));
      } catch (const Error&) {
        if (!is_there) throw;
        beside = false;  // the folder above may be closed to this user
      }
      if (beside) return;
      staging.reset();
    }
    make_folders(target);
    staging = std::make_unique<io::Staging>(io::Folder::open(target, shown), io::staging_prefix(), shown);
  }

  bool may_change_places() const {
    try {
      return io::may_change_places(io::Folder::open(target.parent_path()), io::Folder::open(target), names());
    } catch (const Error&) {
      return false;
    }
  }

  // What was there with the same bytes may have been replaced by another conversion meanwhile.
  void look_again(const io::Folder& locked) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (!files[i].there || io::same_bytes(staging->files(), locked, files[i].name)) continue;
      sinks[i]->finish();
      files[i].there = false;
    }
  }

  std::vector<io::Placing> placings() const {
    std::vector<io::Placing> all;
    bool has_key = false;
    for (const File& file : files) {
      if (file.there) continue;
      all.push_back({file.name, file.retract, may_replace(file), {}, {}});
      has_key = has_key || file.retract;
    }
    if (!has_key && !all.empty()) all.back().key = true;
    return all;
  }

  // The target is new: the folder of the set gets its name. False: there is such a folder now.
  bool publish_new_folder(const io::Folder& parent) {
    return io::move_to_free_name(staging->folder(), io::kNew, parent, target.filename().string());
  }

  // The folder of the set changes places with the target, whose lock is held. False: it has to be done file by file.
  bool publish_by_exchange(const io::Folder& parent, const io::Folder& locked) {
    if (!io::may_change_places(parent, locked, names()) || !io::look_alike(staging->files(), locked)) return false;
    for (const File& file : files) {
      if (may_replace(file) || file.there || !locked.status(file.name)) continue;
      throw Error(Errc::usage, "appeared while this conversion ran; it is left as it is", at(shown / file.name),
                  "choose another name, or add --force to replace it");
    }
    std::vector<io::Placing> all;
    for (const File& file : files) all.push_back({file.name, false, true, io::kNoFile, io::kNoFile});
    io::write_record(staging->folder(), all);
    staging->folder().sync();
    return io::change_places(*staging, parent, target.filename().string());
  }

  std::string publish() {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (beside || !files[i].there) sinks[i]->finish();
    }
    for (const File& file : files) {
      if (!file.shared && !file.there) ours[file.name] = io::identity(staging->files().status(file.name));
    }
    std::string unconfirmed = publish_finished();
    if (io::any_replaced(target, ours)) {
      notes.push_back(fmt::format("{} was replaced by another conversion meanwhile", shown.string()));
    }
    return unconfirmed;
  }

  std::string publish_finished() {
    std::optional<io::Folder> parent;
    if (beside) {
      staging->files().sync();
      parent = io::Folder::open(target.parent_path());
    }
    if (beside && !exists() && publish_new_folder(*parent)) {
      published = true;
      return confirm(*parent, nullptr);
    }
    const io::Folder locked = io::open_locked(target, shown);
    if (beside && publish_by_exchange(*parent, locked)) {
      published = true;
      return confirm(*parent, &locked);
    }
    look_again(locked);
    io::place(*staging, locked, placings());
    published = true;
    return confirm(locked, nullptr);
  }

  // The set is in place. `replaced`: the folder that was the target before.
  std::string confirm(const io::Folder& changed, const io::Folder* replaced) {
    try {
      changed.sync();
      for (const fs::path& path : made) io::Folder::open(path.parent_path()).sync();
    } catch (const Error& error) {
      staging->keep();
      return error.what();
    }
    const std::string rest = staging->folder().shown().string();
    try {
      if (replaced != nullptr && !io::remove_replaced(staging->folder(), &staging->files(), names())) {
        staging->keep();
        notes.push_back(fmt::format("{} was replaced and holds files of somebody else; it is left as it is", rest));
      } else {
        staging->clear();
      }
    } catch (const Error& error) {
      staging->keep();  // to be cleared away with the same care
      notes.push_back(
          fmt::format("what was replaced is not cleared away: {}; the next conversion into this folder "
                      "does that",
                      error.what()));
    }
    return {};
  }
};

OutputSet::OutputSet(const fs::path& folder, std::vector<File> files, bool overwrite) : rep_(std::make_unique<Rep>()) {
  rep_->shown = folder.empty() ? fs::path(".") : folder;
  rep_->files = std::move(files);
  rep_->overwrite = overwrite;
  try {
    rep_->target = io::resolved_folder(rep_->shown);
    rep_->recover_dead_runs();
    for (const File& file : rep_->files) rep_->check_free(file);
    rep_->make_staging();
    for (const File& file : rep_->files) {
      rep_->sinks.push_back(std::make_unique<io::StagedFile>(
          rep_->staging->files(), file.name, file.size, rep_->shown / file.name, followed(rep_->target / file.name)));
    }
  } catch (Error& error) {
    error.leaves(unpublished());
    error.add(rep_->notes);
    throw;
  }
}

OutputSet::~OutputSet() = default;
OutputSet::OutputSet(OutputSet&&) noexcept = default;
OutputSet& OutputSet::operator=(OutputSet&&) noexcept = default;

Sink& OutputSet::sink(std::size_t file) { return *rep_->sinks.at(file); }

std::string OutputSet::publish() {
  try {
    return rep_->publish();
  } catch (Error& error) {
    error.leaves(unpublished());
    throw;
  }
}

const std::vector<std::string>& OutputSet::notes() const noexcept { return rep_->notes; }

const std::map<std::string, std::string>& OutputSet::published() const noexcept { return rep_->ours; }

std::string OutputSet::unpublished() const {
  if (rep_->completed) return "an interrupted conversion was completed; this one wrote nothing";
  if (rep_->was_there.empty()) return "nothing was written";
  return fmt::format("nothing was written; {} is as it was", rep_->was_there);
}

}  // namespace transload
