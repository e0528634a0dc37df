#include "io/staged_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include "transload/error.h"

namespace transload::io {
namespace {

constexpr mode_t kMode = 0644;
constexpr std::size_t kHintBytes = std::size_t{64} << 10;

void reserve(int fd, std::uint64_t size, const std::string& name) {
  const auto bytes = static_cast<off_t>(size);
  if (size == 0 || retried([&] { return ::fallocate(fd, 0, 0, bytes); }) == 0) return;
  if (errno != EOPNOTSUPP && errno != ENOSYS) fail(fmt::format("reserve {} bytes", size), name, errno);
  if (retried([&] { return ::ftruncate(fd, bytes); }) != 0) fail("set the size", name, errno);
}

// Owner and group as far as that is allowed; the mode always.
mode_t pass_on(int fd, const struct stat& earlier, const std::string& name) {
  struct stat now {};
  if (::fstat(fd, &now) != 0) fail("look at", name, errno);
  const bool same = now.st_uid == earlier.st_uid && now.st_gid == earlier.st_gid;
  const bool same_group = same || ::fchown(fd, earlier.st_uid, earlier.st_gid) == 0 || now.st_gid == earlier.st_gid ||
                          ::fchown(fd, static_cast<uid_t>(-1), earlier.st_gid) == 0;
  return mode_of_successor(earlier.st_mode, same_group);
}

}  // namespace

mode_t mode_of_successor(mode_t earlier, bool same_group) {
  const mode_t mode = earlier & 0777;
  if (same_group) return mode;
  // Another group and those who were in the earlier one get what both of them had: nobody may do more than before.
  const mode_t both = (mode >> 3) & mode & 07;
  return (mode & 0700) | both << 3 | both;
}

StagedFile::StagedFile(const Folder& folder, const std::string& name, std::uint64_t size, const fs::path& shown,
                       const std::optional<struct stat>& earlier)
    : shown_(shown.string()), size_(size) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  fd_ = Descriptor(retried([&] { return ::openat(folder.fd(), name.c_str(), kFlags, kMode); }));
  if (fd_.get() < 0) fail("create", shown_, errno);
  reserve(fd_.get(), size_, shown_);
  const mode_t mode = earlier ? pass_on(fd_.get(), *earlier, shown_) : kMode;
  if (::fchmod(fd_.get(), mode) != 0) fail("set the mode", shown_, errno);
}

void StagedFile::write(std::uint64_t offset, ByteView data) {
  if (offset > size_ || data.size() > size_ - offset) {
    throw Error(Errc::usage, "write beyond the end", {.file = shown_, .offset = {}, .tensor = {}});
  }
  write_exactly(fd_.get(), offset, data, shown_);
  // Starts the write to disk now, so that it goes on while the next bytes are computed and finish() finds little left
  // to do. Only a hint: what it reports does not matter. For small pieces it would wait for the page that the one
  // before has just sent.
  if (data.size() < kHintBytes) return;
  ::sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(data.size()), SYNC_FILE_RANGE_WRITE);
}

void StagedFile::finish() {
  if (fd_.get() < 0) return;
  sync(fd_.get(), shown_);
  fd_.close(shown_);
}

}  // namespace transload::io
