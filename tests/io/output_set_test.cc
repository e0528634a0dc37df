#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_folder.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

using testing::read_file;
using testing::TemporaryFolder;
using testing::write_file;
using Names = std::set<std::string>;

TEST(OutputSet, NothingIsVisibleBeforePublish) {
  const TemporaryFolder folder;
  OutputSet set(folder.path(), {{"data", 4, false}, {"index", 2, true}}, false);
  set.sink(0).write(2, as_bytes("cd"));
  set.sink(0).write(0, as_bytes("ab"));
  set.sink(1).write(0, as_bytes("ix"));
  for (const std::string& name : folder.names()) EXPECT_TRUE(name.starts_with(".")) << name;
  set.publish();
  EXPECT_EQ(folder.names(), (Names{"data", "index"}));
  EXPECT_EQ(read_file(folder / "data"), "abcd");
  EXPECT_EQ(read_file(folder / "index"), "ix");
}

TEST(OutputSet, LeavesNothingWhenItIsNotPublished) {
  const TemporaryFolder folder;
  {
    OutputSet set(folder / "new" / "deeper", {{"data", 4, false}}, false);
    set.sink(0).write(0, as_bytes("ab"));
    EXPECT_TRUE(std::filesystem::exists(folder / "new" / "deeper"));
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(OutputSet, AnExistingFileStaysUnlessItMayBeReplaced) {
  const TemporaryFolder folder;
  write_file(folder / "data", "old");
  EXPECT_THROW(OutputSet(folder.path(), {{"new", 1, false}, {"data", 3, false}}, false), Error);
  EXPECT_EQ(folder.names(), Names{"data"});
  {
    OutputSet set(folder.path(), {{"data", 3, false}}, true);
    set.sink(0).write(0, as_bytes("new"));
    EXPECT_EQ(read_file(folder / "data"), "old");
  }
  EXPECT_EQ(read_file(folder / "data"), "old");
  ::chmod((folder / "data").c_str(), 0640);
  OutputSet set(folder.path(), {{"data", 3, false}}, true);
  set.sink(0).write(0, as_bytes("new"));
  set.publish();
  EXPECT_EQ(read_file(folder / "data"), "new");
  struct stat status {};
  ::stat((folder / "data").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
}

TEST(OutputSet, NewFilesHaveTheSameModeWhateverTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(077);
  OutputSet set(folder.path(), {{"data", 0, false}}, false);
  set.publish();
  ::umask(before);
  struct stat status {};
  ::stat((folder / "data").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777u, 0644u);
}

TEST(OutputSet, AFileThatAppearsMeanwhileIsLeftAlone) {
  const TemporaryFolder folder;
  OutputSet set(folder.path(), {{"data", 3, false}, {"index", 3, true}}, false);
  set.sink(0).write(0, as_bytes("new"));
  set.sink(1).write(0, as_bytes("new"));
  write_file(folder / "index", "theirs");
  EXPECT_THROW(set.publish(), Error);
  EXPECT_EQ(read_file(folder / "index"), "theirs");
}

TEST(OutputSet, ASharedFileIsReplacedWithoutBeingAsked) {
  const TemporaryFolder folder;
  write_file(folder / "checkpoint", "the last one");
  OutputSet set(folder.path(), {{"checkpoint", 3, false, true}}, false);
  set.sink(0).write(0, as_bytes("new"));
  set.publish();
  EXPECT_EQ(read_file(folder / "checkpoint"), "new");
}

TEST(OutputSet, RefusesAFolderInTheWay) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "data");
  EXPECT_THROW(OutputSet(folder.path(), {{"data", 3, false}}, true), Error);
  EXPECT_EQ(folder.names(), Names{"data"});
}

TEST(OutputSet, RefusesBytesBeyondTheSize) {
  const TemporaryFolder folder;
  OutputSet set(folder.path(), {{"data", 3, false}}, false);
  EXPECT_THROW(set.sink(0).write(2, as_bytes("xx")), Error);
  EXPECT_THROW(set.sink(0).write(UINT64_MAX, as_bytes("x")), Error);
}

}  // namespace
}  // namespace transload
