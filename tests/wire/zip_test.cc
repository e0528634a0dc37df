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

// What is wrong, where it was met, and whether the message names the second place too.
struct Refusal {
  std::string message;
  std::uint64_t offset = 0;
};

Refusal refusal(const std::string& bytes) {
  try {
    read_zip(*source_of(bytes));
  } catch (const Error& error) {
    return {error.message(), error.where().offset.value_or(~std::uint64_t{0})};
  }
  return {};
}

std::string hex(std::size_t place) {
  std::string text;
  for (; place != 0; place /= 16) text.insert(text.begin(), "0123456789abcdef"[place % 16]);
  return "0x" + (text.empty() ? "0" : text);
}

// The two places of each entry of two(), without descriptors.
struct Places {
  std::string bytes;
  std::size_t local, central;  // of the second entry
};

Places places() {
  std::vector<ZipPart> parts = two();
  for (ZipPart& part : parts) part.descriptor = false;
  const std::string bytes = build_zip(parts);
  return {bytes, bytes.find("PK\x03\x04", 4), bytes.rfind("PK\x01\x02")};
}

TEST(Zip, ALocalHeaderThatDiffersIsRefusedWithBothPlaces) {
  const std::pair<std::size_t, std::string> kFields[] = {
      {6, "flags"}, {8, "method"}, {14, "checksum"}, {18, "stored size"}, {22, "the size"}, {26, "name"}, {30, "name"}};
  for (const auto& [field, what] : kFields) {
    auto [bytes, local, central] = places();
    bytes[local + field] = static_cast<char>(bytes[local + field] ^ 1);
    const Refusal found = refusal(bytes);
    EXPECT_TRUE(contains(found.message, what)) << field << found.message;
    EXPECT_EQ(found.offset, local) << field;
    EXPECT_TRUE(contains(found.message, hex(central))) << found.message;
  }
}

TEST(Zip, EntriesThatOverlapAreRefusedWithBothPlaces) {
  auto [bytes, local, central] = places();
  std::string same = bytes;  // both directory entries name the first local header
  for (std::size_t i = 42; i < 46; ++i) same[central + i] = '\0';
  Refusal found = refusal(same);
  EXPECT_TRUE(contains(found.message, "overlaps entry 'top/data/0' at 0x0")) << found.message;

  // The first entry says that it is longer than the place before the second.
  const std::size_t first = bytes.find("PK\x01\x02");
  for (const std::size_t size : {std::size_t{18}, std::size_t{22}}) bytes[size] = '\x28';
  for (const std::size_t size : {std::size_t{20}, std::size_t{24}}) bytes[first + size] = '\x28';
  found = refusal(bytes);
  EXPECT_TRUE(contains(found.message, "overlaps entry 'top/data/0' at " + hex(local))) << found.message;
  EXPECT_TRUE(contains(found.message, hex(first))) << found.message;
  EXPECT_EQ(found.offset, 0u);
}

TEST(Zip, NamesThatOccurTwiceAreRefusedWithBothPlaces) {
  for (const std::string other : {"top/data.pkl", "top/DATA.pkl", "top/data.PKL"}) {
    const std::string bytes = build_zip({{.name = "top/data.pkl", .content = "1"}, {.name = other, .content = "2"}});
    const Refusal found = refusal(bytes);
    EXPECT_TRUE(contains(found.message, "twice")) << found.message;
    const std::size_t first = bytes.find("PK\x01\x02"), second = bytes.rfind("PK\x01\x02");
    const std::size_t named = found.offset == first ? second : first;
    EXPECT_TRUE(found.offset == first || found.offset == second);
    EXPECT_TRUE(contains(found.message, hex(named))) << found.message;
  }
}

TEST(Zip, SeveralArchivesInOneAreRefusedWithBothPlaces) {
  const std::string one = build_zip(two()), other = build_zip({{.name = "x/data.pkl", .content = "evil"}});
  const std::string end_of_other = hex(other.rfind("PK\x05\x06"));
  // One behind the other, as it is.
  Refusal found = refusal(other + one);
  EXPECT_TRUE(contains(found.message, "the end of another archive lies at " + end_of_other)) << found.message;
  // With the places of the second put right, as `zip -A` does.
  std::string moved = other + one;
  const auto add = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (int i = 3; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(moved[at + static_cast<std::size_t>(i)]);
    value += static_cast<std::uint32_t>(other.size());
    for (std::size_t i = 0; i < 4; ++i) moved[at + i] = static_cast<char>(value >> (8 * i));
  };
  add(moved.size() - 6);
  for (std::size_t at = moved.find("PK\x01\x02", other.size()); at != std::string::npos;
       at = moved.find("PK\x01\x02", at + 1)) {
    add(at + 42);
  }
  found = refusal(moved);
  EXPECT_TRUE(contains(found.message, "before the first entry, at " + hex(other.size()))) << found.message;
  EXPECT_TRUE(contains(found.message, "the end of another archive lies at " + end_of_other)) << found.message;
  // In the comment, also with a mark whose own comment ends too early: some readers take it all the same.
  for (const std::string& hidden : {other, other + "..", "PK\x05\x06" + std::string(30, '\0')}) {
    const std::string bytes = build_zip(two(), {.comment = hidden, .end64 = false});
    found = refusal(bytes);
    EXPECT_TRUE(contains(found.message, "two end records")) << found.message;
    EXPECT_TRUE(contains(found.message, hex(bytes.find("PK\x05\x06")))) << found.message;
    EXPECT_EQ(found.offset, bytes.rfind("PK\x05\x06"));
  }
}

TEST(Zip, AnArchiveAsAnEntryIsOnlyContent) {
  const std::string inner = build_zip(two());
  EXPECT_EQ(failure(build_zip({{.name = "top/inner.zip", .content = inner}, {.name = "top/x", .content = "y"}})), "");
}

TEST(Zip, ADescriptorThatDiffersIsRefusedWithBothPlaces) {
  for (const std::size_t field : {std::size_t{4}, std::size_t{8}, std::size_t{12}}) {
    std::string bytes = build_zip(two());
    const std::size_t at = bytes.find("PK\x07\x08");
    bytes[at + field] = static_cast<char>(bytes[at + field] ^ 1);
    const Refusal found = refusal(bytes);
    EXPECT_TRUE(contains(found.message, "data descriptor")) << found.message;
    EXPECT_EQ(found.offset, at);
    EXPECT_TRUE(contains(found.message, hex(bytes.find("PK\x01\x02")))) << found.message;
  }
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
