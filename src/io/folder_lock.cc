#include "io/folder_lock.h"

#include <thread>

#include "transload/error.h"

namespace transload::io {
namespace {

constexpr std::chrono::milliseconds kPause{10};

}  // namespace

Folder open_locked(const fs::path& path, const fs::path& shown, std::chrono::milliseconds longest) {
  const auto started = std::chrono::steady_clock::now();
  while (true) {
    Folder folder = Folder::open(path, shown);
    if (try_lock(folder.fd()) != Lock::busy) {
      // While it was waited for, another folder may have taken its place.
      const struct stat open = folder.status(), now = Folder::open(path, shown).status();
      if (open.st_ino == now.st_ino && open.st_dev == now.st_dev) return folder;
    }
    if (std::chrono::steady_clock::now() - started > longest) {
      throw Error(Errc::io, "some program holds a lock (flock) on this folder",
                  {.file = shown.string(), .offset = {}, .tensor = {}},
                  "try again when that program is done; with flock(1) around a conversion, lock another file");
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace transload::io
