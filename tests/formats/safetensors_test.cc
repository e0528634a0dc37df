// Reading and writing safetensors, against files of the real library.
#include "formats/safetensors/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/expected.h"
#include "support/files.h"
#include "support/memory_store.h"
#include "support/plans.h"
#include "support/stopwatch.h"

namespace transload {
namespace {

using testing::error_of;
using testing::golden;
using testing::MemoryStore;
using testing::read_file;
using testing::refuses;

const Format& format() { return safetensors_format(); }

std::unique_ptr<Reader> open_bytes(std::string_view bytes) {
  return format().open(std::make_shared<MemoryStore>("x.safetensors", bytes), "x.safetensors", {});
}

std::unique_ptr<Reader> open_path(const fs::path& path) {
  return format().open(open_folder(path.parent_path()), path.filename().string(), {});
}

// A file with this header text, its length in front, and `data_bytes` bytes of data.
std::string file_with(std::string_view header, std::size_t data_bytes) {
  std::string bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  bytes += header;
  bytes.append(data_bytes, '\x5A');
  return bytes;
}

std::string header_of(std::string_view bytes) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < 8; ++i) size |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return std::string(bytes.substr(8, size));
}

class GoldenFile : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(RealLibrary, GoldenFile, ::testing::Values("dtypes", "names", "shapes", "metadata", "empty"),
                         [](const auto& row) { return std::string(row.param); });

TEST_P(GoldenFile, ReadsWhatTheLibraryReads) {
  const std::string file = std::string(GetParam()) + ".safetensors";
  const auto all = nlohmann::json::parse(read_file(golden("safetensors/expected.json")));
  const auto& expected = all.at(file);
  const auto reader = open_path(golden("safetensors/" + file));
  const Index& index = reader->index();
  EXPECT_EQ(index.metadata, (expected.at("metadata").get<std::map<std::string, std::string>>()));
  ASSERT_EQ(index.tensors.size(), expected.at("tensors").size());
  for (std::size_t i = 0; i < index.tensors.size(); ++i) {
    const TensorInfo& tensor = index.tensors[i];
    const auto& row = expected.at("tensors")[i];
    EXPECT_EQ(tensor.name, row.at("name").get<std::string>());
    auto dtype = row.at("dtype").get<std::string>();
    auto shape = row.at("shape").get<Shape>();
    if (dtype == "float4_e2m1fn_x2") {  // torch counts pairs, the file counts numbers
      dtype = "float4_e2m1fn";
      shape.back() *= 2;
    }
    EXPECT_EQ(name(tensor.dtype), dtype) << tensor.name;
    EXPECT_EQ(tensor.shape, shape) << tensor.name;
    EXPECT_EQ(tensor_digest(*reader, tensor), row.at("sha256").get<std::string>()) << tensor.name;
  }
}

// The library's bytes, whatever the order in which the slots come.
void expect_written_back(const fs::path& path) {
  const std::string bytes = read_file(path);
  const auto reader = open_bytes(bytes);
  Plan plan = testing::slots_of(*reader);
  for (int turn = 0; turn < 2; ++turn) {
    const auto files = testing::written_files(format(), plan, *reader, "out.safetensors");
    ASSERT_EQ(files.size(), 1u);
    EXPECT_EQ(files.at("out.safetensors"), bytes) << path;
    std::ranges::reverse(plan.slots);
  }
}

TEST_P(GoldenFile, IsWrittenBackByteForByte) {
  expect_written_back(golden(fmt::format("safetensors/{}.safetensors", GetParam())));
}

TEST(Safetensors, WritesTransformersFilesBackByteForByte) {
  for (const char* file : {"tiny/model", "tiny/model_bf16", "tiny/model_fp16", "heads/BertModel/model",
                           "heads/BertForMaskedLM/model", "heads/BertForPreTraining/model"}) {
    expect_written_back(golden(fmt::format("tensorflow/{}.safetensors", file)));
  }
}

