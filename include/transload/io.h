// Files as the formats see them: a Source to read, a Sink to write, a Store that holds both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transload/bytes.h"

namespace transload {

namespace fs = std::filesystem;

// Random access to one input that does not change while it is read. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& name() const noexcept = 0;  // as the user named it, for messages
  virtual std::uint64_t size() const noexcept = 0;
  // Fills `out` from `offset`. Errc::corrupt where the source ends too early, Errc::io where the system refuses.
  virtual void read(std::uint64_t offset, MutableByteView out) const = 0;
  // The same bytes without a copy where the input can be mapped, a copy where it cannot. A mapped view must not be
  // touched after somebody shortened the file: pipelines read(), which turns that into an error.
  virtual Bytes view(std::uint64_t offset, std::uint64_t size) const = 0;
  // What tells this content from a later one under the same name: device, inode, size, modification time.
  // For callers that keep a source open for long.
  virtual std::string identity() const = 0;
};

// One output of a size that is known beforehand. It appears under its name when its set is published, or not at all.
class Sink {
 public:
  virtual ~Sink() = default;  // removes what was written unless it was published
  // Any order; disjoint ranges may be written from several threads. Errc::usage beyond the size.
  virtual void write(std::uint64_t offset, ByteView data) = 0;
  virtual std::uint64_t size() const noexcept = 0;
};

// A flat set of names: today a folder on disk. Names are one plain component, or "a/b" below it.
class Store {
 public:
  virtual ~Store() = default;
  virtual std::string describe(std::string_view name) const = 0;  // the name as the user would write it
  virtual std::vector<std::string> list() const = 0;              // names of the regular files, sorted
  virtual bool exists(std::string_view name) const = 0;
  virtual std::shared_ptr<Source> open(std::string_view name) const = 0;
};

// The folder `path`. `label` is what messages call it; empty: the path itself.
std::shared_ptr<Store> open_folder(const fs::path& path);
// One regular file, with symbolic links followed. Devices, FIFOs and folders are refused (Errc::unsupported).
std::shared_ptr<Source> open_file(const fs::path& path);
// Bytes in memory under a name, for tests and fuzzers.
std::shared_ptr<Source> memory_source(std::string name, Bytes bytes);

// Several outputs that appear together in one folder. Each is written to an exclusive temporary name beside its
// final one, with its space reserved first.
//
// publish(): every file is flushed and synced; those marked `retract` lose their old version first; then the files
// take their names in the order in which they were added, and the folder is synced. So a reader never sees a later
// file (an index) without the earlier ones (its data). Destruction without publish() leaves nothing behind, also
// no folder that this object made.
class OutputSet {
 public:
  struct File {
    std::string name;
    std::uint64_t size = 0;
    bool retract = false;  // take the old one away before anything else is replaced
    bool shared = false;   // belongs to the folder and not to one output: replaced without being asked
  };

  // Creates the folder if need be. Errc::usage if one of `files` exists, is not
  // shared, and `overwrite` is false.
  OutputSet(const fs::path& folder, std::vector<File> files, bool overwrite);
  ~OutputSet();
  OutputSet(OutputSet&&) noexcept;
  OutputSet& operator=(OutputSet&&) noexcept;

  Sink& sink(std::size_t file);
  void publish();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace transload
