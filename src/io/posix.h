// The few system calls that files need, with EINTR and short transfers handled and errors as Error.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "transload/bytes.h"
#include "transload/io.h"

namespace transload::io {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const noexcept { return fd_; }
  // Closes and reports what close() reports; the destructor cannot.
  void close(const std::string& name);

 private:
  int fd_ = -1;
};

// The result of a system call that is made again as long as signals interrupt it.
template <class Call>
auto retried(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Errc::io: "cannot VERB: TEXT OF ERRNO", about `name`.
[[noreturn]] void fail(std::string_view verb, const std::string& name, int error);

void read_exactly(int fd, std::uint64_t offset, MutableByteView out, const std::string& name);
void write_exactly(int fd, std::uint64_t offset, ByteView data, const std::string& name);
void sync(int fd, const std::string& name);

}  // namespace transload::io
