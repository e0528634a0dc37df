#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/text.h"
#include "formats/reader.h"
#include "formats/torch/containers.h"
#include "formats/torch/readers.h"
#include "formats/torch/rebuild.h"
#include "formats/torch/script.h"
#include "transload/error.h"
#include "wire/zip.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::ZipEntry;

constexpr std::uint64_t kLargestPickle = std::uint64_t{1} << 30;
constexpr std::uint64_t kLargestCode = std::uint64_t{1} << 26;
constexpr std::uint64_t kLargestRecord = 4096;                   // of version, byteorder
constexpr std::int64_t kOldestVersion = 1, kNewestVersion = 10;  // caffe2/serialize/versions.h

class ZipCheckpoint {
 public:
  ZipCheckpoint(std::shared_ptr<Source> source, bool scripts) : source_(std::move(source)) {
    entries_ = wire::read_zip(*source_);
    top_ = entries_.front().name.substr(0, entries_.front().name.find('/') + 1);
    for (const ZipEntry& entry : entries_) by_name_.emplace(entry.name, &entry);
    check_kind(scripts);
  }

  std::unique_ptr<Reader> open(const OpenOptions& options) const {
    check_version();
    const bool big = is_big_endian();
    const ZipEntry& record = *find("data.pkl");
    const std::string label = wire::zip_entry_label(*source_, record);
    const auto pickle =
        wire::read_pickle(wire::read_zip_entry(*source_, record, kLargestPickle),
                          {.file = label, .base = 0, .whole = true, .opaque = options.allow_opaque}, is_allowed);
    if (pickle->size() != record.size) {
      throw Error(Errc::corrupt, fmt::format("{} bytes follow the end of the pickle", record.size - pickle->size()),
                  {.file = label, .offset = pickle->size(), .tensor = {}});
    }
    const Storages storages(*pickle, PersistentIds::zip);
    Rebuilder rebuilder(*pickle, storages, source_->size(), !record.deflated);
    const bool is_module = is_script_ && is_script_module(*pickle);
    if (!is_module) rebuilder.check_calls();
    if (options.dense) rebuilder.make_dense();
    Index index;
    index.format = "torch";
    index.files = {source_->name()};
    if (is_module) {
      ScriptClasses classes([&](const std::string& path) { return code(path); });
      list_script_tensors(*pickle, rebuilder, classes, index);
    } else {
      list_tensors(*pickle, rebuilder, index);
      if (is_script_) index.notes.push_back("a TorchScript archive: its code is not read");
    }
    if (big && rebuilder.mixed_widths() >= 0) {
      throw Error(Errc::unsupported, "a big-endian storage that tensors of different types share",
                  {.file = label, .offset = {}, .tensor = {}});
    }
    for (std::size_t i = 0; i < storages.all().size(); ++i) {
      index.storages.push_back(place(*pickle, storages.all()[i], big ? rebuilder.unit_widths()[i] : std::uint8_t{0}));
    }
    rebuilder.place_embedded(record.offset, index.storages);
    note_the_rest(storages, index);
    return finish_reader(std::move(index), source_, rebuilder, options);
  }

 private:
  // Nullptr where there is none. `name` is below the top folder.
  const ZipEntry* find(std::string_view name) const {
    const auto found = by_name_.find(top_ + std::string(name));
    return found == by_name_.end() ? nullptr : found->second;
  }

  [[noreturn]] void refuse(std::string_view message, std::string_view advice, Errc code = Errc::unsupported) const {
    throw Error(code, message, {.file = source_->name(), .offset = {}, .tensor = {}}, advice);
  }

  void check_kind(bool scripts) {
    const auto is_script = [&](const ZipEntry& entry) {
      const std::string_view name = entry.name;
      return name.starts_with(top_) &&
             (name.substr(top_.size()) == "constants.pkl" || name.substr(top_.size()).starts_with("code/"));
    };
    is_script_ = !top_.empty() && std::ranges::any_of(entries_, is_script);
    if (is_script_ && !scripts) {
      refuse("a TorchScript archive (it holds code), not a checkpoint",
             "--allow-opaque reads its parameters and buffers, and none of its code; or save them with PyTorch: "
             "torch.save(torch.jit.load(path).state_dict(), other_path)");
    }
    if (top_.empty() || find("data.pkl") == nullptr) {
      refuse("a zip archive, but none that torch.save wrote: there is no data.pkl in a top folder",
             "unpack it and give the checkpoint inside");
    }
    const auto outside =
        std::ranges::find_if(entries_, [&](const ZipEntry& entry) { return !entry.name.starts_with(top_); });
    if (outside != entries_.end()) {
      throw Error(Errc::corrupt,
                  fmt::format("entry '{}' lies outside of the archive's folder '{}'", shortened(outside->name, 80),
                              shortened(top_, 80)),
                  {.file = source_->name(), .offset = outside->header, .tensor = {}});
    }
  }

