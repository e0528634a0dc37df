// Writing PyTorch files. That whole files are byte for byte those of torch.save is shown with the real one, in
// tests/peers/test_torch_writer.py; here is what does not need it, and what would take gigabytes.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>
#include <unordered_set>

#include "formats/torch/layout.h"
#include "formats/torch/serialization_id.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/memory_reader.h"
#include "support/memory_store.h"
#include "support/plans.h"
#include "wire/crc.h"

namespace transload::torch {
namespace {

using testing::error_of;

// A slot that is the whole tensor `tensor` of the source, or has no source.
Slot slot(std::string name, DType dtype, Shape shape, std::string tensor = "") {
  Slot made{std::move(name), dtype, std::move(shape), {}};
  if (!tensor.empty()) {
    const auto count = static_cast<std::int64_t>(element_count(made.shape));
    made.pieces = {{Op::copy, 0, std::move(tensor), {{count, 1, 1}}, 0, 0, {}}};
  }
  return made;
}

std::uint32_t crc_of_zeros(std::uint64_t size) {
  std::uint32_t crc = 0, power = wire::crc32(0, as_bytes(std::string_view("\0", 1)));
  std::uint64_t length = 1;
  for (; size != 0; size >>= 1) {
    if (size & 1) crc = wire::crc32_combine(crc, power, length);
    power = wire::crc32_combine(power, power, length);
    length *= 2;
  }
  return crc;
}

// size of the large tensor -> offset -> bytes, as torch 2.13 wrote them around it (zeros, to a file object).
std::map<std::int64_t, std::map<std::uint64_t, std::string>> layouts_of_torch() {
  std::map<std::int64_t, std::map<std::uint64_t, std::string>> all;
  std::istringstream lines(testing::read_file(testing::golden("torch_writer/zip64_layouts.txt")));
  std::int64_t size = 0;
  std::uint64_t offset = 0;
  for (std::string hex; lines >> size >> offset >> hex;) {
    std::string& bytes = all[size][offset];
    for (std::size_t i = 0; i < hex.size(); i += 2)
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return all;
}

TEST(TorchWriter, ArchivesOfFourGigabytesAreLaidOutAsTorchDoes) {
  const auto all = layouts_of_torch();
  ASSERT_EQ(all.size(), 3u);  // one below the limit of 32 bits, on it, above it
  for (const auto& [size, wanted] : all) {
    SCOPED_TRACE(size);
    Plan plan;
    plan.slots = {slot("a", DType::i16, {3}), slot("huge", DType::u8, {size}), slot("far", DType::f32, {2}),
                  slot("none", DType::f32, {0}), slot("last", DType::f8_e5m2, {})};
    const Layout made = layout(plan, {.name = "archive.pt", .absolute_prefix = {}});
    std::vector<std::uint32_t> crcs;
    for (const Extent& extent : made.slots) crcs.push_back(crc_of_zeros(extent.size));
    std::vector<FixedBytes> fixed = made.fixed;
    for (FixedBytes& run : finish(plan, made, crcs)) fixed.push_back(std::move(run));

    // What lies before the large tensor and behind it, small tensors included.
    const Extent& huge = made.slots[1];
    ASSERT_EQ(wanted.size(), 2u);
    const auto& [tail_at, tail] = *wanted.rbegin();
    ASSERT_EQ(huge.offset, wanted.begin()->second.size());
    ASSERT_EQ(huge.offset + huge.size, tail_at);
    ASSERT_EQ(made.files.front().size, tail_at + tail.size());
    std::string before(huge.offset, '\0'), behind(tail.size(), '\0');
    for (const FixedBytes& run : fixed) {
      const bool is_before = run.offset < huge.offset;
      (is_before ? before : behind).replace(run.offset - (is_before ? 0 : tail_at), run.bytes.size(), run.bytes);
    }
    EXPECT_EQ(before, wanted.begin()->second);
    EXPECT_EQ(behind, tail);
  }
}

TEST(TorchWriter, EveryByteIsWrittenOnce) {
  Plan plan;
  plan.slots = {slot("a", DType::f32, {3}), slot("b", DType::i8, {0}), slot("c", DType::u16, {70})};
  const Layout made = layout(plan, {.name = "x.bin", .absolute_prefix = {}});
  std::vector<int> covered(made.files.front().size);
  const auto cover = [&](std::uint64_t offset, std::uint64_t size) {
    for (std::uint64_t at = offset; at < offset + size; ++at) ++covered.at(at);
  };
  for (const Extent& extent : made.slots) {
    cover(extent.offset, extent.size);
    EXPECT_EQ(extent.offset % 64, 0u);
  }
  for (const FixedBytes& run : made.fixed) cover(run.offset, run.bytes.size());
  for (const FixedBytes& run : finish(plan, made, std::vector<std::uint32_t>(3))) cover(run.offset, run.bytes.size());
  EXPECT_EQ(covered, std::vector<int>(covered.size(), 1));
}

TEST(TorchWriter, TheHashIsThatOfLibstdcxx) {
#ifdef __GLIBCXX__
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>(random());
    EXPECT_EQ(libstdcxx_hash(text), std::hash<std::string>{}(text)) << size;
  }
#endif
  // What torch 2.13 wrote for one tensor: the part that names decide.
  EXPECT_EQ(serialization_id(std::vector<std::string_view>{"data.pkl", ".format_version", ".storage_alignment",
                                                           "byteorder", "data/0", "version"},
                             {})
                .substr(0, 20),
            "15728199511854643026");
}

#ifdef __GLIBCXX__
TEST(TorchWriter, TheOrderIsThatOfAnUnorderedSet) {
  for (const std::size_t count : {0, 1, 2, 12, 13, 14, 29, 30, 100, 1000, 5000, 30000}) {
    std::unordered_set<std::string> set;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("data/" + std::to_string(i));
    std::vector<std::uint64_t> hashes;
    for (const std::string& name : names) {
      set.insert(name);
      hashes.push_back(libstdcxx_hash(name));
    }
    std::vector<std::string> ours;
    for (const std::size_t i : libstdcxx_set_order(hashes)) ours.push_back(names[i]);
    EXPECT_EQ(ours, std::vector<std::string>(set.begin(), set.end())) << count;
  }
}
#endif

TEST(TorchWriter, TheFolderInTheArchive) {
  EXPECT_EQ(archive_folder("pytorch_model.bin"), "pytorch_model");
  EXPECT_EQ(archive_folder("a.b.pt"), "a.b");
  EXPECT_EQ(archive_folder("name"), "name");
  EXPECT_EQ(archive_folder("a\\b.pt"), "b");  // as PyTorch splits paths
  EXPECT_EQ(archive_folder("gr\xC3\xB6\xC3\x9F"
                           "er.pt"),
            "archive");
  for (const std::string_view name : {".bin", "..bin", "...bin", "c:x.bin"}) EXPECT_EQ(archive_folder(name), "archive");
}

TEST(TorchWriter, SlotsOfOneTensorShareAStorage) {
  Plan plan;
  plan.slots = {slot("a", DType::f32, {6}, "x"),         slot("b", DType::f32, {2, 3}, "x"),
                slot("c", DType::f32, {6}, "y"),         slot("d", DType::f32, {6}, "z"),
                slot("f16", DType::f16, {6}, "x"),       slot("step", DType::f32, {6}, "x"),
                slot("zeros one", DType::f32, {6}, "-"), slot("zeros two", DType::f32, {6}, "-")};
  plan.slots[5].pieces[0].axes = {{6, 2, 1}};
  for (const std::size_t i : {6u, 7u}) plan.slots[i].pieces[0].op = Op::zeros;
  plan.equals = {{0, "y", "x"}, {0, "x", "y"}};  // in a circle: still one tensor
  const Layout made = layout(plan, {.name = "x.bin", .absolute_prefix = {}});
  const auto at = [&](std::size_t i) { return made.slots[i].offset; };
  EXPECT_EQ(at(0), at(1));
  EXPECT_EQ(at(0), at(2));
  for (const std::size_t i : {3u, 4u, 5u, 6u, 7u}) {
    for (std::size_t other = 0; other < i; ++other) EXPECT_NE(at(i), at(other)) << i;
  }
}

TEST(TorchWriter, WhatTorchCannotHoldIsListed) {
  Plan plan;
  plan.slots = {slot("good", DType::f32, {2}), slot("six", DType::f6_e3m2fn, {4}), slot("\xFF", DType::f32, {2}),
                slot("words", DType::string, {4})};
  const auto error = error_of([&] { layout(plan, {.name = "x.bin", .absolute_prefix = {}}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::unsupported);
  EXPECT_EQ(error->details().size(), 3u);
  plan.slots = {slot("a", DType::f32, {2}), slot("a", DType::f32, {2})};
  EXPECT_TRUE(error_of([&] { layout(plan, {.name = "x.bin", .absolute_prefix = {}}); }));
}

TEST(TorchWriter, NothingIsWrittenAsAnEmptyDict) {
  testing::MemoryCheckpoint none;
  const auto reader = none.reader();
  const Format& to = *format_named("torch");
  const auto store = std::make_shared<testing::MemoryStore>();
  for (const auto& [name, bytes] : testing::written_files(to, Plan{}, *reader, "x.bin")) store->put(name, bytes);
  EXPECT_TRUE(to.open(store, "x.bin", {})->index().tensors.empty());
}

}  // namespace
}  // namespace transload::torch
