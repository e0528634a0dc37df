// Files and folders: what is looked at, what is found in it, what is left alone.
#include "transload/scan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/files.h"
#include "support/scanning.h"
#include "support/zip_builder.h"

namespace transload {
namespace {

using namespace std::string_literals;
using testing::kEvil;
using testing::scan_one;
using testing::TempFolder;

const std::string kGood = "\x80\x02}q\0."s;

std::string found_in(const ScanReport& report) {
  std::string all;
  for (const ScanFile& file : report.files) {
    for (const ScanName& name : file.names) {
      if (name.grade != Grade::allowed) all += name.entry + "|" + name.module + "." + name.name + ";";
    }
  }
  return all;
}

TEST(Scan, ContentDecidesWhateverTheNameIs) {
  const TempFolder folder;
  for (const char* name : {"a.txt", "b.safetensors", "c.json", "README", "d.bin", "e.pkl"}) folder.write(name, kEvil);
  const ScanReport report = scan_one(folder.path());
  EXPECT_EQ(report.files.size(), 6u);
  for (const ScanFile& file : report.files) EXPECT_EQ(file.count(Grade::dangerous), 1u) << file.path;
}

TEST(Scan, TextsAreNoCheckpoints) {
  const TempFolder folder;
  folder.write("README.md", "# A model\ncos\nsystem\n");
  folder.write("config.json", "{\"hidden_size\": 4}\n");
  folder.write("requirements.txt", "click\ncolorama\nnumpy\n");
  folder.write("a.wat", "(import\n  \"os\"\n)\n");
  folder.write("empty.txt", "");
  const ScanReport report = scan_one(folder.path());
  EXPECT_EQ(report.not_checkpoints, 5u);
  EXPECT_EQ(report.findings(), 0u);
}

TEST(Scan, AnEntryIsLookedAtUnderAnyName) {
  const TempFolder folder;
  for (const char* name : {"data.PKL", "x/README.txt", "a", "x.png"}) {
    folder.write("a.zip",
                 test::build_zip({{.name = "first.txt", .content = "text"}, {.name = name, .content = kEvil}}));
    EXPECT_EQ(found_in(scan_one(folder / "a.zip")), name + "|posix.system;"s);
  }
}

TEST(Scan, ArchivesInArchives) {
  const TempFolder folder;
  std::string inner = test::build_zip({{.name = "evil", .content = kEvil}});
  std::string label = "evil";
  for (int depth = 0; depth < 3; ++depth) {
    inner = test::build_zip({{.name = "inner", .content = inner}});
    label = "inner!" + label;
  }
  folder.write("a", inner);
  EXPECT_EQ(found_in(scan_one(folder / "a")), label + "|posix.system;");
  for (int depth = 0; depth < 6; ++depth) inner = test::build_zip({{.name = "inner", .content = inner}});
  folder.write("a", inner);
  const ScanReport deep = scan_one(folder / "a");
  EXPECT_GT(deep.findings(), 0u) << "what is too deep is a finding";
}

TEST(Scan, ABrokenArchiveIsSearchedAllTheSame) {
  const TempFolder folder;
  const std::string whole =
      test::build_zip({{.name = "a/data.pkl", .content = kEvil}, {.name = "a/version", .content = "3"}});
  for (std::size_t size = 60; size < whole.size(); size += 7) {
    folder.write("a.pt", whole.substr(0, size));
    const ScanReport report = scan_one(folder / "a.pt");
    ASSERT_GT(report.findings(), 0u) << size;
    ASSERT_EQ(report.files[0].count(Grade::dangerous), 1u) << size;
  }
}

TEST(Scan, LinksAreFollowedInsideTheRootOnly) {
  const TempFolder outside, folder;
  outside.write("evil.bin", kEvil);
  fs::create_directories(folder / "models--a/blobs");
  fs::create_directories(folder / "models--a/snapshots/1");
  folder.write("models--a/blobs/abc", kGood);
  fs::create_symlink("../../blobs/abc", folder / "models--a/snapshots/1/model.pkl");
  fs::create_symlink(outside / "evil.bin", folder / "link.bin");
  fs::create_symlink(outside / "evil.bin", folder / "notes.txt");
  fs::create_directory_symlink(outside.path(), folder / "elsewhere");
  fs::create_directory_symlink("..", folder / "models--a/loop");
  ASSERT_EQ(::mkfifo((folder / "fifo.pkl").c_str(), 0600), 0);
  const ScanReport report = scan_one(folder.path());
  EXPECT_EQ(found_in(report), "");
  EXPECT_EQ(report.not_opened, 5u);    // three links, one of them named like weights, the loop, the FIFO
  ASSERT_EQ(report.files.size(), 2u);  // the blob once, under its name in the snapshot
  EXPECT_TRUE(report.files[0].path.ends_with("link.bin"));
  EXPECT_EQ(report.files[0].problems.size(), 1u);
  EXPECT_TRUE(report.files[1].path.ends_with("snapshots/1/model.pkl"));
  // A snapshot alone: its links lead to the model's own blobs.
  const ScanReport snapshot = scan_one(folder / "models--a/snapshots/1");
  ASSERT_EQ(snapshot.files.size(), 1u);
  EXPECT_EQ(snapshot.findings(), 0u);
}

TEST(Scan, WhatIsNotThereOrNoFileIsAFailure) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(scan_one(folder / "missing").failures.size(), 1u);
  EXPECT_EQ(scan_one(folder / "fifo").failures.size(), 1u);
  EXPECT_EQ(scan_one("/dev/zero").failures.size(), 1u);
}

TEST(Scan, TracesOfTheMachineAreNotesAndNotFindings) {
  const TempFolder folder;
  const auto text = [](const std::string& value) { return "X"s + static_cast<char>(value.size()) + "\0\0\0"s + value; };
  folder.write("a.pkl", "\x80\x02}("s + text("path") + text("/home/anna/data") + text("hostname") + text("gpu7") +
                            text("token") + text("hf_0123456789abcdefghijABCDEFGHIJ0123") + text("by") +
                            text("anna@example.org") + "u.");
  const ScanReport report = scan_one(folder / "a.pkl");
  EXPECT_EQ(report.findings(), 0u);
  std::string notes;
  for (const ScanNote& note : report.files.at(0).notes) notes += note.message + "\n";
  EXPECT_NE(notes.find("/home/anna"), std::string::npos) << notes;
  EXPECT_NE(notes.find("hostname = gpu7"), std::string::npos) << notes;
  EXPECT_NE(notes.find("anna@example.org"), std::string::npos) << notes;
  EXPECT_NE(notes.find("hf_012..."), std::string::npos) << notes;
  EXPECT_EQ(notes.find("abcdefghij"), std::string::npos) << "a token is not printed whole";
}

TEST(Scan, TheSameWhateverTheNumberOfThreads) {
  const fs::path hostile = fs::path(TRANSLOAD_TESTS_DIR) / "hostile/torch_zip";
  const std::string one = to_json(scan(std::vector{hostile}, {.threads = 1, .progress = {}}));
  EXPECT_EQ(one, to_json(scan(std::vector{hostile}, {.threads = 4, .progress = {}})));
}

// The length of its header is 0x280: the bytes of PROTO 2.
std::string header_like_a_pickle() {
  std::string header = R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  header.resize(0x280, ' ');
  return "\x80\x02\0\0\0\0\0\0"s + header + "abcd";
}

TEST(Scan, HeaderLengthThatLooksLikeAPickle) {
  const TempFolder folder;
  const std::string good = header_like_a_pickle();
  folder.write("a.safetensors", good);
  folder.write("b.dat", good);
  EXPECT_EQ(scan_one(folder.path()).findings(), 0u) << to_json(scan_one(folder.path()));
  // Its own damage is what is said.
  folder.write("a.safetensors", good.substr(0, good.size() - 2));
  const ScanReport cut = scan_one(folder / "a.safetensors");
  ASSERT_EQ(cut.findings(), 1u);
  EXPECT_EQ(cut.files[0].format, "safetensors");
  EXPECT_EQ(cut.files[0].problems[0].message.find("opcode"), std::string::npos) << cut.files[0].problems[0].message;
  std::string begin = good;
  begin[8] = '\0';
  folder.write("a.safetensors", begin);
  const ScanReport broken = scan_one(folder / "a.safetensors");
  ASSERT_EQ(broken.findings(), 1u);
  EXPECT_EQ(broken.files[0].problems[0].message.find("opcode"), std::string::npos);
}

TEST(Scan, PickleThatIsASafetensorsFileToo) {
  // BINUNICODE of 5 bytes reaches into the JSON, whose padding is the pickle that runs.
  std::string header = "{\"N(";
  header += "cos\nsystem\nX\1\0\0\0x\x85R.\":0}";
  header.resize(0x0302, ' ');
  const TempFolder folder;
  folder.write("a.safetensors", "\x80\x02X\2\0\0\0\0" + header);
  const ScanReport report = scan_one(folder / "a.safetensors");
  EXPECT_GT(report.findings(), 0u);
  std::string evil = "\x80\x02X\4\0\0\0\0{\"N"s + "(cos\nsystem\nX\1\0\0\0x\x85R."s;
  folder.write("b.safetensors", evil + std::string(100, ' '));
  EXPECT_EQ(found_in(scan_one(folder / "b.safetensors")), "|os.system;");
}

// Written by joblib 1.6: numbers lie between the opcodes.
TEST(Scan, ArraysOfJoblibAreNotBroken) {
  const fs::path file = fs::path(TRANSLOAD_TESTS_DIR) / "golden/joblib/arrays.joblib";
  const ScanReport report = scan_one(file);
  EXPECT_EQ(found_in(report), "|joblib.numpy_pickle.NumpyArrayWrapper;") << to_json(report);
  ASSERT_EQ(report.files.size(), 1u);
  EXPECT_TRUE(report.files[0].problems.empty()) << report.files[0].problems[0].message;
  ASSERT_FALSE(report.files[0].notes.empty());
  EXPECT_NE(report.files[0].notes[0].message.find("joblib"), std::string::npos);
}

TEST(Scan, BinIsANameOfWeights) {
  const TempFolder folder;
  for (const char* content : {"", "<!DOCTYPE html><html>", "\xfd\x37zXZ rest", "\x13\x37 noise \xff\xfe"}) {
    folder.write("pytorch_model.bin", content);
    EXPECT_GT(scan_one(folder / "pytorch_model.bin").findings(), 0u) << content;
  }
}

}  // namespace
}  // namespace transload
