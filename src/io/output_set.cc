// Several outputs that appear together, in order, or not at all (docs/decisions/0005-how-outputs-appear.md).

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include "io/posix.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

Where at(const fs::path& path) { return {.file = path.string(), .offset = {}, .tensor = {}}; }

std::string random_suffix() {
  std::random_device device;
  return fmt::format("{}-{:08x}", ::getpid(), device());
}

// Reserves the space, so that a full disk is known before anything is computed.
void reserve(int fd, std::uint64_t size, const std::string& name) {
  if (size == 0) return;
  while (::fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) io::fail(fmt::format("reserve {} bytes", size), name, errno);
    if (::ftruncate(fd, static_cast<off_t>(size)) != 0) io::fail("set the size", name, errno);
    return;
  }
}

// A new file has these permissions whatever the umask: checkpoints are made by one user and read by others.
constexpr mode_t kMode = 0644;
constexpr std::size_t kHintBytes = std::size_t{64} << 10;

class TemporaryFile final : public Sink {
 public:
  TemporaryFile(const fs::path& folder, OutputSet::File file)
      : final_(folder / file.name),
        temporary_(folder / fmt::format(".{}.tmp-{}", file.name, random_suffix())),
        size_(file.size) {
    fd_ = io::Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
    if (fd_.get() < 0) io::fail("create", final_.string(), errno);
    try {
      reserve(fd_.get(), size_, final_.string());
    } catch (...) {
      ::unlink(temporary_.c_str());
      throw;
    }
    struct stat old {};
    // An earlier output keeps its permissions; where that is not allowed the default ones are as good.
    const mode_t mode = ::stat(final_.c_str(), &old) == 0 ? old.st_mode & 07777 : kMode;
    if (::fchmod(fd_.get(), mode) != 0) return;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() override {
    if (!published_) ::unlink(temporary_.c_str());
  }

  void write(std::uint64_t offset, ByteView data) override {
    if (offset > size_ || data.size() > size_ - offset) throw Error(Errc::usage, "write beyond the end", at(final_));
    io::write_exactly(fd_.get(), offset, data, final_.string());
    // Starts the write to disk now, so that it goes on while the next bytes are computed and flush() finds little left
    // to do. Only a hint: what it reports does not matter. For small pieces it would wait for the page that the one
    // before has just sent.
    if (data.size() < kHintBytes) return;
    ::sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(data.size()), SYNC_FILE_RANGE_WRITE);
  }
  std::uint64_t size() const noexcept override { return size_; }

  void flush() {
    io::sync(fd_.get(), final_.string());
    fd_.close(final_.string());
  }
  // `replace`: an earlier file of this name may be taken over. Otherwise one that appeared meanwhile is an error.
  void take_name(bool replace) {
    if (!replace) {
      if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, final_.c_str(), RENAME_NOREPLACE) == 0) {
        published_ = true;
        return;
      }
      if (errno == EEXIST) {
        throw Error(Errc::usage, "appeared while this conversion ran; it is left as it is", at(final_),
                    "choose another name, or add --force to replace it");
      }
      if (errno != EINVAL && errno != ENOSYS) io::fail("rename into place", final_.string(), errno);
    }
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) io::fail("rename into place", final_.string(), errno);
    published_ = true;
  }
  const fs::path& final_path() const { return final_; }

 private:
  fs::path final_, temporary_;
  std::uint64_t size_;
  io::Descriptor fd_;
  bool published_ = false;
};

}  // namespace

struct OutputSet::Rep {
  fs::path folder;
  std::vector<fs::path> made;  // folders that did not exist, outermost first
  std::vector<File> files;
  std::vector<std::unique_ptr<TemporaryFile>> sinks;
  bool overwrite = false;
  bool published = false;

  ~Rep() {
    sinks.clear();
    if (published) return;
    for (auto path = made.rbegin(); path != made.rend(); ++path) ::rmdir(path->c_str());
  }

  void make_folder() {
    std::vector<fs::path> missing;
    std::error_code ignored;
    for (fs::path path = folder; !path.empty() && !fs::exists(path, ignored); path = path.parent_path()) {
      missing.push_back(path);
      if (path == path.parent_path()) break;
    }
    for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
      if (::mkdir(path->c_str(), 0777) == 0) {
        made.push_back(*path);
      } else if (errno != EEXIST) {
        io::fail("create the folder", path->string(), errno);
      }
    }
  }

  void check_free(const File& file) const {
    const fs::path path = folder / file.name;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (!fs::exists(status)) return;
    if (!overwrite && !file.shared) {
      throw Error(Errc::usage, "already exists; it is left as it was", at(path),
                  "choose another name, or add --force to replace it");
    }
    if (!fs::is_regular_file(status) && !fs::is_symlink(status)) {
      throw Error(Errc::usage, "is there already and is no regular file", at(path), "choose another name");
    }
  }
};

OutputSet::OutputSet(const fs::path& folder, std::vector<File> files, bool overwrite) : rep_(std::make_unique<Rep>()) {
  rep_->folder = folder.empty() ? fs::path(".") : folder;
  rep_->files = std::move(files);
  rep_->overwrite = overwrite;
  for (const File& file : rep_->files) rep_->check_free(file);
  rep_->make_folder();
  for (const File& file : rep_->files) {
    rep_->sinks.push_back(std::make_unique<TemporaryFile>(rep_->folder, file));
  }
}

OutputSet::~OutputSet() = default;
OutputSet::OutputSet(OutputSet&&) noexcept = default;
OutputSet& OutputSet::operator=(OutputSet&&) noexcept = default;

Sink& OutputSet::sink(std::size_t file) { return *rep_->sinks.at(file); }

void OutputSet::publish() {
  for (const auto& sink : rep_->sinks) sink->flush();
  bool changed = false;  // what a reader sees is no longer what it was
  try {
    for (std::size_t i = 0; i < rep_->files.size(); ++i) {
      if (!rep_->files[i].retract || !rep_->overwrite) continue;
      if (::unlink(rep_->sinks[i]->final_path().c_str()) == 0) {
        changed = true;
      } else if (errno != ENOENT) {
        io::fail("take away the old version", rep_->sinks[i]->final_path().string(), errno);
      }
    }
    if (changed) io::sync_folder(rep_->folder);
    for (std::size_t i = 0; i < rep_->sinks.size(); ++i) {
      rep_->sinks[i]->take_name(rep_->overwrite || rep_->files[i].shared);
      changed = true;
      rep_->published = true;  // folders that now hold a file stay
    }
  } catch (Error& error) {
    if (changed) error.advise("the output is incomplete now: run the same command again with --force");
    throw;
  }
  try {
    io::sync_folder(rep_->folder);
    for (const fs::path& path : rep_->made) io::sync_folder(path.has_parent_path() ? path.parent_path() : ".");
  } catch (Error& error) {
    error.advise("all files are in place, but that they survive a loss of power is not confirmed");
    throw;
  }
}

}  // namespace transload
