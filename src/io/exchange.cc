#include "io/exchange.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string_view>

#include "transload/error.h"

namespace transload::io {
namespace {

constexpr int kRounds = 100;

bool is_working_folder(const struct stat& folder) {
  struct stat here {};
  return ::stat(".", &here) == 0 && here.st_ino == folder.st_ino && here.st_dev == folder.st_dev;
}

bool on_one_mount(const Folder& a, const Folder& b) {
  struct statx first {
  }, second{};
  if (::statx(a.fd(), "", AT_EMPTY_PATH, STATX_MNT_ID, &first) != 0) return false;
  if (::statx(b.fd(), "", AT_EMPTY_PATH, STATX_MNT_ID, &second) != 0) return false;
  return (first.stx_mask & second.stx_mask & STATX_MNT_ID) != 0 && first.stx_mnt_id == second.stx_mnt_id;
}

// A label that every file has under SELinux is no more than what a new folder gets, too.
bool has_attributes(const Folder& folder) {
  std::array<char, 1024> names{};
  const ssize_t size = ::flistxattr(folder.fd(), names.data(), names.size());
  if (size < 0) return errno != ENOTSUP;
  for (std::string_view rest(names.data(), static_cast<std::size_t>(size)); !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('\0'));
    if (name != "security.selinux") return true;
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  return false;
}

bool give_back(const Folder& from, const Folder* to, const std::set<std::string>& names) {
  bool all = true;
  for (const std::string& name : from.list()) {
    if (!names.contains(name)) all = to != nullptr && move_to_free_name(from, name, *to, name) && all;
  }
  return all;
}

// What chattr sets (append only, no copy on write, ...); not how the file system stores the folder.
std::optional<unsigned> flags(const Folder& folder) {
  constexpr unsigned kStorage = FS_EXTENT_FL | FS_INLINE_DATA_FL | FS_INDEX_FL;
  int found = 0;  // the kernel writes an int, whatever the number of the call says
  if (::ioctl(folder.fd(), FS_IOC_GETFLAGS, &found) == 0) return static_cast<unsigned>(found) & ~kStorage;
  if (errno == ENOTTY || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return 0;  // has none
  return std::nullopt;
}

}  // namespace

bool may_change_places(const Folder& parent, const Folder& target, const std::set<std::string>& names) {
  for (const std::string& name : target.list()) {
    const std::optional<struct stat> status = target.status(name);
    if (!names.contains(name) || !status || !S_ISREG(status->st_mode)) return false;
  }
  return !is_working_folder(target.status()) && on_one_mount(parent, target) && !has_attributes(target);
}

bool look_alike(const Folder& fresh, const Folder& target) {
  const struct stat now = fresh.status(), wanted = target.status();
  const std::optional<unsigned> has = flags(target);
  if (!has || has != flags(fresh)) return false;
  if ((now.st_uid != wanted.st_uid || now.st_gid != wanted.st_gid) &&
      ::fchown(fresh.fd(), wanted.st_uid, wanted.st_gid) != 0) {
    return false;
  }
  return now.st_mode == wanted.st_mode || ::fchmod(fresh.fd(), wanted.st_mode & 07777) == 0;
}

bool change_places(const Staging& staging, const Folder& parent, const std::string& name) {
  if (::renameat2(staging.folder().fd(), kNew, parent.fd(), name.c_str(), RENAME_EXCHANGE) == 0) return true;
  // File systems without it, mounts, overlays, folders of others in a folder like /tmp.
  constexpr std::array<int, 7> kNotHere{EINVAL, ENOSYS, EXDEV, EBUSY, EOPNOTSUPP, EPERM, EACCES};
  const int error = errno;
  if (std::ranges::count(kNotHere, error) == 0) fail("exchange the folder", parent.shown(name).string(), error);
  return false;
}

bool remove_replaced(const Folder& staging, const Folder* target, const std::set<std::string>& names) {
  const Folder replaced = staging.inside(kNew);
  for (int round = 0; round < kRounds; ++round) {
    if (!give_back(replaced, target, names)) return false;
    for (const std::string& name : names) replaced.remove(name);
    // Only an empty folder goes: between the two steps somebody may have put another file into it.
    if (::unlinkat(staging.fd(), kNew, AT_REMOVEDIR) == 0) return true;
    if (errno != ENOTEMPTY && errno != EEXIST) fail("remove the folder", staging.shown(kNew).string(), errno);
  }
  return false;
}

}  // namespace transload::io