  std::string record_text(const ZipEntry& entry) const {
    return std::string(wire::read_zip_entry(*source_, entry, kLargestRecord).text());
  }

  // The text of a module of a TorchScript archive.
  std::optional<std::string> code(const std::string& path) const {
    const ZipEntry* record = find("code/" + path + ".py");
    if (record == nullptr) return std::nullopt;
    return std::string(wire::read_zip_entry(*source_, *record, kLargestCode).text());
  }

  void check_version() const {
    const ZipEntry* record = find("version");
    if (record == nullptr) record = find(".data/version");
    if (record == nullptr) refuse("the record 'version' is missing", "", Errc::corrupt);
    std::string text = record_text(*record);
    if (text.ends_with('\n')) text.pop_back();
    std::int64_t version = 0;
    for (const char c : text) version = c >= '0' && c <= '9' && version < 1000 ? version * 10 + (c - '0') : 100000;
    if (text.empty() || version < kOldestVersion || version > kNewestVersion) {
      refuse(fmt::format("the file is of version '{}'; {} to {} are read", shortened(text, 20), kOldestVersion,
                         kNewestVersion),
             "");
    }
  }

  bool is_big_endian() const {
    const ZipEntry* record = find("byteorder");
    if (record == nullptr) return false;  // before 2.1 there was none
    const std::string text = record_text(*record);
    if (text != "little" && text != "big") {
      refuse(fmt::format("the byte order is '{}', neither little nor big", shortened(text, 20)), "", Errc::corrupt);
    }
    return text == "big";
  }

  Storage place(const Pickle& pickle, const DeclaredStorage& declared, std::uint8_t swap) const {
    const ZipEntry* record = find("data/" + declared.key);
    if (record == nullptr) {
      pickle.fail(declared.declared, fmt::format("the storage 'data/{}' is missing", declared.key));
    }
    if (record->size != declared.size) {
      pickle.fail(declared.declared, fmt::format("the storage 'data/{}' is of {} bytes where {} elements need {}",
                                                 declared.key, record->size, declared.numel, declared.size));
    }
    Storage storage;
    storage.at = {.file = 0, .offset = record->offset, .size = record->stored};
    storage.size = record->size;
    storage.codec = record->deflated ? Codec::deflate : Codec::plain;
    storage.swap = swap > 1 ? swap : std::uint8_t{0};
    if (record->crc) storage.checksum = Checksum{Checksum::Kind::crc32, *record->crc};
    return storage;
  }

  void note_the_rest(const Storages& storages, Index& index) const {
    static constexpr std::string_view kRecords[] = {"data.pkl", ".format_version", ".storage_alignment", "byteorder",
                                                    "version"};
    std::uint64_t unused = 0, others = 0;
    std::string first_other;
    for (const ZipEntry& entry : entries_) {
      const std::string_view name = std::string_view(entry.name).substr(top_.size());
      if (name.starts_with("data/") && name.size() > 5) {
        unused += storages.find(name.substr(5)) < 0 ? 1 : 0;
      } else if (is_script_ && (name.starts_with("code/") || name.starts_with("constants"))) {
        continue;  // said in another note
      } else if (!name.empty() && !name.ends_with('/') && !name.starts_with(".data/") &&
                 std::ranges::find(kRecords, name) == std::end(kRecords)) {
        if (others++ == 0) first_other = entry.name;
      }
    }
    if (unused != 0) {
      index.notes.push_back(fmt::format("{} storage{} that nothing refers to", unused, unused == 1 ? "" : "s"));
    }
    if (others != 0) {
      index.notes.push_back(fmt::format("only data.pkl was read; the archive also holds {}{}",
                                        shortened(first_other, 80),
                                        others == 1 ? "" : fmt::format(" and {} others", others - 1)));
    }
  }

  std::shared_ptr<Source> source_;
  std::vector<ZipEntry> entries_;
  std::string top_;  // "archive/"
  bool is_script_ = false;
  std::unordered_map<std::string, const ZipEntry*> by_name_;
};

}  // namespace

std::unique_ptr<Reader> open_zip(std::shared_ptr<Source> source, const OpenOptions& options) {
  return ZipCheckpoint(source, options.allow_opaque).open(options);
}

}  // namespace transload::torch
