#include "io/staging.h"

#include <fmt/format.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>
#include <string_view>

#include "transload/error.h"

namespace transload::io {
namespace {

constexpr int kAttempts = 8;
constexpr std::size_t kRandomDigits = 16;
constexpr std::time_t kOneDay = 24 * 60 * 60;

std::string random_name(const std::string& prefix) {
  std::random_device device;
  return fmt::format("{}{:08x}{:08x}", prefix, device(), device());
}

// Exactly what random_name() makes: ".transload-" also begins the name of what is staged beside a target "transload-x".
bool is_staging_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  const std::string_view random = name.substr(prefix.size());
  return random.size() == kRandomDigits && random.find_first_not_of("0123456789abcdef") == random.npos;
}

bool is_same(const std::optional<struct stat>& entry, const struct stat& open) {
  return entry && entry->st_ino == open.st_ino && entry->st_dev == open.st_dev;
}

// Where a lock may not be seen by other machines (numbers: statfs(2), linux/magic.h).
bool is_network(const Folder& folder) {
  constexpr std::array<unsigned long, 10> kTypes{0x6969,       // NFS
                                                 0x517b,       // SMB
                                                 0xfe534d42,   // SMB 2
                                                 0xff534d42,   // CIFS
                                                 0x00c36400,   // Ceph
                                                 0x65735546,   // FUSE
                                                 0x0bd00bd0,   // Lustre
                                                 0x47504653,   // GPFS
                                                 0x5346414f,   // AFS
                                                 0x01021997};  // 9P
  struct statfs about {};
  if (::fstatfs(folder.fd(), &about) != 0) return true;
  return std::ranges::count(kTypes, static_cast<unsigned long>(about.f_type) & 0xffffffff) != 0;
}

void empty_and_remove(const Folder& parent, const std::string& name) {
  if (!parent.status(name)) return;
  {
    const Folder folder = parent.inside(name);
    for (const std::string& entry : folder.list()) folder.remove(entry);
  }
  parent.remove_folder(name);
}

}  // namespace

std::string staging_prefix() { return ".transload-"; }
std::string staging_prefix(const std::string& name) { return fmt::format(".{}.transload-", name); }

Staging::Staging(Folder home, const std::string& prefix, const fs::path& target) : home_(std::move(home)) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (make(prefix, target)) return;
  }
  throw Error(Errc::io, "other processes clear away its temporary folder",
              {.file = home_.shown().string(), .offset = {}, .tensor = {}});
}

// False where another process took the new folder for one of a dead process, in the moment before it was locked.
bool Staging::make(const std::string& prefix, const fs::path& target) {
  name_ = random_name(prefix);
  if (::mkdirat(home_.fd(), name_.c_str(), 0700) != 0) {
    fail(home_.shown() == target ? "write into this folder" : "create this folder", target.string(), errno);
  }
  try {
    Folder made = home_.inside(name_);
    if (try_lock(made.fd()) != Lock::busy && is_same(home_.status(name_), made.status())) {
      files_ = std::make_unique<Folder>(made.make(kNew, 0777));
      folder_ = std::make_unique<Folder>(std::move(made));
      return true;
    }
  } catch (...) {
    if (!home_.status(name_)) return false;
    ::unlinkat(home_.fd(), name_.c_str(), AT_REMOVEDIR);
    throw;
  }
  ::unlinkat(home_.fd(), name_.c_str(), AT_REMOVEDIR);
  return false;
}

Staging::~Staging() {
  if (kept_) return;
  try {
    clear();
  } catch (const Error&) {  // the next run clears it away
    return;
  }
}

void Staging::clear() {
  kept_ = true;
  remove_staging(home_, name_, *folder_);
}

void remove_staging(const Folder& home, const std::string& name, const Folder& folder) {
  for (const char* part : {kNew, kReady, kOld}) empty_and_remove(folder, part);
  folder.remove(kRecord);
  home.remove_folder(name);
}

std::vector<Dead> dead_stagings(const Folder& home, const std::string& prefix) {
  std::vector<Dead> dead;
  for (const std::string& name : home.list()) {
    if (!is_staging_name(name, prefix)) continue;
    try {
      Folder folder = home.inside(name);
      const struct stat status = folder.status();
      if (status.st_uid != ::geteuid() || try_lock(folder.fd()) != Lock::taken) continue;
      if (!is_same(home.status(name), status)) continue;
      if (is_network(folder) && std::time(nullptr) - status.st_mtime < kOneDay) continue;
      dead.push_back({name, std::move(folder)});
    } catch (const Error&) {  // no folder, or gone meanwhile
      continue;
    }
  }
  return dead;
}

}  // namespace transload::io
