#include "wire/zip.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/stopwatch.h"
#include "support/zip_builder.h"
#include "transload/error.h"

namespace transload::wire {
namespace {

using test::build_zip;
using test::put;
using test::ZipPart;

std::shared_ptr<Source> source_of(const std::string& bytes) {
  const ByteView view = as_bytes(bytes);
  return memory_source("a.zip", Bytes(std::vector<std::byte>(view.begin(), view.end())));
}

std::string failure(const std::string& bytes) {
  try {
    read_zip(*source_of(bytes));
  } catch (const Error& error) {
    EXPECT_EQ(error.where().file, "a.zip");
    EXPECT_TRUE(error.where().offset.has_value());
    return error.message();
  }
  return "";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::vector<ZipPart> two() {
  return {{.name = "top/data.pkl", .content = "pickle"}, {.name = "top/data/0", .content = std::string(100, 'w')}};
}

TEST(Zip, FindsTheContentOfEveryForm) {
  for (int form = 0; form < 64; ++form) {
    std::vector<ZipPart> parts = two();
    for (ZipPart& part : parts) {
      part.descriptor = (form & 1) != 0;
      part.wide = (form & 2) != 0;
      part.descriptor_signature = (form & 4) != 0;
      part.alignment = (form & 8) != 0 ? 8192 : 1;
      part.with_crc = (form & 16) != 0;
    }
    const std::string bytes = build_zip(parts, {.comment = (form & 32) != 0 ? "made by a test" : "", .end64 = true});
    const auto source = source_of(bytes);
    const auto entries = read_zip(*source);
    ASSERT_EQ(entries.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(entries[i].name, parts[i].name);
      EXPECT_EQ(bytes.substr(entries[i].offset, entries[i].size), parts[i].content);
      EXPECT_EQ(entries[i].crc.has_value(), parts[i].with_crc);
      EXPECT_EQ(read_zip_entry(*source, entries[i], 1000).text(), parts[i].content);
      EXPECT_EQ(entries[i].offset % parts[i].alignment, 0u);
    }
  }
}

TEST(Zip, AnEntryIsReadUpToABound) {
  const auto source = source_of(build_zip(two()));
  const auto entries = read_zip(*source);
  EXPECT_THROW(read_zip_entry(*source, entries[1], 99), Error);
}

TEST(Zip, ACommentMayNotHideAnotherArchive) {
  const std::string hidden = build_zip({{.name = "top/data.pkl", .content = "evil"}});
  EXPECT_TRUE(contains(failure(build_zip(two(), {.comment = hidden, .end64 = false})), "two end records"));
  EXPECT_EQ(failure(build_zip(two(), {.comment = "plain", .end64 = false})), "");
}

TEST(Zip, NothingMayLieOutsideOfEntries) {
  const std::string whole = build_zip(two());
  EXPECT_NE(failure("MZ" + whole), "");
  EXPECT_NE(failure(whole + "x"), "");
  EXPECT_NE(failure(whole.substr(1)), "");
}

TEST(Zip, NamesArePlainAndUnique) {
  for (const std::string& name :
       {std::string("/etc/passwd"), std::string("a/../b"), std::string("a/./b"), std::string("a\\b"),
        std::string("C:x"), std::string("a\0b", 3), std::string("a//b"), std::string(5000, 'n'), std::string("..")}) {
    EXPECT_TRUE(contains(failure(build_zip({{.name = name, .content = "x"}})), "entry name")) << name;
  }
  EXPECT_TRUE(
      contains(failure(build_zip({{.name = "a/X", .content = "1"}, {.name = "a/x", .content = "2"}})), "twice"));
}

TEST(Zip, NamesThatDifferInCaseAreTwoForNumPy) {
  const auto names = [](std::string one, std::string two) {
    return read_zip(*source_of(build_zip({{.name = one, .content = "1"}, {.name = two, .content = "2"}})),
                    ZipNames::exact)
        .size();
  };
  EXPECT_EQ(names("a/X", "a/x"), 2u);
  EXPECT_THROW(names("a/x", "a/x"), Error);
}

TEST(Zip, EveryChangedHeaderByteIsRefusedOrChangesNothing) {
  std::vector<ZipPart> parts = two();
  parts[1].alignment = 64;
  const std::string whole = build_zip(parts, {.comment = "", .end64 = true});
  const auto expected = read_zip(*source_of(whole));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {0x01, 0x08, 0x80, 0xFF}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      try {
        const auto found = read_zip(*source_of(damaged));
        ASSERT_EQ(found.size(), expected.size()) << at;
        for (std::size_t i = 0; i < found.size(); ++i) {
          EXPECT_EQ(found[i].name, expected[i].name) << at;
          EXPECT_EQ(found[i].offset, expected[i].offset) << at;
          EXPECT_EQ(found[i].size, expected[i].size) << at;
          EXPECT_EQ(found[i].crc, expected[i].crc) << at;
        }
      } catch (const Error&) {
      }
    }
  }
}

TEST(Zip, ADescriptorThatDisagreesIsRefused) {
  std::string bytes = build_zip(two());
  const std::size_t at = bytes.find("PK\x07\x08");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 4] = static_cast<char>(bytes[at + 4] ^ 1);
  EXPECT_TRUE(contains(failure(bytes), "disagree"));
}

// A Source that refuses to give away the content of an entry.
class Guarded final : public Source {
 public:
  Guarded(const std::string& bytes, std::uint64_t from, std::uint64_t to)
      : inner_(source_of(bytes)), from_(from), to_(to) {}
  const std::string& name() const noexcept override { return inner_->name(); }
  std::uint64_t size() const noexcept override { return inner_->size(); }
  void read(std::uint64_t offset, MutableByteView out) const override {
    if (offset < to_ && offset + out.size() > from_) throw Error(Errc::usage, "content was read");
    inner_->read(offset, out);
  }
  Bytes view(std::uint64_t, std::uint64_t) const override { throw Error(Errc::usage, "content was mapped"); }
  std::string identity() const override { return inner_->identity(); }

 private:
  std::shared_ptr<Source> inner_;
  std::uint64_t from_, to_;
};

TEST(Zip, NoContentIsTouched) {
  const std::string bytes = build_zip({{.name = "top/data/0", .content = std::string(300000, 'w')}});
  const ZipEntry entry = read_zip(*source_of(bytes)).front();
  // The search for the end record reads the last 64 KiB of the file, whatever they hold.
  const std::uint64_t tail = bytes.size() - 65557;
  EXPECT_EQ(read_zip(Guarded(bytes, entry.offset, tail)).size(), 1u);
}

TEST(Zip, ManyEntriesAreNotSlow) {
  std::vector<ZipPart> parts;
  for (int i = 0; i < 100000; ++i) parts.push_back({.name = "top/data/" + std::to_string(i), .content = "w"});
  const std::string bytes = build_zip(parts, {.comment = "", .end64 = true});
  const test::Stopwatch watch;
  EXPECT_EQ(read_zip(*source_of(bytes)).size(), 100000u);
  EXPECT_LT(watch.seconds(), 5);
}

}  // namespace
}  // namespace transload::wire
