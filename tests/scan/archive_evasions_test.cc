// Ways around a scan through archives: each of these was once called clean, though a program that loads it runs code.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "support/files.h"
#include "support/tar_builder.h"
#include "support/zip_builder.h"
#include "transload/scan.h"

namespace transload {
namespace {

using namespace std::string_literals;
using testing::TempFolder;

const std::string kEvil =
    "\x80\x02"
    "cposix\nsystem\nX\1\0\0\0x\x85R."s;
const std::string kUnmarkedEvil = "cposix\nsystem\n(S'x'\ntR.";
const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 12\n";

ScanReport scan_one(const fs::path& path) { return scan(std::vector{path}); }

ScanReport scan_bytes(const std::string& name, const std::string& bytes) {
  const TempFolder folder;
  folder.write(name, bytes);
  return scan_one(folder / name);
}

std::uint64_t dangerous(const ScanReport& report) {
  std::uint64_t count = 0;
  for (const ScanFile& file : report.files) count += file.count(Grade::dangerous);
  return count;
}

TEST(ArchiveEvasions, OnlyAShortTextIsAPointerOfGitLfs) {
  const ScanReport pointer = scan_bytes("a.pt", kPointer);
  EXPECT_EQ(pointer.files.at(0).format, "git-lfs pointer");
  EXPECT_EQ(pointer.findings(), 0u);
  const std::string name = kPointer.substr(0, 90);
  EXPECT_EQ(dangerous(scan_bytes("a.pt", test::build_tar({{name, "x"}, {"pickle", kEvil}}))), 1u);
  EXPECT_EQ(dangerous(scan_bytes("a.pt", kPointer + test::build_zip({{.name = "m", .content = kEvil}}))), 1u);
}

TEST(ArchiveEvasions, AZipArchiveIsFoundByItsEnd) {
  for (const std::string& front : {"MZ\x90\0"s, "GGUF\3\0\0\0"s, "a\n"s}) {
    const ScanReport report = scan_bytes("a.bin", front + test::build_zip({{.name = "m", .content = kEvil}}));
    EXPECT_EQ(dangerous(report), 1u);
    EXPECT_EQ(report.files.at(0).problems.size(), 1u);
  }
  EXPECT_EQ(scan_bytes("a.exe", "MZ\x90\0"s + test::build_zip({{.name = "m", .content = "text"}})).not_checkpoints, 1u);
  const std::string inner = test::build_zip({{.name = "m", .content = "text"}});
  EXPECT_EQ(scan_bytes("a.tar", test::build_tar({{"a.zip", inner}})).findings(), 0u);
}

TEST(ArchiveEvasions, AShardOfASetIsLookedAtLikeAnyFile) {
  const TempFolder folder;
  const fs::path set = fs::path(TRANSLOAD_TESTS_DIR) / "golden/tensorflow/v2_partitioned";
  fs::copy_file(set / "model.ckpt.index", folder / "model.ckpt.index");
  const char* shard = "model.ckpt.data-00000-of-00001";
  folder.write(shard, test::build_zip({{.name = "archive/data.pkl", .content = kEvil}}));
  EXPECT_EQ(dangerous(scan_one(folder / shard)), 1u);
  folder.write(shard, test::build_tar({{"pickle", kEvil}}));
  EXPECT_EQ(dangerous(scan_one(folder / shard)), 1u);
  folder.write(shard, "\x80\x02\xff raw values");
  EXPECT_EQ(scan_one(folder / shard).findings(), 0u) << "raw values that begin like a pickle";
}

// What Python's tarfile takes for a checksum or a size, and no writer makes.
TEST(ArchiveEvasions, NumbersOfTarInEveryFormThatTarfileReads) {
  const std::string plain = test::build_tar({{"storages", kEvil}, {"pickle", kEvil}});
  const auto sum_of = [](const std::string& archive, bool with_signs) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
      const char c = i >= 148 && i < 156 ? ' ' : archive[i];
      sum += with_signs ? std::int64_t{static_cast<signed char>(c)} : std::int64_t{static_cast<unsigned char>(c)};
    }
    return sum;
  };
  std::string bytes = plain;
  bytes.replace(257, 8, 8, '\0');
  const std::int64_t sum = sum_of(bytes, false);
  bytes.replace(148, 8, "\x80\0\0\0\0\0"s + static_cast<char>(sum >> 8) + static_cast<char>(sum));
  EXPECT_EQ(dangerous(scan_bytes("a", bytes)), 2u) << "a checksum in base 256, without 'ustar'";
  bytes = plain;
  bytes.replace(257, 8, 8, '\0');
  bytes.replace(200, 3, "\xff\xfe\xfd");
  char digits[9];
  std::snprintf(digits, sizeof digits, "%06llo", static_cast<unsigned long long>(sum_of(bytes, true)));
  bytes.replace(148, 8, std::string(digits) + "\0 "s);
  EXPECT_EQ(dangerous(scan_bytes("a", bytes)), 2u) << "a checksum of bytes with signs";
  for (const char* size : {"0o41", "+41", "4_1", "\t41", "0O_41"}) {
    bytes = test::build_tar({{"model.pkl", kEvil + std::string(33 - kEvil.size(), '.')}});
    bytes.replace(124, 12, size + std::string(12 - std::string(size).size(), '\0'));
    test::sum_header(bytes, 0);
    const ScanReport report = scan_bytes("a.tar", bytes);
    EXPECT_EQ(dangerous(report), 1u) << size;
    EXPECT_GE(report.files.at(0).problems.size(), 1u) << size;
  }
}

