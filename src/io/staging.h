// The hidden folder in which a set of files is written before it takes its place. A lock on it is the sign of life of
// the process that writes: it ends with the process, where a process id would be given to another one.
//
//   .transload-8f3a.../new     files being written; after an exchange of folders, the old set
//                     /ready   `new` once all of it is on disk and its files begin to take their places one by one
//                     /old     what they replace
//                     /record  which files those are (io/record.h)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/folder.h"

namespace transload::io {

inline constexpr const char* kNew = "new";
inline constexpr const char* kReady = "ready";
inline constexpr const char* kOld = "old";
inline constexpr const char* kRecord = "record";

// How staging folders are called: in the target folder itself, and beside a target folder `name`.
std::string staging_prefix();
std::string staging_prefix(const std::string& name);

class Staging {
 public:
  // Made in `home`, and locked. Errc::io, about `target`: the user does not know the hidden folder.
  Staging(Folder home, const std::string& prefix, const fs::path& target);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();  // clears it away unless it was kept

  const Folder& home() const { return home_; }
  const Folder& folder() const { return *folder_; }
  const Folder& files() const { return *files_; }  // `new`, also under its later names
  // Everything in it is removed, and it itself.
  void clear();
  void keep() { kept_ = true; }

 private:
  bool make(const std::string& prefix, const fs::path& target);

  Folder home_;
  std::string name_;
  std::unique_ptr<Folder> folder_, files_;
  bool kept_ = false;
};

// Removes the staging folder `name` of `home` and all that is in it. Errc::io: something is left.
void remove_staging(const Folder& home, const std::string& name, const Folder& folder);

// The staging folders in `home` whose names are `prefix` and the random digits that follow it, whose processes are
// dead, and which belong to this user. Each is locked as long as its Folder lives.
struct Dead {
  std::string name;
  Folder folder;
};
std::vector<Dead> dead_stagings(const Folder& home, const std::string& prefix);

}  // namespace transload::io