TEST(Safetensors, ReadsTheTensorsThatTorchHas) {
  const auto expected = nlohmann::json::parse(read_file(golden("tensorflow/tiny/expected.json"))).at("torch");
  const auto reader = open_path(golden("tensorflow/tiny/model.safetensors"));
  ASSERT_EQ(reader->index().tensors.size(), expected.size());
  for (const auto& [name, row] : expected.items()) {
    const TensorInfo* tensor = reader->index().find(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(transload::name(tensor->dtype), row.at("dtype").get<std::string>());
    EXPECT_EQ(tensor->shape, row.at("shape").get<Shape>());
    EXPECT_EQ(tensor_digest(*reader, *tensor), row.at("sha256").get<std::string>()) << name;
  }
}

TEST(SafetensorsHostile, EveryFileHasItsRequiredOutcome) {
  int seen = 0;
  for (const auto& row : testing::expected_rows("safetensors")) {
    const auto error = error_of([&] {
      const auto reader = open_path(testing::hostile("safetensors") / row.file);
      for (const TensorInfo& tensor : reader->index().tensors) tensor_digest(*reader, tensor);
    });
    if (row.must_load()) {
      EXPECT_FALSE(error) << row.file << ": " << error->what();
    }
    if (row.must_refuse()) {
      ASSERT_TRUE(error) << row.file << " (" << row.attack << ") was loaded";
      EXPECT_TRUE(error->code() == Errc::corrupt || error->code() == Errc::unsupported) << row.file;
      EXPECT_NE(error->where().file.find(row.file), std::string::npos) << error->what();
      EXPECT_EQ(std::string_view(error->what()).find('\n'), std::string_view::npos) << error->what();
    }
    ++seen;
  }
  EXPECT_EQ(seen, 51);
}

// The three rows of EXPECTED.tsv that leave a choice; docs/formats/safetensors.md says why.
TEST(SafetensorsHostile, ChoicesAreTheDocumentedOnes) {
  const auto open = [](const char* name) { return [=] { open_path(testing::hostile("safetensors") / name); }; };
  EXPECT_FALSE(error_of(open("shape_huge_after_zero.safetensors")));
  EXPECT_TRUE(refuses(open("name_nul.safetensors"), Errc::unsupported, "NUL"));
  EXPECT_TRUE(refuses(open("json_pad_newline.safetensors"), Errc::corrupt, "does not end with '}' and blanks"));
}

TEST(SafetensorsHostile, EveryTruncationIsRefused) {
  for (const char* file : {"safetensors/dtypes", "safetensors/metadata", "safetensors/shapes"}) {
    const std::string bytes = read_file(golden(fmt::format("{}.safetensors", file)));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_TRUE(refuses([&] { open_bytes(std::string_view(bytes).substr(0, size)); }, Errc::corrupt)) << size;
    }
    EXPECT_TRUE(refuses([&] { open_bytes(bytes + '\0'); }, Errc::corrupt, "follow the last tensor"));
  }
}

// A flip in the header is refused, or what is read is what the header now says: never a crash, never a tensor that
// reaches outside of the data.
TEST(SafetensorsHostile, EveryFlippedHeaderBitIsRefusedOrHarmless) {
  const std::string good = read_file(golden("safetensors/metadata.safetensors"));
  const std::size_t header = 8 + header_of(good).size();
  int refused = 0;
  for (std::size_t at = 0; at < header; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const auto error = error_of([&] {
        const auto reader = open_bytes(bytes);
        for (const TensorInfo& tensor : reader->index().tensors) tensor_digest(*reader, tensor);
      });
      refused += error ? 1 : 0;
    }
  }
  EXPECT_GT(refused, static_cast<int>(header) * 4);
}

TEST(SafetensorsHostile, UnknownFieldIsRefused) {
  const std::string header = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1}})";
  EXPECT_TRUE(refuses([&] { open_bytes(file_with(header, 1)); }, Errc::corrupt, "unknown field 'extra'"));
}

TEST(SafetensorsHostile, FieldTwiceIsRefused) {
  const std::string header = R"({"w":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})";
  EXPECT_TRUE(refuses([&] { open_bytes(file_with(header, 1)); }, Errc::corrupt, "'dtype' occurs twice"));
}

TEST(SafetensorsHostile, BlanksBeforeTheHeaderAreRefused) {
  EXPECT_TRUE(refuses([&] { open_bytes(file_with("  {}", 0)); }, Errc::corrupt, "does not begin with '{'"));
}

TEST(SafetensorsHostile, WrongKindsAreRefused) {
  const auto refused = [](std::string_view header) {
    return refuses([&] { open_bytes(file_with(header, 1)); }, Errc::corrupt);
  };
  for (const char* header : {R"({"w":1})", R"({"w":[1]})", R"({"w":{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":{"0":1},"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":[-0],"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0]}})",
                             R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})",
                             R"({"w":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}})",
                             R"({"w":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", R"({"__metadata__":"x"})",
                             R"({"__metadata__":{"a":null}})", R"({"__metadata__":{"a":["b"]}})"}) {
    EXPECT_TRUE(refused(header)) << header;
  }
}

TEST(Safetensors, DataMayLieInAnotherOrderThanTheHeader) {
  const std::string header =
      R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"data_offsets":[0,1],"shape":[1],"dtype":"I8"}})";
  const auto reader = open_bytes(file_with(header, 3));
  ASSERT_EQ(reader->index().tensors.size(), 2u);
  EXPECT_EQ(reader->index().tensors[0].name, "b");
  EXPECT_EQ(reader->index().tensors[1].dtype, DType::i8);
}

