#include "io/record.h"

#include <gtest/gtest.h>

#include "io/staging.h"
#include "support/files.h"
#include "transload/error.h"

namespace transload {
namespace {

using testing::read_file;
using testing::TempFolder;
using testing::write_file;

const std::vector<io::Placing> kFiles{{"a\nb", false, true, "1:2:3.4", "-"},
                                      {"index", true, false, "5:6:7.8", "9:1:2.3"}};

TEST(Record, IsReadAsItWasWritten) {
  const TempFolder folder;
  const io::Folder open = io::Folder::open(folder.path());
  for (int i = 0; i < 2; ++i) io::write_record(open, kFiles);
  const std::vector<io::Placing> found = io::read_record(open);
  ASSERT_EQ(found.size(), kFiles.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].name, kFiles[i].name);
    EXPECT_EQ(found[i].key, kFiles[i].key);
    EXPECT_EQ(found[i].replace, kFiles[i].replace);
    EXPECT_EQ(found[i].fresh, kFiles[i].fresh);
    EXPECT_EQ(found[i].old, kFiles[i].old);
  }
}

TEST(Record, OneThatIsCutOffIsNone) {
  const TempFolder folder;
  const io::Folder open = io::Folder::open(folder.path());
  io::write_record(open, kFiles);
  const std::string whole = read_file(folder / io::kRecord);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file(folder / io::kRecord, whole.substr(0, size));
    EXPECT_THROW(io::read_record(open), Error) << size;
  }
}

TEST(Record, NamesDoNotLeadOut) {
  const TempFolder folder;
  const io::Folder open = io::Folder::open(folder.path());
  for (const char* name : {"../a", "/etc/passwd", "..", ".", "", "a/b"}) {
    std::vector<io::Placing> files = kFiles;
    files[0].name = name;
    io::write_record(open, files);
    EXPECT_THROW(io::read_record(open), Error) << name;
  }
}

TEST(Record, AnIdentityIsOfOneFileAtOneTime) {
  const TempFolder folder;
  const io::Folder open = io::Folder::open(folder.path());
  EXPECT_EQ(io::identity(open.status("a")), io::kNoFile);
  write_file(folder / "a", "1");
  const std::string first = io::identity(open.status("a"));
  std::filesystem::rename(folder / "a", folder / "b");
  EXPECT_EQ(io::identity(open.status("b")), first);
  write_file(folder / "b", "22");
  EXPECT_NE(io::identity(open.status("b")), first);
}

}  // namespace
}  // namespace transload
