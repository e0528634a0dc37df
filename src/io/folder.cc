#include "io/folder.h"

#include <dirent.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace transload::io {
namespace {

constexpr int kOpen = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

}  // namespace

Folder Folder::open(const fs::path& path, const fs::path& shown) {
  const fs::path& name = shown.empty() ? path : shown;
  Descriptor fd(retried([&] { return ::open(path.c_str(), kOpen); }));
  if (fd.get() < 0) fail("open the folder", name.string(), errno);
  return {std::move(fd), name};
}

Folder Folder::inside(const std::string& name) const {
  Descriptor fd(retried([&] { return ::openat(fd_.get(), name.c_str(), kOpen | O_NOFOLLOW); }));
  if (fd.get() < 0) fail("open the folder", shown(name).string(), errno);
  return {std::move(fd), shown(name)};
}

Folder Folder::make(const std::string& name, mode_t mode) const {
  if (::mkdirat(fd_.get(), name.c_str(), mode) != 0) fail("create the folder", shown(name).string(), errno);
  try {
    return inside(name);
  } catch (...) {
    ::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR);
    throw;
  }
}

struct stat Folder::status() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) fail("look at", shown_.string(), errno);
  return status;
}

std::optional<struct stat> Folder::status(const std::string& name) const {
  struct stat status {};
  if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno != ENOENT) fail("look at", shown(name).string(), errno);
  return std::nullopt;
}

std::vector<std::string> Folder::list() const {
  const int copy = retried([&] { return ::openat(fd_.get(), ".", kOpen); });
  if (copy < 0) fail("list the folder", shown_.string(), errno);
  DIR* const opened = ::fdopendir(copy);
  if (opened == nullptr) {
    ::close(copy);
    fail("list the folder", shown_.string(), ENOMEM);
  }
  const std::unique_ptr<DIR, void (*)(DIR*)> entries(opened, [](DIR* dir) { ::closedir(dir); });
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = ::readdir(entries.get()); errno = 0) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) fail("list the folder", shown_.string(), errno);
  std::ranges::sort(names);
  return names;
}

void Folder::remove(const std::string& name) const {
  if (::unlinkat(fd_.get(), name.c_str(), 0) != 0 && errno != ENOENT) fail("remove", shown(name).string(), errno);
}

void Folder::remove_folder(const std::string& name) const {
  if (::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    fail("remove the folder", shown(name).string(), errno);
  }
}

void Folder::sync() const {
  // Some file systems cannot sync a folder and say so with EINVAL; there is nothing more to be done there.
  if (retried([&] { return ::fsync(fd_.get()); }) != 0 && errno != EINVAL) {
    fail("flush to disk", shown_.string(), errno);
  }
}

bool move_to_free_name(const Folder& from, const std::string& name, const Folder& to, const std::string& new_name) {
  if (::renameat2(from.fd(), name.c_str(), to.fd(), new_name.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  // Not every file system has this; the next best leaves a moment between the look and the step.
  if (errno != EINVAL && errno != ENOSYS) fail("rename into place", to.shown(new_name).string(), errno);
  if (to.status(new_name)) return false;
  move_over(from, name, to, new_name);
  return true;
}

void move_over(const Folder& from, const std::string& name, const Folder& to, const std::string& new_name) {
  if (::renameat(from.fd(), name.c_str(), to.fd(), new_name.c_str()) == 0) return;
  fail("rename into place", to.shown(new_name).string(), errno);
}

bool same_bytes(const Folder& a, const Folder& b, const std::string& name) {
  const auto open = [&](const Folder& folder) {
    constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    return Descriptor(retried([&] { return ::openat(folder.fd(), name.c_str(), kFlags); }));
  };
  const Descriptor first = open(a), second = open(b);
  struct stat of_first {
  }, of_second{};
  if (::fstat(first.get(), &of_first) != 0 || ::fstat(second.get(), &of_second) != 0) return false;
  if (!S_ISREG(of_first.st_mode) || !S_ISREG(of_second.st_mode) || of_first.st_size != of_second.st_size) return false;
  constexpr std::uint64_t kBlock = std::uint64_t{256} << 10;
  const auto size = static_cast<std::uint64_t>(of_first.st_size);
  std::vector<std::byte> x, y;
  for (std::uint64_t at = 0; at < size; at += kBlock) {
    x.resize(std::min(kBlock, size - at));
    y.resize(x.size());
    read_exactly(first.get(), at, x, a.shown(name).string());
    read_exactly(second.get(), at, y, b.shown(name).string());
    if (x != y) return false;
  }
  return true;
}

Lock try_lock(int fd) {
  if (retried([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) == 0) return Lock::taken;
  return errno == EWOULDBLOCK ? Lock::busy : Lock::unknown;
}

}  // namespace transload::io
