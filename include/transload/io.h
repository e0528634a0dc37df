// Files as the formats see them: a Source to read, a Sink to write, a Store that holds both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
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

// Several outputs that appear together in one folder, or not at all: a reader sees the set that was there before, the
// new one or none, never parts of both, whatever fails and whenever the process or the machine stops
// (docs/decisions/0005-how-outputs-appear.md has the steps).
//
// The files are written to a hidden folder of their own, with their space reserved first. publish() syncs them; then,
// where the target folder is new or holds nothing else, the two folders change places in one step. Otherwise the old
// files are put aside, those marked `retract` first, and the new ones take their names in the order in which they were
// added, those marked `retract` last of all; the last file of a set that marks none counts as marked.
//
// Destruction without publish() leaves nothing behind, also no folder that this object made. Errors say what is at the
// destination (Error::destination).
class OutputSet {
 public:
  struct File {
    std::string name;  // one plain component
    std::uint64_t size = 0;
    bool retract = false;  // without it a reader finds nothing: an index
    bool shared = false;   // belongs to the folder and not to one output: replaced without being asked
    bool there = false;    // lies there already with these bytes: written only where whole folders change places
  };

  // Creates the folder if need be. Completes or clears away what dead runs left there, and says so in notes().
  // Errc::usage if one of `files` exists, is neither shared nor `there`, and `overwrite` is false.
  OutputSet(const fs::path& folder, std::vector<File> files, bool overwrite);
  ~OutputSet();
  OutputSet(OutputSet&&) noexcept;
  OutputSet& operator=(OutputSet&&) noexcept;

  Sink& sink(std::size_t file);
  // The set is in place when this returns. The answer is empty where it will also survive a loss of power, else it says
  // why that is not certain. After an Error what was there before is there again; where even that failed, the error
  // says so, and the next OutputSet in this folder completes the new set.
  [[nodiscard]] std::string publish();

  // What was done about interrupted runs, and what could not be cleared away: one sentence each.
  const std::vector<std::string>& notes() const noexcept;
  // What publish() put in place: names, each with what tells the file from any that replaces it.
  const std::map<std::string, std::string>& published() const noexcept;
  // What is at the destination while nothing is published: "nothing was written; out/model.ckpt.index is as it was".
  std::string unpublished() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace transload
