/* A fault injector, loaded with LD_PRELOAD: counts the file operations that a program makes under one folder, makes one
 * of them go wrong, and can write down all of them.
 *
 *   INJECT_UNDER  the folder; only operations on paths and descriptors in it count
 *   INJECT_AT     which operation, from 1; none or 0: none
 *   INJECT_MODE   EIO ENOSPC EINTR ...: it fails so, once; "eio-on": it and all after it fail with EIO;
 *                 short: it writes half; kill-before, kill-after: SIGKILL before or after it
 *   INJECT_COUNT  a file that gets the number of operations at the end
 *   INJECT_LOG    a file that gets one line per operation: number, name, result, what it was about; for powerloss.py
 *                 the bytes of writes follow in INJECT_LOG.data
 *   INJECT_OLD    as on a file system that can neither exchange nor keep from replacing: renameat2 with flags fails
 *   INJECT_DELAY  microseconds to wait before each operation, so that two programs meet
 *   INJECT_SHRINK, INJECT_SHRINK_AT  truncates that file to half before read number ... of it
 *   INJECT_MMAP   a file that gets the name of every file under the folder that is mapped
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(result, name, ...)                          \
  static result (*next)(__VA_ARGS__);                    \
  if (!next) *(void **)(&next) = dlsym(RTLD_NEXT, name)

enum Fault { kNone, kFail, kShort, kKillAfter };

static const char *under, *mode, *shrink;
static long at, count, reads, shrink_at, delay;
static int log_fd = -1, data_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int real_open(const char *path, int flags) {
  NEXT(int, "open", const char *, int, ...);
  return next(path, flags, 0600);
}
static ssize_t real_write(int fd, const void *bytes, size_t size) {
  NEXT(ssize_t, "write", int, const void *, size_t);
  return next(fd, bytes, size);
}

__attribute__((constructor)) static void begin(void) {
  under = getenv("INJECT_UNDER");
  mode = getenv("INJECT_MODE");
  shrink = getenv("INJECT_SHRINK");
  if (getenv("INJECT_AT")) at = atol(getenv("INJECT_AT"));
  if (getenv("INJECT_SHRINK_AT")) shrink_at = atol(getenv("INJECT_SHRINK_AT"));
  if (getenv("INJECT_DELAY")) delay = atol(getenv("INJECT_DELAY"));
  const char *log = getenv("INJECT_LOG");
  if (log) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s.data", log);
    log_fd = real_open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC);
    data_fd = real_open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC);
  }
}

__attribute__((destructor)) static void end(void) {
  const char *name = getenv("INJECT_COUNT");
  FILE *out = name ? fopen(name, "w") : NULL;
  if (!out) return;
  fprintf(out, "%ld\n", count);
  fclose(out);
}

/* The absolute path of `path` as seen from the folder `fd`; of `fd` itself where path is NULL. */
static const char *resolve(int fd, const char *path, char *out) {
  char link[64];
  out[0] = 0;
  if (path && path[0] == '/') return strncpy(out, path, PATH_MAX - 1);
  if (fd == AT_FDCWD) {
    if (!getcwd(out, PATH_MAX)) return out;
  } else {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, out, PATH_MAX - 1);
    out[size < 0 ? 0 : size] = 0;
  }
  const size_t size = strlen(out);
  if (path) snprintf(out + size, PATH_MAX - size, "/%s", path);
  return out;
}

static int counts(const char *path) {
  if (strstr(path, "/../")) return 0; /* leads out */
  return under && strncmp(path, under, strlen(under)) == 0 && (path[strlen(under)] == '/' || path[strlen(under)] == 0);
}

/* Counts one operation; what is to happen to it. */
static enum Fault next_fault(long *number) {
  *number = __sync_add_and_fetch(&count, 1);
  if (delay) usleep((useconds_t)delay);
  if (!mode || at == 0 || *number < at) return kNone;
  if (strcmp(mode, "eio-on") == 0) return errno = EIO, kFail;
  if (*number != at) return kNone;
  if (strcmp(mode, "kill-before") == 0) kill(getpid(), SIGKILL), pause();
  if (strcmp(mode, "kill-after") == 0) return kKillAfter;
  if (strcmp(mode, "short") == 0) return kShort;
  errno = strcmp(mode, "ENOSPC") == 0 ? ENOSPC : strcmp(mode, "EINTR") == 0 ? EINTR
          : strcmp(mode, "EDQUOT") == 0 ? EDQUOT : strcmp(mode, "EINVAL") == 0 ? EINVAL : EIO;
  return kFail;
}

