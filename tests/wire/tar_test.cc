// Tar archives: what lies where, and everything that is refused.
#include "wire/tar.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/tar_builder.h"
#include "transload/error.h"

namespace transload::wire {
namespace {

using test::build_tar;
using test::pax_record;
using test::TarPart;

std::vector<TarEntry> read(const std::string& bytes) {
  const ByteView view = as_bytes(bytes);
  return read_tar(*memory_source("a.tar", Bytes(std::vector<std::byte>(view.begin(), view.end()))));
}

// "" where nothing is wrong.
std::string failure(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.where().file, "a.tar");
    EXPECT_TRUE(error.where().offset.has_value());
    return error.message();
  }
  return "";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const std::vector<TarPart> kTwo = {{.name = "one", .content = std::string(700, 'a')}, {.name = "two", .content = ""}};

TEST(Tar, FindsItsEntries) {
  const std::string bytes = build_tar(kTwo);
  const auto entries = read(bytes);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "one");
  EXPECT_EQ(entries[0].offset, 512u);
  EXPECT_EQ(entries[0].size, 700u);
  EXPECT_EQ(entries[1].header, 512u + 1024u);
  EXPECT_EQ(entries[1].size, 0u);
  EXPECT_EQ(failure(build_tar(kTwo, 20)), "");
}

TEST(Tar, TakesTheTimesThatPythonWritesAndTheSizeOfALargeEntry) {
  const std::string times = pax_record("mtime", "1490000000.25") + pax_record("uname", "me");
  EXPECT_EQ(read(build_tar({{.name = "./PaxHeaders/one", .content = times, .type = 'x'}, kTwo[0]})).size(), 1u);
  // The 64-bit size wins over that of the header.
  std::string bytes = build_tar({{.name = "./PaxHeaders/one", .content = pax_record("size", "700"), .type = 'x'},
                                 {.name = "one", .content = ""}});
  bytes.insert(bytes.size() - 1024, std::string(1024, 'a').replace(700, 324, 324, '\0'));
  EXPECT_EQ(read(bytes).front().size, 700u);
}

TEST(Tar, APaxHeaderMayChangeNothingElse) {
  for (const std::string& content :
       {pax_record("path", "../x"), pax_record("linkpath", "/etc/passwd"), pax_record("GNU.sparse.major", "1"),
        pax_record("size", "-1"), pax_record("size", ""), pax_record("size", "99999999999999999999999"),
        pax_record("size", "1") + pax_record("size", "1"), std::string("9 mtime=1\n"), std::string("x mtime=1\n"),
        std::string("99 mtime=1\n"), std::string("mtime"), std::string("5 xx\n"), std::string("0000000011 a=b\n")}) {
    EXPECT_NE(failure(build_tar({{.name = "x", .content = content, .type = 'x'}, kTwo[1]})), "") << content;
  }
  EXPECT_TRUE(
      contains(failure(build_tar({{.name = "x", .content = pax_record("size", "1"), .type = 'x'}})), "without"));
}

TEST(Tar, OnlyRegularFilesWithPlainNames) {
  for (const char type : std::string("123456789gLKSVDM")) {
    EXPECT_TRUE(contains(failure(build_tar({{.name = "one", .content = "", .type = type}})), "no regular file"))
        << type;
  }
  EXPECT_EQ(failure(build_tar({{.name = "one", .content = "", .type = '\0'}})), "");
  for (const char* name : {"", ".", "..", "../x", "/x", "a/b", "a b", ".hidden", "a\\b", "a\x1b"}) {
    EXPECT_TRUE(contains(failure(build_tar({{.name = name, .content = ""}})), "plain name")) << name;
  }
  EXPECT_TRUE(contains(failure(build_tar({{.name = "x", .content = "", .prefix = "folder"}})), "folder"));
}

TEST(Tar, NamesThatOccurTwiceAreRefusedWithBothPlaces) {
  try {
    read(build_tar({kTwo[1], kTwo[0], kTwo[1]}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where().offset, 2048u);
    EXPECT_TRUE(contains(error.message(), "also at 0x0")) << error.message();
  }
}

TEST(Tar, EveryChangedHeaderByteIsRefused) {
  const std::string whole = build_tar(kTwo);
  for (std::size_t at = 0; at < 512; ++at) {
    for (const int change : {1, 0x80, 0xFF}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      if (at != 155) EXPECT_NE(failure(bytes), "") << at;  // the last byte of the checksum, behind its end
    }
  }
}

TEST(Tar, SizesThatTheFileCannotHoldAreRefused) {
  for (const char* size :
       {"77777777777", "00000010000", "99999999999", "-0000000001", "           ", "\x80zzzzzzzzzz"}) {
    std::string bytes = build_tar(kTwo);
    bytes.replace(124, 11, size);
    test::sum_header(bytes, 0);
    EXPECT_NE(failure(bytes), "") << size;
  }
}

TEST(Tar, TheEndMustBeThereAndNothingBehindIt) {
  const std::string whole = build_tar(kTwo);
  for (std::size_t size = 0; size < whole.size(); size += 64) EXPECT_NE(failure(whole.substr(0, size)), "") << size;
  EXPECT_TRUE(contains(failure(whole + build_tar(kTwo)), "follows the end"));
  EXPECT_TRUE(contains(failure(build_tar(kTwo, 5000)), "follow the end"));
  std::string padding = whole;
  padding[512 + 700] = 'x';
  EXPECT_TRUE(contains(failure(padding), "padding"));
}

}  // namespace
}  // namespace transload::wire
