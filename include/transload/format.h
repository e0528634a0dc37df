// Checkpoint formats: how to recognise one, read it, and lay it out for writing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/index.h"
#include "transload/io.h"

namespace transload {

struct Plan;

// An open checkpoint. Thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual const Index& index() const noexcept = 0;
  // Decoded little-endian bytes of a storage. A checksum that the file carries for it is verified before the first
  // of its bytes is handed out (Errc::corrupt).
  virtual void read(std::uint32_t storage, std::uint64_t offset, MutableByteView out) const = 0;
  // A whole storage: without a copy where it is stored plain in a file that can be mapped.
  virtual Bytes view(std::uint32_t storage) const = 0;
};

// A tensor's elements in C order, little endian; `out` has tensor_bytes() (strings: their storage's size). Strides and
// chunks are resolved.
void read_tensor(const Reader& reader, const TensorInfo& tensor, MutableByteView out);
// SHA-256 (hex) over those bytes; strings as per element u64 little-endian length, then the bytes.
std::string tensor_digest(const Reader& reader, const TensorInfo& tensor);

struct OpenOptions {
  std::string key;  // for nested checkpoints: the container whose tensors are wanted, as "a/b"; empty: all
  // Where a pickle names what is not on the list of what a checkpoint needs, go on: such a name, and a call of it, is
  // an inert value, and a tensor that depends on one is left out. Otherwise the file is refused.
  bool allow_opaque = false;
  // Sparse and quantised tensors of PyTorch as the dense ones that they stand for. Otherwise they are left out.
  bool dense = false;
};

// Bytes of the output that do not come from tensors.
struct FixedBytes {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::string bytes;
};

// Where every byte of the output goes: a pure function of a plan. Equal plans give equal layouts.
struct Layout {
  std::string format;
  std::vector<OutputSet::File> files;  // in the order in which they appear when published
  std::vector<Extent> slots;           // one per slot of the plan
  std::vector<FixedBytes> fixed;       // known before any tensor is read: headers
  // What finish() needs to know of each slot's bytes: CRC-32C (tables), CRC-32 (zip).
  enum class Checksum : std::uint8_t { none, crc32c, crc32 } checksum = Checksum::none;
};

struct LayoutOptions {
  std::string name;             // what the user asked for: "model.safetensors", "bert.ckpt"
  std::string absolute_prefix;  // tensor_bundle: non-empty where `checkpoint` names absolute paths
};

// One row of the table in src/formats/formats.cc: plain data, so that there is one place to read.
struct Format {
  std::string_view name;
  std::string_view title;  // for people: "PyTorch (zip, legacy)"
  bool keeps_ties;         // several names may share bytes
  // How sure the format is that this is one of its files, from its first bytes: 0 no ... 100 certain.
  int (*sniff)(std::string_view file_name, ByteView head);
  std::unique_ptr<Reader> (*open)(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options);
  // Writing; null where the format is only read. layout() refuses dtypes and names that the format cannot hold
  // (Errc::unsupported, all of them at once).
  Layout (*layout)(const Plan& plan, const LayoutOptions& options);
  // What could not be known before the bytes were: `checksums` has one value per slot. Null: nothing.
  std::vector<FixedBytes> (*finish)(const Plan& plan, const Layout& layout, std::span<const std::uint32_t> checksums);
};

std::span<const Format> formats() noexcept;
const Format* format_named(std::string_view name) noexcept;

// A checkpoint as the user names it: a file, a folder, a TensorFlow prefix or one of its files, a sharded index, a hub
// id in the local cache. What was found, before anything is opened.
struct Location {
  std::shared_ptr<Store> store;  // the folder that holds the weights
  std::string name;              // the weights' name in it: a file, an index, a prefix
  const Format* format = nullptr;
  fs::path folder;                 // where configuration and vocabulary lie; empty: nowhere
  std::string display;             // as messages call it
  std::vector<std::string> notes;  // choices made, such as which of several files was taken
};

struct LocateOptions {
  std::string format;  // take this format in a folder that holds several; empty: safetensors, torch, tensor_bundle
  fs::path hub_cache;  // instead of HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub
};

// Errc::io when there is nothing, Errc::unsupported (naming what was tried) when nothing reads it.
Location locate(std::string_view what, const LocateOptions& options = {});
std::shared_ptr<Reader> open(const Location& location, const OpenOptions& options = {});

}  // namespace transload
