// A legacy stream and a tar archive say things twice: where the two disagree, the message names both places.
#include <gtest/gtest.h>

#include <string>

#include "support/tar_builder.h"
#include "support/torch_files.h"

namespace transload {
namespace {

namespace fs = std::filesystem;
using test::build_tar;
using test::bytes_of_file;
using test::open_torch;

const fs::path kLegacy = fs::path(TRANSLOAD_TESTS_DIR) / "hostile/torch_legacy";

// The message, if it names a second place than its own.
std::string problem(const std::string& bytes) {
  try {
    test::digests(*open_torch(bytes));
  } catch (const Error& error) {
    EXPECT_TRUE(error.where().offset.has_value()) << error.what();
    const std::size_t place = error.message().find("at 0x");
    if (place == std::string::npos) return "one place: " + error.message();
    EXPECT_NE(std::stoull(error.message().substr(place + 3), nullptr, 16), *error.where().offset) << error.what();
    return error.message();
  }
  return "";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(TorchPlaces, OfALegacyStream) {
  const std::pair<const char*, const char*> kCases[] = {
      {"key_twice.bin", "is listed twice, also at 0x"},
      {"key_unknown.bin", "belongs to no storage of the pickle at 0x"},
      {"count_lies.bin", "elements here and of 3 where it is used, at 0x"},
      {"no_data.bin", "used at 0x"},
  };
  for (const auto& [file, what] : kCases) {
    const std::string found = problem(bytes_of_file(kLegacy / file));
    EXPECT_TRUE(contains(found, what)) << file << ": " << found;
    EXPECT_FALSE(found.starts_with("one place")) << file << ": " << found;
  }
}

TEST(TorchPlaces, AStorageThatTheListOfKeysDoesNotName) {
  std::string bytes = bytes_of_file(kLegacy / "ok.bin");
  // The list of one key becomes an empty list: the item and the APPEND go, and so do the storage's bytes.
  const std::size_t list = bytes.rfind("\x80\x02]");
  ASSERT_NE(list, std::string::npos);
  const std::string found = problem(bytes.substr(0, list) + "\x80\x02].");
  EXPECT_TRUE(contains(found, "not in the list of keys at 0x")) << found;
}

// The files of tar_ok.tar, to be changed one at a time.
struct TarFiles {
  std::string storages, tensors, pickle;
  std::string build() const {
    return build_tar({{.name = "storages", .content = storages},
                      {.name = "tensors", .content = tensors},
                      {.name = "pickle", .content = pickle}});
  }
};

std::string integer(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string pickle(const std::string& body) { return "\x80\x02" + body + "."; }

TarFiles good() {
  const std::string floats("\0\0\0\0\0\0\x80\x3f\0\0\0\x40", 12);
  return {pickle("K\x01") + pickle("K\x01X\x03" + std::string(3, '\0') + "cpuctorch\nFloatStorage\n\x87") + integer(3) +
              floats + pickle("]"),
          pickle("K\x01") +
              pickle("K\x02K\x01"
                     "ctorch\nFloatTensor\n\x87") +
              integer(1) + integer(3) + integer(1) + integer(0),
          pickle("}X\x01" + std::string(3, '\0') + "wX\x01" + std::string(3, '\0') + "2Qs")};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(TorchTar, TheGoodOneIsRead) {
  EXPECT_EQ(problem(good().build()), "");
  TarFiles files = good();  // a part of the storage, under a key of its own: (9, 1, 1, 2)
  files.storages = replaced(files.storages, "].", "](K\x09K\x01K\x01K\x02ta.");
  files.tensors = replaced(files.tensors, "K\x02K\x01", "K\x02K\x09");
  files.tensors = replaced(files.tensors, integer(3), integer(2));
  const auto read = open_torch(files.build());
  float values[2] = {};
  read_tensor(*read, *read->index().find("w"), std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[1], 2);
}

TEST(TorchTar, ABigEndianOneIsSwapped) {
  const auto big = [](std::uint64_t value) { return integer(__builtin_bswap64(value)); };
  TarFiles files = good();
  files.storages = replaced(files.storages, integer(3) + std::string("\0\0\0\0\0\0\x80\x3f\0\0\0\x40", 12),
                            big(3) + std::string("\0\0\0\0\x3f\x80\0\0\x40\0\0\0", 12));
  files.tensors = replaced(files.tensors, integer(1) + integer(3) + integer(1), big(1) + big(3) + big(1));
  const std::string system = pickle("}X\x0d" + std::string(3, '\0') + "little_endian\x89s");
  const auto read = open_torch(build_tar({{.name = "sys_info", .content = system},
                                          {.name = "storages", .content = files.storages},
                                          {.name = "tensors", .content = files.tensors},
                                          {.name = "pickle", .content = files.pickle}}));
  float values[3] = {};
  read_tensor(*read, *read->index().find("w"), std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values[1], 1);
  EXPECT_EQ(values[2], 2);
}

TEST(TorchTar, WhatDoesNotFitTogetherIsRefused) {
  const auto with = [](auto&& change) {
    TarFiles files = good();
    change(files);
    return problem(files.build());
  };
  const auto storages = [&](const std::string& from, const std::string& to) {
    return with([&](TarFiles& files) { files.storages = replaced(files.storages, from, to); });
  };
  const auto tensors = [&](const std::string& from, const std::string& to) {
    return with([&](TarFiles& files) { files.tensors = replaced(files.tensors, from, to); });
  };
  EXPECT_TRUE(contains(storages(integer(3), integer(5)), "claims 5 elements"));
  EXPECT_TRUE(contains(storages(integer(3), integer(1ULL << 62)), "claims"));
  EXPECT_TRUE(contains(storages(integer(3), integer(~0ULL)), "claims"));
  EXPECT_TRUE(contains(storages("].", "].x"), "follow the last item"));
  EXPECT_TRUE(contains(storages("].", "](K\x09K\x01K\x02K\x02ta."), "2 elements from 2 on in storage 1 of 3, at 0x"));
  EXPECT_TRUE(contains(storages("].", "](K\x09K\x07K\x02K\x02ta."), "not there"));
  EXPECT_TRUE(contains(storages("].", "](K\x01K\x01K\x01K\x02ta."), "is there twice, also at 0x"));
  EXPECT_TRUE(contains(storages("FloatStorage", "FloatTensor"), "not on the list"));
  EXPECT_TRUE(contains(storages("FloatStorage", "QInt8Storage"), "not read"));
  EXPECT_TRUE(contains(tensors("FloatTensor", "LongTensor"), "over a FloatStorage, at 0x"));
  EXPECT_TRUE(contains(tensors("FloatTensor", "EvilTensor"), "not on the list"));
  EXPECT_TRUE(contains(tensors("K\x02K\x01", "K\x02K\x05"), "not there"));
  EXPECT_TRUE(contains(tensors("K\x02K\x01", "K\x01K\x01"), "a tensor and of the storage at 0x"));
  EXPECT_TRUE(contains(tensors(integer(3), integer(4)), "needs 16 bytes of a storage of 12"));
  EXPECT_TRUE(contains(tensors(integer(1) + integer(3), integer(65) + integer(3)), "65 dimensions"));
  EXPECT_TRUE(contains(tensors(integer(1) + integer(3), integer(1ULL << 40 | 1) + integer(3)), "dimensions"));
  EXPECT_TRUE(contains(tensors(integer(3), integer(~0ULL)), "negative"));
  EXPECT_TRUE(contains(with([](TarFiles& files) { files.tensors = files.tensors.substr(0, 60); }), "truncated"));
  EXPECT_TRUE(contains(with([](TarFiles& files) { files.pickle = replaced(files.pickle, "2Q", "3Q"); }),
                       "3 is the key of no tensor"));
  EXPECT_TRUE(
      contains(with([](TarFiles& files) { files.pickle = replaced(files.pickle, "2Q", "xQ"); }), "not a number"));
  // The key of a storage: it is there, but no tensor.
  EXPECT_EQ(with([](TarFiles& files) { files.pickle = replaced(files.pickle, "2Q", "1Q"); }), "");
  EXPECT_TRUE(contains(with([](TarFiles& files) {
                         const std::string two = files.tensors.substr(5);
                         files.tensors = pickle("K\x02") + two + two;
                       }),
                       "is there twice, also at 0x"));
}

}  // namespace
}  // namespace transload
