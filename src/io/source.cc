// Sources: a regular file, and bytes in memory.

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "io/posix.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

// Below this size a copy is cheaper than a mapping and its page faults.
constexpr std::uint64_t kSmallestMapping = std::uint64_t{256} << 10;

[[noreturn]] void out_of_range(const std::string& name, std::uint64_t offset, std::uint64_t size, std::uint64_t end) {
  throw Error(Errc::corrupt, fmt::format("{} bytes are needed here, but the file ends at {}", size, end),
              {.file = name, .offset = offset, .tensor = {}});
}

class FileSource final : public Source {
 public:
  FileSource(io::Descriptor fd, std::string name, const struct stat& status)
      : fd_(std::move(fd)), name_(std::move(name)), size_(static_cast<std::uint64_t>(status.st_size)) {
    identity_ = fmt::format("{}:{}:{}:{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                            status.st_mtim.tv_nsec);
  }

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return size_; }
  std::string identity() const override { return identity_; }

  void read(std::uint64_t offset, MutableByteView out) const override {
    check(offset, out.size());
    io::read_exactly(fd_.get(), offset, out, name_);
  }

  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    check(offset, size);
    if (size >= kSmallestMapping) {
      const std::uint64_t lead = offset % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      void* base = ::mmap(nullptr, size + lead, PROT_READ, MAP_PRIVATE, fd_.get(), static_cast<off_t>(offset - lead));
      if (base != MAP_FAILED) {
        const std::shared_ptr<const void> owner(base, [length = size + lead](void* p) { ::munmap(p, length); });
        return {ByteView(static_cast<const std::byte*>(base) + lead, size), owner};
      }
    }
    std::vector<std::byte> copy(size);
    io::read_exactly(fd_.get(), offset, copy, name_);
    return Bytes(std::move(copy));
  }

 private:
  void check(std::uint64_t offset, std::uint64_t size) const {
    if (offset > size_ || size > size_ - offset) out_of_range(name_, offset, size, size_);
  }

  io::Descriptor fd_;
  std::string name_, identity_;
  std::uint64_t size_;
};

class MemorySource final : public Source {
 public:
  MemorySource(std::string name, Bytes bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  std::string identity() const override { return fmt::format("{}:{}", fmt::ptr(bytes_.data()), bytes_.size()); }

  void read(std::uint64_t offset, MutableByteView out) const override {
    std::ranges::copy(view(offset, out.size()).view(), out.begin());
  }
  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    if (offset > bytes_.size() || size > bytes_.size() - offset) out_of_range(name_, offset, size, bytes_.size());
    return bytes_.slice(offset, size);
  }

 private:
  std::string name_;
  Bytes bytes_;
};

}  // namespace

std::shared_ptr<Source> open_file(const fs::path& path) {
  const std::string name = path.string();
  // O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
  io::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.get() < 0) io::fail("open", name, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) io::fail("read", name, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(Errc::unsupported, S_ISDIR(status.st_mode) ? "is a folder, not a file" : "is not a regular file",
                {.file = name, .offset = {}, .tensor = {}});
  }
  return std::make_shared<FileSource>(std::move(fd), name, status);
}

std::shared_ptr<Source> memory_source(std::string name, Bytes bytes) {
  return std::make_shared<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace transload
