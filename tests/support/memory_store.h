// Files in memory as a Store, with a count of the bytes that were read from each.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transload/error.h"
#include "transload/io.h"

namespace transload::testing {

inline Bytes to_bytes(std::string_view text) {
  const ByteView view = as_bytes(text);
  return Bytes(std::vector<std::byte>(view.begin(), view.end()));
}

// Byte ranges of one file that were asked for.
class Touched {
 public:
  void add(std::uint64_t offset, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (size != 0) ranges_.emplace(offset, offset + size);
  }
  bool any_of(std::uint64_t begin, std::uint64_t end) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [from, to] : ranges_) {
      if (from < end && begin < to) return true;
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

class TouchedSource final : public Source {
 public:
  TouchedSource(std::shared_ptr<Source> source, std::shared_ptr<Touched> touched)
      : source_(std::move(source)), touched_(std::move(touched)) {}
  const std::string& name() const noexcept override { return source_->name(); }
  std::uint64_t size() const noexcept override { return source_->size(); }
  std::string identity() const override { return source_->identity(); }
  void read(std::uint64_t offset, MutableByteView out) const override {
    touched_->add(offset, out.size());
    source_->read(offset, out);
  }
  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    touched_->add(offset, size);
    return source_->view(offset, size);
  }

 private:
  std::shared_ptr<Source> source_;
  std::shared_ptr<Touched> touched_;
};

class MemoryStore final : public Store {
 public:
  MemoryStore() = default;
  MemoryStore(std::string name, std::string_view bytes) { put(std::move(name), bytes); }

  void put(std::string name, std::string_view bytes) {
    files_.insert_or_assign(std::move(name), File{to_bytes(bytes), std::make_shared<Touched>()});
  }
  // Which bytes of a file were read. A view counts as read.
  const Touched& touched(const std::string& name) const { return *files_.at(name).touched; }

  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    return names;
  }
  bool exists(std::string_view name) const override { return files_.find(name) != files_.end(); }
  std::shared_ptr<Source> open(std::string_view name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) {
      throw Error(Errc::io, "no such file", {.file = std::string(name), .offset = {}, .tensor = {}});
    }
    return std::make_shared<TouchedSource>(memory_source(found->first, found->second.bytes), found->second.touched);
  }

 private:
  struct File {
    Bytes bytes;
    std::shared_ptr<Touched> touched;
  };
  std::map<std::string, File, std::less<>> files_;
};

}  // namespace transload::testing
