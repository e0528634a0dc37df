#include "standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "transload/error.h"

namespace transload::cli {

void keep_standard_streams() {
  // open() gives the lowest number that is free.
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd) return;
  }
}

void flush_standard_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  // What an earlier write found is not known any more.
  const std::string why = errno != 0 ? ": " + std::generic_category().message(errno) : "";
  throw Error(Errc::io, "cannot write to standard output" + why);
}

}  // namespace transload::cli
