#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "io/folder_lock.h"
#include "io/record.h"
#include "io/staged_file.h"
#include "support/files.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

using testing::read_file;
using testing::TempFolder;
using testing::write_file;
using Names = std::set<std::string>;

TEST(OutputSet, NothingIsVisibleBeforePublish) {
  const TempFolder folder;
  OutputSet set(folder.path(), {{"data", 4, false}, {"index", 2, true}}, false);
  set.sink(0).write(2, as_bytes("cd"));
  set.sink(0).write(0, as_bytes("ab"));
  set.sink(1).write(0, as_bytes("ix"));
  for (const std::string& name : folder.names()) EXPECT_TRUE(name.starts_with(".")) << name;
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(folder.names(), (Names{"data", "index"}));
  EXPECT_EQ(read_file(folder / "data"), "abcd");
  EXPECT_EQ(read_file(folder / "index"), "ix");
}

TEST(OutputSet, LeavesNothingWhenItIsNotPublished) {
  const TempFolder folder;
  {
    OutputSet set(folder / "new" / "deeper", {{"data", 4, false}}, false);
    set.sink(0).write(0, as_bytes("ab"));
    EXPECT_FALSE(std::filesystem::exists(folder / "new" / "deeper"));
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(OutputSet, AnExistingFileStaysUnlessItMayBeReplaced) {
  const TempFolder folder;
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
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(read_file(folder / "data"), "new");
  struct stat status {};
  ::stat((folder / "data").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
}

TEST(OutputSet, NewFilesHaveTheSameModeWhateverTheUmask) {
  const TempFolder folder;
  const mode_t before = ::umask(077);
  OutputSet set(folder.path(), {{"data", 0, false}}, false);
  EXPECT_EQ(set.publish(), "");
  ::umask(before);
  struct stat status {};
  ::stat((folder / "data").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777u, 0644u);
}

TEST(OutputSet, NobodyMayReadMoreOfAReplacedFileThanOfTheEarlierOne) {
  for (const mode_t mode : {0600u, 0640u, 0644u, 0604u, 0444u, 0777u})
    EXPECT_EQ(io::mode_of_successor(mode, true), mode);
  EXPECT_EQ(io::mode_of_successor(0600, false), 0600u);
  EXPECT_EQ(io::mode_of_successor(0640, false), 0600u);
  EXPECT_EQ(io::mode_of_successor(0604, false), 0600u);
  EXPECT_EQ(io::mode_of_successor(0664, false), 0644u);
}

TEST(OutputSet, ALockOfAnotherProgramIsNotCalledAConversion) {
  const TempFolder folder;
  const io::Folder locked = io::Folder::open(folder.path());
  ASSERT_EQ(io::try_lock(locked.fd()), io::Lock::taken);
  try {
    io::open_locked(folder.path(), "shown", std::chrono::milliseconds(20));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("some program holds a lock (flock) on this folder"), std::string::npos);
  }
}

TEST(OutputSet, AFileThatAppearsMeanwhileIsLeftAlone) {
  const TempFolder folder;
  OutputSet set(folder.path(), {{"data", 3, false}, {"index", 3, true}}, false);
  set.sink(0).write(0, as_bytes("new"));
  set.sink(1).write(0, as_bytes("new"));
  write_file(folder / "index", "theirs");
  EXPECT_THROW(static_cast<void>(set.publish()), Error);
  EXPECT_EQ(read_file(folder / "index"), "theirs");
}

TEST(OutputSet, ASharedFileIsReplacedWithoutBeingAsked) {
  const TempFolder folder;
  write_file(folder / "checkpoint", "the last one");
  OutputSet set(folder.path(), {{"checkpoint", 3, false, true}}, false);
  set.sink(0).write(0, as_bytes("new"));
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(read_file(folder / "checkpoint"), "new");
}

TEST(OutputSet, RefusesAFolderInTheWay) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "data");
  EXPECT_THROW(OutputSet(folder.path(), {{"data", 3, false}}, true), Error);
  EXPECT_EQ(folder.names(), Names{"data"});
}

TEST(OutputSet, RefusesAWayUpFromAFolderThatIsNotThere) {
  const TempFolder folder;
  write_file(folder / "data", "old");
  for (const char* between : {"missing", "data"}) {
    EXPECT_THROW(OutputSet(folder / between / "..", {{"data", 3}}, true), Error);
    EXPECT_THROW(OutputSet(folder / between / ".." / "new", {{"data", 3}}, true), Error);
  }
  EXPECT_EQ(folder.names(), Names{"data"});
}

