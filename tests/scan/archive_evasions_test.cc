// Ways around a scan through archives: each of these was once called clean, though a program that loads it runs code.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace transload