/* After the operation: writes it down, and kills. */
static void done(enum Fault fault, long number, const char *name, long result, const char *a, const char *b,
                 long offset, const void *bytes) {
  const int error = errno;
  if (log_fd >= 0) {
    char line[2 * PATH_MAX + 128];
    pthread_mutex_lock(&mutex);
    const int size = snprintf(line, sizeof line, "%ld\t%s\t%ld\t%ld\t%s\t%s\n", number, name, result, offset, a, b);
    real_write(log_fd, line, (size_t)size);
    if (bytes && result > 0) real_write(data_fd, bytes, (size_t)result);
    pthread_mutex_unlock(&mutex);
  }
  if (fault == kKillAfter) kill(getpid(), SIGKILL), pause();
  errno = error;
}

#define OPERATION(fd, path, name, call)                                  \
  char where[PATH_MAX];                                                  \
  if (!counts(resolve(fd, path, where))) return call;                    \
  long number;                                                           \
  const enum Fault fault = next_fault(&number);                          \
  const long result = fault == kFail ? -1 : (long)(call);                \
  done(fault, number, name, result, where, "", 0, NULL)

static int creates(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

static int open_any(int folder, const char *path, int flags, mode_t bits) {
  NEXT(int, "openat", int, const char *, int, ...);
  OPERATION(folder, path, creates(flags) ? "create" : "open", next(folder, path, flags, bits));
  return (int)result;
}
#define BITS                     \
  mode_t bits = 0;               \
  if (creates(flags)) {          \
    va_list list;                \
    va_start(list, flags);       \
    bits = va_arg(list, mode_t); \
    va_end(list);                \
  }
int open(const char *path, int flags, ...) { BITS return open_any(AT_FDCWD, path, flags, bits); }
int open64(const char *path, int flags, ...) { BITS return open_any(AT_FDCWD, path, flags, bits); }
int openat(int folder, const char *path, int flags, ...) { BITS return open_any(folder, path, flags, bits); }
int openat64(int folder, const char *path, int flags, ...) { BITS return open_any(folder, path, flags, bits); }

int close(int fd) {
  NEXT(int, "close", int);
  char where[PATH_MAX];
  if (!counts(resolve(fd, NULL, where))) return next(fd);
  long number;
  const enum Fault fault = next_fault(&number);
  const int error = errno;
  int result = next(fd); /* also where it fails: as Linux has it, the descriptor is gone */
  if (fault == kFail) result = -1, errno = error;
  done(fault, number, "close", result, where, "", 0, NULL);
  return result;
}

static ssize_t write_any(int fd, const void *bytes, size_t size, off_t offset) {
  NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
  char where[PATH_MAX];
  const int plain = offset < 0;
  if (!counts(resolve(fd, NULL, where))) return plain ? real_write(fd, bytes, size) : next(fd, bytes, size, offset);
  long number;
  const enum Fault fault = next_fault(&number);
  if (fault == kShort && size > 1) size /= 2;
  const ssize_t result = fault == kFail ? -1 : plain ? real_write(fd, bytes, size) : next(fd, bytes, size, offset);
  done(fault, number, "write", result, where, "", offset, bytes);
  return result;
}
ssize_t write(int fd, const void *bytes, size_t size) { return write_any(fd, bytes, size, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) { return write_any(fd, bytes, size, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) { return write_any(fd, bytes, size, offset); }

int fallocate(int fd, int how, off_t offset, off_t size) {
  NEXT(int, "fallocate", int, int, off_t, off_t);
  char where[PATH_MAX];
  if (!counts(resolve(fd, NULL, where))) return next(fd, how, offset, size);
  long number;
  const enum Fault fault = next_fault(&number);
  const int result = fault == kFail ? -1 : next(fd, how, offset, size);
  done(fault, number, "fallocate", result, where, "", offset + size, NULL);
  return result;
}
int fallocate64(int fd, int how, off_t offset, off_t size) { return fallocate(fd, how, offset, size); }
int ftruncate(int fd, off_t size) {
  NEXT(int, "ftruncate", int, off_t);
  char where[PATH_MAX];
  if (!counts(resolve(fd, NULL, where))) return next(fd, size);
  long number;
  const enum Fault fault = next_fault(&number);
  const int result = fault == kFail ? -1 : next(fd, size);
  done(fault, number, "fallocate", result, where, "", size, NULL);
  return result;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int fsync(int fd) {
  NEXT(int, "fsync", int);
  OPERATION(fd, NULL, "fsync", next(fd));
  return (int)result;
}
int fdatasync(int fd) {
  NEXT(int, "fdatasync", int);
  OPERATION(fd, NULL, "fsync", next(fd));
  return (int)result;
}
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  NEXT(int, "sync_file_range", int, off64_t, off64_t, unsigned);
  OPERATION(fd, NULL, "sync_file_range", next(fd, offset, size, flags));
  return (int)result;
}
int fchmod(int fd, mode_t bits) {
  NEXT(int, "fchmod", int, mode_t);
  OPERATION(fd, NULL, "fchmod", next(fd, bits));
  return (int)result;
}
int fchown(int fd, uid_t user, gid_t group) {
  NEXT(int, "fchown", int, uid_t, gid_t);
  OPERATION(fd, NULL, "fchown", next(fd, user, group));
  return (int)result;
}
int flock(int fd, int how) {
  NEXT(int, "flock", int, int);
  OPERATION(fd, NULL, "flock", next(fd, how));
  return (int)result;
}
int mkdirat(int folder, const char *path, mode_t bits) {
  NEXT(int, "mkdirat", int, const char *, mode_t);
  OPERATION(folder, path, "mkdir", next(folder, path, bits));
  return (int)result;
}
int mkdir(const char *path, mode_t bits) { return mkdirat(AT_FDCWD, path, bits); }
int unlinkat(int folder, const char *path, int flags) {
  NEXT(int, "unlinkat", int, const char *, int);
  OPERATION(folder, path, (flags & AT_REMOVEDIR) ? "rmdir" : "unlink", next(folder, path, flags));
  return (int)result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int renameat2(int from, const char *a, int to, const char *b, unsigned flags) {
  NEXT(int, "renameat2", int, const char *, int, const char *, unsigned);
  char first[PATH_MAX], second[PATH_MAX];
  resolve(from, a, first);
  if (!counts(resolve(to, b, second))) return next(from, a, to, b, flags);
  long number;
  const enum Fault fault = next_fault(&number);
  if (fault != kFail && flags != 0 && getenv("INJECT_OLD")) return errno = EINVAL, -1;
  const int result = fault == kFail ? -1 : next(from, a, to, b, flags);
  done(fault, number, (flags & RENAME_EXCHANGE) ? "exchange" : "rename", result, first, second, 0, NULL);
  return result;
}
int renameat(int from, const char *a, int to, const char *b) { return renameat2(from, a, to, b, 0); }
int rename(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, 0); }

/* Reading: an input that shrinks, and one that is mapped. */
ssize_t pread(int fd, void *bytes, size_t size, off_t offset) {
  NEXT(ssize_t, "pread", int, void *, size_t, off_t);
  char where[PATH_MAX];
  if (shrink && strcmp(resolve(fd, NULL, where), shrink) == 0 && __sync_add_and_fetch(&reads, 1) == shrink_at) {
    struct stat status;
    if (stat(shrink, &status) == 0 && truncate(shrink, status.st_size / 2) != 0) abort();
  }
  return next(fd, bytes, size, offset);
}
ssize_t pread64(int fd, void *bytes, size_t size, off_t offset) { return pread(fd, bytes, size, offset); }
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  NEXT(void *, "mmap", void *, size_t, int, int, int, off_t);
  const char *list = getenv("INJECT_MMAP");
  char where[PATH_MAX];
  if (list && fd >= 0 && counts(resolve(fd, NULL, where))) {
    const int out = real_open(list, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
    if (out < 0 || real_write(out, where, strlen(where)) < 0 || real_write(out, "\n", 1) != 1) abort();
    NEXT(int, "close", int);
    next(out);
  }
  return next(address, size, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
  return mmap(address, size, protection, flags, fd, offset);
}