TEST(OutputSet, TakesAwayWhatADeadRunLeft) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "out" / ".transload-00000000000dead0" / "new");
  write_file(folder / "out" / ".transload-00000000000dead0" / "new" / "data", "half of it");
  std::filesystem::create_directories(folder / ".out.transload-00000000000dead0" / "new");
  write_file(folder / "out" / "other", "of the user");
  OutputSet set(folder / "out", {{"data", 3}}, false);
  EXPECT_EQ(set.notes().size(), 2u);
  set.sink(0).write(0, as_bytes("new"));
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(folder.names(), Names{"out"});
  EXPECT_EQ(read_file(folder / "out" / "data"), "new");
  EXPECT_EQ(read_file(folder / "out" / "other"), "of the user");
  EXPECT_FALSE(std::filesystem::exists(folder / "out" / ".transload-00000000000dead0"));
}

// Their hidden folders begin as those of the folder above, or of another target, do.
TEST(OutputSet, TargetsWithNamesLikeThoseOfHiddenFoldersAreNotTakenForThem) {
  const TempFolder folder;
  const Names dead{".transload-out.transload-0123456789abcdef", ".a.transload-b.transload-0123456789abcdef"};
  for (const std::string& name : dead) {
    std::filesystem::create_directories(folder / name / "new");
    write_file(folder / name / "new" / "data", "of another set");
  }
  EXPECT_TRUE(OutputSet(folder.path(), {{"data", 3}}, false).notes().empty());
  EXPECT_TRUE(OutputSet(folder / "a", {{"data", 3}}, false).notes().empty());
  EXPECT_EQ(folder.names(), dead);
  EXPECT_EQ(OutputSet(folder / "transload-out", {{"data", 3}}, false).notes().size(), 1u);
  EXPECT_EQ(OutputSet(folder / "a.transload-b", {{"data", 3}}, false).notes().size(), 1u);
  EXPECT_EQ(folder.names(), Names{});
}

TEST(OutputSet, LeavesAloneWhatALivingRunWrites) {
  const TempFolder folder;
  write_file(folder / "other", "of the user");
  OutputSet first(folder.path(), {{"a", 1}}, false);
  OutputSet second(folder.path(), {{"b", 1}}, false);
  EXPECT_TRUE(second.notes().empty());
  first.sink(0).write(0, as_bytes("1"));
  second.sink(0).write(0, as_bytes("2"));
  EXPECT_EQ(second.publish(), "");
  EXPECT_EQ(first.publish(), "");
  EXPECT_EQ(folder.names(), (Names{"other", "a", "b"}));
}

TEST(OutputSet, AFolderOfNothingElseIsExchanged) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "out");
  write_file(folder / "out" / "data", "old");
  const auto inode = [&] {
    struct stat status {};
    ::stat((folder / "out").c_str(), &status);
    return status.st_ino;
  };
  const ino_t before = inode();
  for (const char* other : {"", "other"}) {
    if (*other != 0) write_file(folder / "out" / other, "of the user");
    const ino_t now = inode();
    OutputSet set(folder / "out", {{"data", 3}, {"index", 3, true}}, true);
    set.sink(0).write(0, as_bytes("new"));
    set.sink(1).write(0, as_bytes("new"));
    EXPECT_EQ(set.publish(), "");
    EXPECT_EQ(read_file(folder / "out" / "data"), "new");
    EXPECT_EQ(inode() == now, *other != 0);
  }
  EXPECT_NE(inode(), before);
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(OutputSet, AFolderWithFlagsIsNotExchangedForOneWithout) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "out");
  write_file(folder / "out" / "data", "old");
  const auto flags = [&] {
    int found = 0;
    const io::Folder out = io::Folder::open(folder / "out");
    return ::ioctl(out.fd(), FS_IOC_GETFLAGS, &found) == 0 ? found : 0;
  };
  {
    int wanted = flags() | FS_NODUMP_FL;
    const io::Folder out = io::Folder::open(folder / "out");
    if (::ioctl(out.fd(), FS_IOC_SETFLAGS, &wanted) != 0) wanted = 0;  // a file system without flags: nothing to lose
  }
  const int before = flags();
  OutputSet set(folder / "out", {{"data", 3}}, true);
  set.sink(0).write(0, as_bytes("new"));
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(read_file(folder / "out" / "data"), "new");
  EXPECT_EQ(flags(), before);
}

