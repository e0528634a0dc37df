// An open folder. What it holds is reached through its descriptor, so that it may be renamed meanwhile.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "io/posix.h"

namespace transload::io {

class Folder {
 public:
  // `shown` is what messages call it; empty: the path. Errc::io.
  static Folder open(const fs::path& path, const fs::path& shown = {});
  // The folder `name` in this one; a symbolic link is not followed.
  Folder inside(const std::string& name) const;
  // Makes it, too. Errc::io where something of this name is there.
  Folder make(const std::string& name, mode_t mode) const;

  int fd() const noexcept { return fd_.get(); }
  fs::path shown(const std::string& name = {}) const { return name.empty() ? shown_ : shown_ / name; }
  struct stat status() const;

  // Of an entry, without following a symbolic link; empty: there is none.
  std::optional<struct stat> status(const std::string& name) const;
  // Names of all entries but "." and "..", sorted.
  std::vector<std::string> list() const;
  void remove(const std::string& name) const;
  void remove_folder(const std::string& name) const;
  // Its entries survive a loss of power.
  void sync() const;

 private:
  Folder(Descriptor fd, fs::path shown) : fd_(std::move(fd)), shown_(std::move(shown)) {}

  Descriptor fd_;
  fs::path shown_;
};

// Gives an entry another place, and replaces nothing: false where the new name is taken.
bool move_to_free_name(const Folder& from, const std::string& name, const Folder& to, const std::string& new_name);
// The same where something may be replaced.
void move_over(const Folder& from, const std::string& name, const Folder& to, const std::string& new_name);

// Whether both hold a regular file of this name, or a link to one, with the same bytes.
bool same_bytes(const Folder& a, const Folder& b, const std::string& name);

// flock() on an open file or folder, which ends with the process, however it ends. `busy`: somebody else has it.
// `unknown`: this file system has no locks.
enum class Lock { taken, busy, unknown };
Lock try_lock(int fd);

}  // namespace transload::io
