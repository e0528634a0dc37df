#include "formats/conformance.h"

#include <fmt/format.h>

#include "support/errors.h"
#include "support/files.h"
#include "support/memory_store.h"
#include "support/plans.h"
#include "transload/format.h"

namespace transload::testing {
namespace {

// The facts: one entry per format.
INSTANTIATE_TEST_SUITE_P(
    Formats, Conformance,
    ::testing::Values(
        FormatFacts{.format = "safetensors",
                    .golden = "tensorflow/heads/BertModel",
                    .files = {"model.safetensors"},
                    .open_as = "model.safetensors"},
        FormatFacts{.format = "torch",
                    .golden = "tensorflow/tiny",
                    .files = {"pytorch_model.bin"},
                    .open_as = "pytorch_model.bin",
                    .searched_tail = 22 + 65'535,  // a zip file's end record
                    .read_ahead = 256},
        FormatFacts{.format = "tensor_bundle",
                    .golden = "tensorflow/tiny/expected_tf",
                    .files = {"tiny.ckpt.data-00000-of-00001", "tiny.ckpt.index"},
                    .open_as = "tiny.ckpt",
                    .sniffs_content = false},
        FormatFacts{
            .format = "mxnet", .golden = "mxnet/bort_tiny_fp32", .files = {"bort.params"}, .open_as = "bort.params"},
        FormatFacts{.format = "npz",
                    .golden = "numpy",
                    .files = {"shapes.npz"},
                    .open_as = "shapes.npz",
                    .searched_tail = 22 + 65'535,
                    .read_ahead = 128},
        FormatFacts{.format = "npy", .golden = "numpy", .files = {"fortran.npy"}, .open_as = "fortran.npy"}),
    [](const auto& row) { return row.param.format; });

// The promises.
const Format& format(const FormatFacts& facts) { return *format_named(facts.format); }

// Such a format has no part of the writing interface.
bool only_reads(const FormatFacts& facts) {
  if (format(facts).layout != nullptr) return false;
  EXPECT_EQ(format(facts).finish, nullptr);
  return true;
}

std::shared_ptr<MemoryStore> golden_store(const FormatFacts& facts) {
  auto store = std::make_shared<MemoryStore>();
  for (const std::string& file : facts.files) store->put(file, read_file(golden(facts.golden) / file));
  return store;
}

std::unique_ptr<Reader> open(const FormatFacts& facts, std::shared_ptr<Store> store) {
  return format(facts).open(std::move(store), facts.open_as, {});
}

// Digests of all tensors, in the order of the index.
std::vector<std::string> digests(const Reader& reader) {
  std::vector<std::string> all;
  for (const TensorInfo& tensor : reader.index().tensors) {
    all.push_back(fmt::format("{} {}", tensor.name, tensor_digest(reader, tensor)));
  }
  return all;
}

TEST_P(Conformance, IsInTheTableAndKnowsItsFiles) {
  ASSERT_NE(format_named(GetParam().format), nullptr);
  const std::string bytes = read_file(golden(GetParam().golden) / GetParam().files.back());
  const ByteView head = as_bytes(bytes).first(std::min<std::size_t>(bytes.size(), 4096));
  const int sure = format(GetParam()).sniff("a name that says nothing", head);
  EXPECT_GE(sure, GetParam().sniffs_content ? 50 : 0);
  EXPECT_LE(sure, 100);
}

TEST_P(Conformance, NoTwoFormatsClaimOneFile) {
  const std::string bytes = read_file(golden(GetParam().golden) / GetParam().files.back());
  for (const Format& other : formats()) {
    if (other.name == GetParam().format) continue;
    EXPECT_LT(other.sniff("a name that says nothing", as_bytes(bytes)), 50) << other.name;
  }
}

TEST_P(Conformance, ClaimsNeitherNothingNorAnyBytes) {
  for (const std::string_view bytes : {std::string_view(), std::string_view("\0", 1), std::string_view("some text\n"),
                                       std::string_view("{\"a\": 1}"), std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF")}) {
    EXPECT_LT(format(GetParam()).sniff("x", as_bytes(bytes)), 50);
    const auto store = std::make_shared<MemoryStore>();
    for (const std::string& file : GetParam().files) store->put(file, bytes);
    EXPECT_TRUE(error_of([&] { open(GetParam(), store); }));
  }
}

TEST_P(Conformance, EveryTensorIsReadable) {
  const auto reader = open(GetParam(), golden_store(GetParam()));
  EXPECT_EQ(reader->index().format, GetParam().format);
  ASSERT_FALSE(reader->index().tensors.empty());
  EXPECT_EQ(digests(*reader).size(), reader->index().tensors.size());
  for (const TensorInfo& tensor : reader->index().tensors) EXPECT_EQ(reader->index().find(tensor.name), &tensor);
}

TEST_P(Conformance, ViewsHoldTheSameBytesAsReads) {
  const auto reader = open(GetParam(), golden_store(GetParam()));
  for (std::uint32_t id = 0; id < reader->index().storages.size(); ++id) {
    std::string bytes(reader->index().storages[id].size, '\0');
    reader->read(id, 0, std::as_writable_bytes(std::span(bytes)));
    EXPECT_EQ(reader->view(id).text(), bytes);
  }
}

TEST_P(Conformance, IndexTouchesNoTensorBytes) {
  const auto store = golden_store(GetParam());
  const auto reader = open(GetParam(), store);
  std::size_t checked = 0;
  for (const Storage& storage : reader->index().storages) {
    const std::string& file = reader->index().files.at(storage.at.file);
    const std::uint64_t end = storage.at.offset + storage.at.size;
    if (end + GetParam().searched_tail > store->open(file)->size()) continue;
    ++checked;
    EXPECT_FALSE(store->touched(file).any_of(storage.at.offset + GetParam().read_ahead, end))
        << file << " @" << storage.at.offset;
  }
  EXPECT_GT(checked, 0u);
}

TEST_P(Conformance, OrderAndDigestsAreStable) {
  const auto first = open(GetParam(), golden_store(GetParam()));
  const auto second = open(GetParam(), golden_store(GetParam()));
  EXPECT_EQ(digest(first->index()), digest(second->index()));
  EXPECT_EQ(digests(*first), digests(*second));
}

TEST_P(Conformance, EveryTruncationIsRefused) {
  for (const std::string& file : GetParam().files) {
    const std::string whole = read_file(golden(GetParam().golden) / file);
    const std::size_t step = std::max<std::size_t>(1, whole.size() / 1500);
    for (std::size_t size = 0; size < whole.size(); size += step) {
      const auto store = golden_store(GetParam());
      store->put(file, std::string_view(whole).substr(0, size));
      const auto error = error_of([&] { digests(*open(GetParam(), store)); });
      ASSERT_TRUE(error) << file << " cut to " << size << " bytes was read";
      EXPECT_FALSE(error->where().file.empty()) << error->what();
    }
  }
}

TEST_P(Conformance, FlippedBytesGiveAnErrorOrAReader) {
  for (const std::string& file : GetParam().files) {
    const std::string whole = read_file(golden(GetParam().golden) / file);
    const std::size_t step = std::max<std::size_t>(1, whole.size() / 1500);
    for (std::size_t at = 0; at < whole.size(); at += step) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
      const auto store = golden_store(GetParam());
      store->put(file, bytes);
      // Anything but an Error leaves error_of() and fails the test.
      const auto error = error_of([&] { digests(*open(GetParam(), store)); });
      EXPECT_EQ(std::string_view(error ? error->what() : "").find('\n'), std::string_view::npos);
    }
  }
}

TEST_P(Conformance, EqualPlansGiveEqualLayouts) {
  if (only_reads(GetParam())) return;
  const auto reader = open(GetParam(), golden_store(GetParam()));
  const Plan plan = slots_of(*reader);
  const LayoutOptions options{.name = GetParam().open_as, .absolute_prefix = {}};
  const Layout a = format(GetParam()).layout(plan, options), b = format(GetParam()).layout(plan, options);
  ASSERT_EQ(a.files.size(), b.files.size());
  for (std::size_t i = 0; i < a.files.size(); ++i) {
    EXPECT_EQ(a.files[i].name, b.files[i].name);
    EXPECT_EQ(a.files[i].size, b.files[i].size);
  }
  ASSERT_EQ(a.fixed.size(), b.fixed.size());
  for (std::size_t i = 0; i < a.fixed.size(); ++i) EXPECT_EQ(a.fixed[i].bytes, b.fixed[i].bytes);
  ASSERT_EQ(a.slots.size(), plan.slots.size());
  for (std::size_t i = 0; i < a.slots.size(); ++i) {
    EXPECT_EQ(a.slots[i].offset, b.slots[i].offset);
    EXPECT_EQ(a.slots[i].size, tensor_bytes(plan.slots[i].dtype, plan.slots[i].shape));
    EXPECT_LE(a.slots[i].offset + a.slots[i].size, a.files.at(a.slots[i].file).size);
  }
}

TEST_P(Conformance, WhatIsWrittenIsReadBack) {
  if (only_reads(GetParam())) return;
  const auto reader = open(GetParam(), golden_store(GetParam()));
  const auto written = written_files(format(GetParam()), slots_of(*reader), *reader, GetParam().open_as);
  const auto store = std::make_shared<MemoryStore>();
  for (const auto& [name, bytes] : written) store->put(name, bytes);
  const auto again = open(GetParam(), store);
  EXPECT_EQ(digests(*again).size(), reader->index().tensors.size());
  for (const TensorInfo& tensor : reader->index().tensors) {
    const TensorInfo* found = again->index().find(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    EXPECT_EQ(found->dtype, tensor.dtype);
    EXPECT_EQ(found->shape, tensor.shape);
    EXPECT_EQ(tensor_digest(*again, *found), tensor_digest(*reader, tensor)) << tensor.name;
  }
}

}  // namespace
}  // namespace transload::testing