TEST(Safetensors, ErrorNamesFileTensorAndNumbers) {
  const std::string header = R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}})";
  const auto error = error_of([&] { open_bytes(file_with(header, 20)); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where().file, "x.safetensors");
  EXPECT_EQ(error->where().tensor, "w");
  EXPECT_EQ(error->message(), "float32 of shape [2, 3] takes 24 bytes, but data_offsets [0, 20] hold 20");
}

TEST(Safetensors, KeyIsRefused) {
  const auto store = std::make_shared<MemoryStore>("x", file_with("{}", 0));
  EXPECT_TRUE(refuses([&] { format().open(store, "x", {.key = "model"}); }, Errc::usage, "no containers"));
}

TEST(Safetensors, SniffsByContent) {
  const std::string good = file_with("{}", 0);
  EXPECT_GE(format().sniff("weights", as_bytes(good)), 90);
  EXPECT_LT(format().sniff("x.safetensors", as_bytes("not one")), 50);
  EXPECT_EQ(format().sniff("weights", as_bytes("{\"a\": {\"b\": 1}}")), 0);
  EXPECT_EQ(format().sniff("weights", {}), 0);
}

TEST(Safetensors, SeventyThousandTensorsOpenFast) {
  Plan plan;
  for (int i = 0; i < 70'000; ++i) {
    plan.slots.push_back(
        {fmt::format("model.layers.{}.mlp.experts.{}.gate_proj.weight", i / 100, i), DType::u8, {1}, {}});
  }
  const Layout layout = format().layout(plan, {.name = "x", .absolute_prefix = {}});
  std::string bytes = layout.fixed[0].bytes;
  bytes.resize(layout.files[0].size);
  const test::Stopwatch watch;
  const auto reader = open_bytes(bytes);
  const double took = watch.seconds();
  EXPECT_EQ(reader->index().tensors.size(), 70'000u);
  RecordProperty("seconds", fmt::format("{:.3f}", took));
  EXPECT_LT(took, 5.0);  // some 0.1 s in a release build; a quadratic step would take minutes
}

Layout layout_of(Plan plan) { return format().layout(plan, {.name = "x", .absolute_prefix = {}}); }

TEST(SafetensorsLayout, RefusesAllThatTheFormatCannotHoldAtOnce) {
  Plan plan;
  plan.slots.push_back({"text", DType::string, {1}, {}});
  plan.slots.push_back({"fine", DType::f32, {1}, {}});
  plan.slots.push_back({"wide", DType::c128, {1}, {}});
  plan.slots.push_back({"__metadata__", DType::f32, {1}, {}});
  plan.slots.push_back({"bad\xFF", DType::f32, {1}, {}});
  plan.slots.push_back({std::string("nul\0", 4), DType::f32, {1}, {}});
  const auto error = error_of([&] { layout_of(plan); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::unsupported);
  EXPECT_EQ(error->details().size(), 5u);
}

TEST(SafetensorsLayout, SortsMetadataKeysAndLeavesEmptyMetadataOut) {
  Plan plan;
  EXPECT_EQ(layout_of(plan).fixed[0].bytes, file_with("{}      ", 0));
  plan.metadata = {{"format", "pt"}, {"b", "2"}, {"a", "1"}};
  EXPECT_TRUE(
      header_of(layout_of(plan).fixed[0].bytes).starts_with(R"({"__metadata__":{"a":"1","b":"2","format":"pt"}})"));
  EXPECT_EQ(open_bytes(layout_of(plan).fixed[0].bytes)->index().metadata, plan.metadata);
}

TEST(SafetensorsLayout, Float4PairsAreWrittenAsTheLibraryDoes) {
  Plan plan;
  plan.slots.push_back({"float4_e2m1fn_x2", DType::f4_e2m1fn_x2, {2, 3}, {}});
  EXPECT_TRUE(header_of(layout_of(plan).fixed[0].bytes)
                  .starts_with(R"({"float4_e2m1fn_x2":{"dtype":"F4","shape":[2,6],"data_offsets":[0,6]}})"));
  plan.slots[0].shape = {};
  EXPECT_TRUE(refuses([&] { layout_of(plan); }, Errc::unsupported));
}

TEST(SafetensorsLayout, SameNameTwiceIsRefused) {
  Plan plan;
  plan.slots.assign(2, {"w", DType::f32, {1}, {}});
  EXPECT_TRUE(refuses([&] { layout_of(plan); }, Errc::usage, "two slots"));
}

}  // namespace
}  // namespace transload