TEST(OutputSet, WhatAppearsInAFolderThatIsToBeExchangedStays) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "out");
  write_file(folder / "out" / "data", "old");
  OutputSet set(folder / "out", {{"data", 3}}, true);
  set.sink(0).write(0, as_bytes("new"));
  write_file(folder / "out" / "other", "of the user");
  EXPECT_EQ(set.publish(), "");
  EXPECT_EQ(read_file(folder / "out" / "data"), "new");
  EXPECT_EQ(read_file(folder / "out" / "other"), "of the user");
  EXPECT_EQ(folder.names(), Names{"out"});
}

// A program that holds the old folder open, and puts file after file into it while it is replaced and removed.
TEST(OutputSet, WhatSomebodyPutsIntoAFolderThatWasReplacedIsNeverRemoved) {
  for (int round = 0; round < 20; ++round) {
    const TempFolder folder;
    std::filesystem::create_directory(folder / "out");
    write_file(folder / "out" / "data", "old");
    OutputSet set(folder / "out", {{"data", 3}}, true);
    set.sink(0).write(0, as_bytes("new"));
    const io::Folder held = io::Folder::open(folder / "out");
    std::atomic<bool> done{false};
    std::size_t made = 0;
    std::thread somebody([&] {
      struct stat now {};
      while (!done && ::stat((folder / "out").c_str(), &now) == 0 && now.st_ino == held.status().st_ino) continue;
      while (made < 20000) {
        const std::string name = "theirs" + std::to_string(made);
        const io::Descriptor fd(::openat(held.fd(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
        if (fd.get() < 0) return;  // the folder is gone
        ++made;
      }
    });
    EXPECT_EQ(set.publish(), "");
    done = true;
    somebody.join();
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      found += entry.path().filename().string().starts_with("theirs") ? 1u : 0u;
    }
    EXPECT_EQ(found, made);
    EXPECT_EQ(read_file(folder / "out" / "data"), "new");
  }
}

TEST(OutputSet, WhatSomebodyPutIntoAFolderThatADeadRunReplacedIsGivenBack) {
  for (const bool taken : {false, true}) {
    const TempFolder folder;
    const fs::path hidden = folder / ".out.transload-0123456789abcdef";
    std::filesystem::create_directories(hidden / "new");
    std::filesystem::create_directories(folder / "out");
    write_file(hidden / "new" / "data", "old");
    write_file(hidden / "new" / "theirs", "of the user");
    if (taken) write_file(folder / "out" / "theirs", "another");
    write_file(folder / "out" / "data", "new");
    io::write_record(io::Folder::open(hidden), {{"data", false, true, io::kNoFile, io::kNoFile}});
    EXPECT_EQ(OutputSet(folder / "out", {{"next", 3}}, false).notes().size(), 1u);
    EXPECT_EQ(read_file(folder / "out" / "data"), "new");
    EXPECT_EQ(read_file(taken ? hidden / "new" / "theirs" : folder / "out" / "theirs"), "of the user");
    EXPECT_EQ(std::filesystem::exists(hidden), taken);
  }
}

TEST(OutputSet, FilesThatAreThereAreNotTouchedAmongOthers) {
  const TempFolder folder;
  write_file(folder / "other", "of the user");
  write_file(folder / "vocabulary", "same");
  struct stat before {
  }, after{};
  ::stat((folder / "vocabulary").c_str(), &before);
  OutputSet set(folder.path(), {{.name = "vocabulary", .size = 4, .there = true}, {"data", 3}}, false);
  set.sink(0).write(0, as_bytes("same"));
  set.sink(1).write(0, as_bytes("new"));
  EXPECT_EQ(set.publish(), "");
  ::stat((folder / "vocabulary").c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(folder.names(), (Names{"other", "vocabulary", "data"}));
}

TEST(OutputSet, ErrorsSayWhatIsAtTheDestination) {
  const TempFolder folder;
  write_file(folder / "data", "old");
  try {
    OutputSet(folder.path(), {{"data", 3}}, false);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.destination(), "nothing was written");
  }
  const OutputSet set(folder.path(), {{"data", 3}}, true);
  EXPECT_EQ(set.unpublished(), "nothing was written; " + (folder / "data").string() + " is as it was");
}

TEST(OutputSet, RefusesBytesBeyondTheSize) {
  const TempFolder folder;
  OutputSet set(folder.path(), {{"data", 3, false}}, false);
  EXPECT_THROW(set.sink(0).write(2, as_bytes("xx")), Error);
  EXPECT_THROW(set.sink(0).write(UINT64_MAX, as_bytes("x")), Error);
}

}  // namespace
}  // namespace transload
