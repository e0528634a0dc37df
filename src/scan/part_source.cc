#include "scan/part_source.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "transload/error.h"

namespace transload::scanning {
namespace {

class Part final : public Source {
 public:
  Part(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t size, std::string name)
      : whole_(std::move(whole)), offset_(offset), size_(size), name_(std::move(name)) {}

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return size_; }
  std::string identity() const override { return fmt::format("{}+{}:{}", whole_->identity(), offset_, size_); }
  void read(std::uint64_t offset, MutableByteView out) const override {
    check(offset, out.size());
    whole_->read(offset_ + offset, out);
  }
  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    check(offset, size);
    std::vector<std::byte> copy(size);  // never mapped: what is scanned may be shortened meanwhile
    whole_->read(offset_ + offset, copy);
    return Bytes(std::move(copy));
  }

 private:
  void check(std::uint64_t offset, std::uint64_t size) const {
    if (offset <= size_ && size <= size_ - offset) return;
    throw Error(Errc::corrupt, fmt::format("{} bytes are needed here, but the content ends at {}", size, size_),
                {.file = name_, .offset = offset, .tensor = {}});
  }

  std::shared_ptr<Source> whole_;
  std::uint64_t offset_, size_;
  std::string name_;
};

class Only final : public Store {
 public:
  explicit Only(std::shared_ptr<Source> only) : only_(std::move(only)) {}
  std::string describe(std::string_view) const override { return only_->name(); }
  std::vector<std::string> list() const override { return {only_->name()}; }
  bool exists(std::string_view) const override { return true; }
  std::shared_ptr<Source> open(std::string_view) const override { return only_; }

 private:
  std::shared_ptr<Source> only_;
};

}  // namespace

std::shared_ptr<Source> part_of(std::shared_ptr<Source> whole, std::uint64_t offset, std::uint64_t size,
                                std::string name) {
  if (offset > whole->size() || size > whole->size() - offset) {
    throw Error(Errc::usage, "a part that is not inside", {.file = std::move(name), .offset = offset, .tensor = {}});
  }
  return std::make_shared<Part>(std::move(whole), offset, size, std::move(name));
}

std::shared_ptr<Store> store_of(std::shared_ptr<Source> only) { return std::make_shared<Only>(std::move(only)); }

}  // namespace transload::scanning
