// Ways around a scan through archives: each of these was once called clean, though a program that loads it runs code.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "support/files.h"
#include "support/scanning.h"
#include "support/stopwatch.h"
#include "support/tar_builder.h"
#include "support/zip_builder.h"
#include "transload/scan.h"

namespace transload {
namespace {

using namespace std::string_literals;
using testing::kEvil;
using testing::scan_one;
using testing::TempFolder;

const std::string kUnmarkedEvil = "cposix\nsystem\n(S'x'\ntR.";
const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 12\n";

std::string deflated(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// An archive of one entry, compressed by `method`, that claims `size` bytes of `content`.
std::string zip_of_method(unsigned method, const std::string& stored, const std::string& content, std::size_t size) {
  std::string zip = test::build_zip({{.name = "m", .content = stored, .descriptor = false}});
  std::string fields;
  test::put(fields, wire::crc32(0, as_bytes(content)), 4);
  test::put(fields, stored.size(), 4), test::put(fields, size, 4);
  const std::size_t directory = zip.rfind("PK\1\2");
  zip.replace(14, 12, fields), zip.replace(directory + 16, 12, fields);
  zip[8] = zip[directory + 10] = static_cast<char>(method);
  return zip;
}

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
  ASSERT_EQ(pointer.files.at(0).problems.size(), 1u);  // nobody has looked at the weights
  EXPECT_EQ(pointer.files.at(0).problems[0].kind, ScanProblem::Kind::refused);
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

TEST(ArchiveEvasions, ADeflatedPickleWithoutAMarkIsWalkedToItsEnd) {
  std::string content;
  for (int i = 0; i < 50'000; ++i) content += "I1\n0";
  content += kUnmarkedEvil;
  EXPECT_EQ(dangerous(scan_bytes("a.mar", zip_of_method(8, deflated(content), content, content.size()))), 1u);
  // The archive claims more than the stream gives: Python takes what it gives.
  const ScanReport report = scan_bytes("a.mar", zip_of_method(8, deflated(kEvil), kEvil, 100));
  EXPECT_EQ(dangerous(report), 1u);
  EXPECT_GE(report.files.at(0).problems.size(), 1u);
  const std::string text(100'000, 'a');
  EXPECT_EQ(scan_bytes("a.zip", zip_of_method(8, deflated(text), text, text.size())).not_checkpoints, 1u);
}

TEST(ArchiveEvasions, WhatIsNotDecodedIsAFinding) {
  for (const unsigned method : {9u, 12u, 14u, 93u, 95u}) {
    EXPECT_GT(scan_bytes("a.bin", zip_of_method(method, "some bytes", "x", 1)).findings(), 0u) << method;
  }
  for (const std::string& bytes :
       {"BZh91AY&SY...."s, "BZh9\x17\x72\x45\x38\x50\x90"s, "\xfd\x37zXZ\0.."s, "\x28\xb5\x2f\xfd.."s,
        "\x04\x22\x4d\x18.."s, "\x50\x2a\x4d\x18.."s, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0..."s,
        "7z\xbc\xaf\x27\x1c\0\4"s, "Rar!\x1a\x07\1\0"s}) {
    for (const char* name : {"a", "a.sav", "a.pkl.xz", "a.pt"}) {
      EXPECT_EQ(scan_bytes(name, bytes).findings(), 1u) << name << " " << bytes;
    }
  }
  // Numbers that a program wrote as they are, and a text.
  EXPECT_EQ(scan_bytes("ids.raw", "\x5d\0\0\0\x07\0\0\0\x09\0\0\0\x0b\0\0\0"s).findings(), 0u);
  EXPECT_EQ(scan_bytes("notes", "BZh is how a file of bzip2 begins\n").findings(), 0u);
}

TEST(ArchiveEvasions, HarmlessPicklesStandInFront) {
  const std::string hidden = "I1\n.\x8a\x02\xe9\x03." + kUnmarkedEvil;  // as torch.load takes them one by one
  EXPECT_EQ(dangerous(scan_bytes("a.weights", hidden)), 1u);
  EXPECT_EQ(dangerous(scan_bytes("a.zip", test::build_zip({{.name = "model.pt", .content = hidden}}))), 1u);
  EXPECT_EQ(dangerous(scan_bytes("a.tar", test::build_tar({{"model.pt", hidden}}))), 1u);
}

TEST(ArchiveEvasions, ManyHeadersLeadToNothing) {
  std::string header = "PK\3\4"s + std::string(26, '\0'), bytes;
  header[8] = 8;  // deflated
  for (int i = 0; i < 60'000; ++i) bytes += header + std::string(220, '\xff');
  const test::Stopwatch watch;
  EXPECT_GT(scan_bytes("a.zip", bytes).findings(), 0u);
  EXPECT_LT(watch.seconds(), 20);
}

TEST(ArchiveEvasions, ABrokenArchiveIsWalkedInBoundedTime) {
  std::string header = "PK\3\4"s + std::string(26, '\0'), bytes;
  for (int i = 0; i < 200; ++i) bytes += header;
  bytes += "\n";
  for (int i = 0; i < 4'000'000; ++i) bytes += "N0";
  const test::Stopwatch watch;
  EXPECT_GT(scan_bytes("a.zip", bytes).findings(), 0u);
  EXPECT_LT(watch.seconds(), 5);
}

}  // namespace
}  // namespace transload
