#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/files.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

using testing::TempFolder;
using testing::write_file;

std::string text_of(const Source& source, std::uint64_t offset, std::uint64_t size) {
  std::string text(size, '\0');
  source.read(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

TEST(Source, ReadsAndViewsTheSameBytes) {
  const TempFolder folder;
  const std::string large(std::size_t{1} << 20, 'x');  // large enough to be mapped
  write_file(folder / "f", "head" + large + "tail");
  const auto source = open_file(folder / "f");
  EXPECT_EQ(source->size(), large.size() + 8);
  EXPECT_EQ(text_of(*source, 2, 4), "adxx");
  EXPECT_EQ(source->view(2, 4).text(), "adxx");
  EXPECT_EQ(source->view(4, large.size()).text(), large);
  EXPECT_EQ(source->view(source->size(), 0).size(), 0u);
}

TEST(Source, NothingBeyondTheEnd) {
  const TempFolder folder;
  write_file(folder / "f", "12345");
  const auto source = open_file(folder / "f");
  EXPECT_THROW(text_of(*source, 3, 3), Error);
  EXPECT_THROW(source->view(6, 0), Error);
  EXPECT_THROW(source->view(1, UINT64_MAX), Error);
}

TEST(Source, AFileThatShrinksIsAnError) {
  const TempFolder folder;
  write_file(folder / "f", "0123456789");
  const auto source = open_file(folder / "f");
  std::filesystem::resize_file(folder / "f", 4);
  try {
    text_of(*source, 2, 8);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_EQ(error.where().offset, 4u);
  }
}

TEST(Source, FoldersAndPipesAreRefusedWithoutWaiting) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const auto& path : {folder / "pipe", folder.path()}) {
    try {
      open_file(path);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
    }
  }
  EXPECT_THROW(open_file(folder / "missing"), Error);
}

TEST(FolderStore, NamesDoNotLeadOut) {
  const TempFolder folder;
  write_file(folder / "a", "1");
  std::filesystem::create_directory(folder / "sub");
  const auto store = open_folder(folder / "sub");
  EXPECT_THROW(store->open("../a"), Error);
  EXPECT_THROW(store->open("/etc/hostname"), Error);
  EXPECT_THROW(store->open(""), Error);
  EXPECT_EQ(open_folder(folder.path())->list(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace transload
