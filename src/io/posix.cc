#include "io/posix.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "transload/error.h"

namespace transload::io {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void Descriptor::close(const std::string& name) {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) fail("close", name, errno);
}

void fail(std::string_view verb, const std::string& name, int error) {
  throw Error(Errc::io, fmt::format("cannot {}: {}", verb, std::generic_category().message(error)),
              {.file = name, .offset = {}, .tensor = {}});
}

void read_exactly(int fd, std::uint64_t offset, MutableByteView out, const std::string& name) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        retried([&] { return ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done)); });
    if (got < 0) fail("read", name, errno);
    if (got == 0) {
      throw Error(Errc::corrupt, "the file ends here, earlier than when it was opened",
                  {.file = name, .offset = offset + done, .tensor = {}}, "do not change a file while it is being read");
    }
    done += static_cast<std::size_t>(got);
  }
}

void write_exactly(int fd, std::uint64_t offset, ByteView data, const std::string& name) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t put = retried(
        [&] { return ::pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset + done)); });
    if (put < 0) fail("write", name, errno);
    done += static_cast<std::size_t>(put);
  }
}

void sync(int fd, const std::string& name) {
  if (retried([&] { return ::fsync(fd); }) != 0) fail("flush to disk", name, errno);
}

}  // namespace transload::io