TEST(ArchiveEvasions, MembersOfTarThatTarfileFindsAndOthersDoNot) {
  // The size in a pax header is the one that counts.
  std::string bytes =
      test::build_tar({{"x", test::pax_record("size", std::to_string(kEvil.size())), 'x'}, {"m", kEvil}});
  bytes.replace(1024 + 124, 11, "00000000000");
  test::sum_header(bytes, 1024);
  ScanReport report = scan_bytes("a.tar", bytes);
  EXPECT_EQ(dangerous(report), 1u);
  EXPECT_EQ(report.files.at(0).problems.size(), 1u);
  // A type that nobody knows is a file.
  report = scan_bytes("a.tar", test::build_tar({{"m", kEvil, 'Q'}}));
  EXPECT_EQ(dangerous(report), 1u);
  EXPECT_EQ(report.files.at(0).problems.size(), 1u);
  // Behind the end, and where no header stands.
  report = scan_bytes("a.tar", test::build_tar({{"a", "text"}}) + test::build_tar({{"m", kEvil}}));
  EXPECT_EQ(dangerous(report), 1u);
  EXPECT_EQ(report.files.at(0).problems.size(), 1u);
  report = scan_bytes("a.tar",
                      test::build_tar({{"a", "text"}}, 0) + std::string(512, 'x') + test::build_tar({{"m", kEvil}}));
  EXPECT_EQ(dangerous(report), 1u);
  EXPECT_EQ(report.files.at(0).problems.size(), 1u);
  // The content of a folder is the next member.
  bytes = test::build_tar({{"folder", "", '5'}, {"m", kEvil}});
  bytes.replace(124, 11, "00000002000");
  test::sum_header(bytes, 0);
  EXPECT_EQ(dangerous(scan_bytes("a.tar", bytes)), 1u);
  // Another way to write the name that PyTorch 0.1 asks for.
  const std::string zero = "\x80\x02K\0."s;
  bytes = test::build_tar({{"./storages", zero}, {"./tensors", zero}, {"./pickle", kEvil}});
  report = scan_bytes("a.bin", bytes);
  EXPECT_EQ(report.files.at(0).format, "torch");
}

TEST(ArchiveEvasions, HonestTarArchivesStayClean) {
  const std::string name(150, 'n');
  const std::string harmless = "\x80\x02}q\0."s;
  EXPECT_EQ(scan_bytes("a.tar", test::build_tar({{"././@LongLink", name + '\0', 'L'},
                                                 {name.substr(0, 100), harmless},
                                                 {"folder/", "", '5'},
                                                 {"p", test::pax_record("path", name), 'x'},
                                                 {name.substr(0, 100), harmless},
                                                 {"pax_global_header", test::pax_record("comment", "a"), 'g'},
                                                 {"model.pkl", harmless}},
                                                20))
                .findings(),
            0u);
}

}  // namespace
}  // namespace transload
