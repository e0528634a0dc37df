#include "formats/tensor_bundle/tensor_bundle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "support/bundle_fixtures.h"
#include "support/bundle_plan.h"
#include "support/stopwatch.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

using testing::contents, testing::golden, testing::hostile, testing::json, testing::written;

std::unique_ptr<Reader> open_at(const fs::path& folder, std::string_view prefix) {
  return tensor_bundle_format().open(open_folder(folder), prefix, {});
}

// A folder in memory.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(testing::Files files) : files_(std::move(files)) {}
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files_) names.push_back(name);
    return names;
  }
  bool exists(std::string_view name) const override { return files_.contains(std::string(name)); }
  std::shared_ptr<Source> open(std::string_view name) const override {
    return testing::source(std::string(name), files_.at(std::string(name)));
  }

 private:
  testing::Files files_;
};

std::unique_ptr<Reader> open_files(testing::Files files, std::string_view prefix) {
  return tensor_bundle_format().open(std::make_shared<MemoryStore>(std::move(files)), prefix, {});
}

void read_all(const Reader& reader) {
  for (const TensorInfo& tensor : reader.index().tensors) tensor_digest(reader, tensor);
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, ReadsWhatTensorFlowReads) {
  const fs::path folder = golden("tensorflow") / GetParam();
  const wire::Json expected = json(folder / "expected.json");
  const auto reader = open_at(folder, expected.at("prefix").get<std::string>());
  const Index& index = reader->index();
  ASSERT_EQ(index.tensors.size(), expected.at("tensors").size());
  EXPECT_TRUE(index.left_out.empty());
  std::string before;
  for (const TensorInfo& tensor : index.tensors) {
    EXPECT_LT(before, tensor.name);
    before = tensor.name;
    const wire::Json& entry = expected.at("tensors").at(tensor.name);
    EXPECT_EQ(name(tensor.dtype), entry.at("dtype").get<std::string>()) << tensor.name;
    EXPECT_EQ(tensor.shape, entry.at("shape").get<Shape>()) << tensor.name;
    EXPECT_EQ(tensor_digest(*reader, tensor), entry.at("sha256").get<std::string>()) << tensor.name;
    for (const Chunk& chunk : tensor.chunks) EXPECT_TRUE(index.storages[chunk.storage].checksum);
  }
}

INSTANTIATE_TEST_SUITE_P(Tensorflow, Golden,
                         ::testing::Values("big_endian", "google_classifier", "google_pretraining",
                                           "google_pretraining_adam", "multiblock_bs300_ri4", "tf2_object", "v2_dtypes",
                                           "v2_partitioned", "v2_sharded"),
                         [](const auto& test) { return std::string(test.param); });

class Corrupt : public ::testing::TestWithParam<const char*> {};

TEST_P(Corrupt, IsRefusedWithItsFile) {
  try {
    read_all(*open_at(golden("tensorflow") / GetParam(), "model.ckpt"));
    FAIL() << "read without an error";
  } catch (const Error& error) {
    EXPECT_NE(error.where().file.find("model.ckpt."), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Tensorflow, Corrupt,
                         ::testing::Values("corrupt_data_bitflip", "corrupt_data_missing", "corrupt_data_truncated",
                                           "corrupt_index_bad_magic", "corrupt_index_bitflip_block",
                                           "corrupt_index_too_short", "corrupt_no_header_key"),
                         [](const auto& test) { return std::string(test.param); });

TEST(TensorBundle, ADamagedTensorIsNamedWithItsOffset) {
  try {
    read_all(*open_at(golden("tensorflow/corrupt_data_bitflip"), "model.ckpt"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_EQ(error.where().tensor, "bert/embeddings/position_embeddings");  // the one that TensorFlow names too
    EXPECT_TRUE(error.where().offset);
  }
}

TEST(TensorBundle, TheFirstVersionIsUnsupportedAndSaysSo) {
  for (const std::string_view folder : {"tensorflow/v1_single", "tensorflow/snappy_v1_single"}) {
    try {
      open_at(golden(folder), "model.ckpt");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_NE(error.message().find("version 1"), std::string::npos) << error.what();
    }
  }
}

TEST(TensorBundle, AMissingPrefixIsAnIoError) {
  try {
    open_at(golden("tensorflow/v2_dtypes"), "other.ckpt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_NE(error.where().file.find("other.ckpt.index"), std::string::npos);
  }
}

// Every row of the table of attacks that is about a bundle.
TEST(TensorBundle, HostileFilesHaveTheRequiredOutcome) {
  std::istringstream table(contents(hostile("EXPECTED.tsv")));
  std::string line;
  std::getline(table, line);
  std::size_t refused = 0, loaded = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string file, format, attack, outcome;
    std::getline(fields, file, '\t');
    std::getline(fields, format, '\t');
    std::getline(fields, attack, '\t');
    std::getline(fields, outcome, '\t');
    if (!file.starts_with("tf_bundle/") || !file.ends_with("/x.index"))
      continue;  // the state file: checkpoint_file_test.cc
    std::string error;
    try {
      read_all(*open_at(hostile(file).parent_path(), "x"));
    } catch (const Error& e) {
      error = e.what();
      EXPECT_NE(error.find("x."), std::string::npos) << error;
    }
    const bool may_load = outcome.find("load") != std::string::npos || outcome.find("swap") != std::string::npos;
    const bool may_refuse = outcome.starts_with("refuse");
    EXPECT_TRUE(error.empty() ? may_load : may_refuse) << file << " (" << attack << "): " << error;
    ++(error.empty() ? loaded : refused);
  }
  // Our choices: a big-endian header, a good string tensor and an unknown field load; shared bytes are refused.
  EXPECT_EQ(loaded, 4U);
  EXPECT_EQ(refused, 43U);
}

TEST(TensorBundle, EveryTruncationIsRefused) {
  const fs::path folder = golden("tensorflow/v2_partitioned");
  const std::string index = contents(folder / "model.ckpt.index");
  const std::string data = contents(folder / "model.ckpt.data-00000-of-00001");
  for (std::size_t size = 0; size < index.size(); ++size) {
    ASSERT_THROW(read_all(*open_files({{"m.index", index.substr(0, size)}, {"m.data-00000-of-00001", data}}, "m")),
                 Error);
  }
  for (std::size_t size = 0; size < data.size(); ++size) {
    ASSERT_THROW(read_all(*open_files({{"m.index", index}, {"m.data-00000-of-00001", data.substr(0, size)}}, "m")),
                 Error);
  }
}

TEST(TensorBundle, EveryFlippedBitOfTheDataIsFound) {
  const fs::path folder = golden("tensorflow/v2_dtypes");
  const std::string index = contents(folder / "model.ckpt.index");
  const std::string data = contents(folder / "model.ckpt.data-00000-of-00001");
  for (std::size_t bit = 0; bit < 8 * data.size(); bit += 3) {
    std::string broken = data;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_THROW(read_all(*open_files({{"m.index", index}, {"m.data-00000-of-00001", broken}}, "m")), Error) << bit;
  }
}

TEST(TensorBundle, IsToldByTheNamesOfItsFiles) {
  const auto sniff = tensor_bundle_format().sniff;
  const std::string index = contents(golden("tensorflow/tiny/expected_tf/tiny.ckpt.index"));
  EXPECT_GT(sniff("tiny.ckpt.index", as_bytes(index)), 90);
  EXPECT_GT(sniff("a/tiny.ckpt.data-00000-of-00001", {}), 80);
  EXPECT_GT(sniff("x.index", as_bytes("version https://git-lfs")), 0);
  EXPECT_EQ(sniff("model.safetensors.index.json", as_bytes("{}")), 0);
  EXPECT_EQ(sniff("x.data-0-of-1", {}), 0);
  EXPECT_EQ(sniff("model.safetensors", as_bytes(index)), 0);
}

// ---- writing
// ---------------------------------------------------------------------------------------------------------

// The plan of the tiny model and its values: slots in the order of the model's class (that of expected.json), values
// from what the real script wrote, each of which has the digest that PyTorch's tensor has.
struct Tiny {
  Plan plan;
  std::map<std::string, std::string> values;
};

Tiny tiny() {
  const wire::Json expected = json(golden("tensorflow/tiny/expected.json")).at("tf");
  const auto reader = open_at(golden("tensorflow/tiny/expected_tf"), "tiny.ckpt");
  Tiny out;
  for (const auto& [name, entry] : expected.items()) {
    const TensorInfo& tensor = *reader->index().find(name);
    EXPECT_EQ(tensor_digest(*reader, tensor), entry.at("sha256").get<std::string>()) << name;
    EXPECT_EQ(tensor.shape, entry.at("shape").get<Shape>()) << name;
    std::string bytes(tensor_bytes(tensor.dtype, tensor.shape), '\0');
    read_tensor(*reader, tensor, std::as_writable_bytes(std::span(bytes)));
    out.values.emplace(name, std::move(bytes));
    out.plan.slots.push_back({name, tensor.dtype, tensor.shape, {}});
  }
  EXPECT_EQ(out.plan.slots.size(), reader->index().tensors.size());
  return out;
}

TEST(TensorBundle, WritesTheFourFilesOfTheRealScript) {
  const Tiny model = tiny();
  const testing::Files files = written(model.plan, {"tiny.ckpt", {}}, model.values);
  ASSERT_EQ(files.size(), 4U);
  for (const auto& [name, bytes] : files) {
    EXPECT_TRUE(bytes == contents(golden("tensorflow/tiny/expected_tf") / name)) << name;
  }
}

TEST(TensorBundle, DataComesFirstAndTheOldIndexGoesFirst) {
  const Layout out = tensor_bundle_format().layout(tiny().plan, {"tiny.ckpt", {}});
  std::vector<std::string> names;
  for (const OutputSet::File& file : out.files) {
    names.push_back(file.name);
    EXPECT_EQ(file.retract, file.name == "tiny.ckpt.index");
  }
  EXPECT_EQ(names, (std::vector<std::string>{"tiny.ckpt.data-00000-of-00001", "tiny.ckpt.meta", "tiny.ckpt.index",
                                             "checkpoint"}));
  EXPECT_EQ(out.checksum, Layout::Checksum::crc32c);
}

TEST(TensorBundle, TheCheckpointFileNamesAnAbsolutePrefixWhereOneIsGiven) {
  const Tiny model = tiny();
  const auto files = written(model.plan, {"tiny.ckpt", "/models/tiny.ckpt"}, model.values);
  EXPECT_EQ(files.at("checkpoint"),
            "model_checkpoint_path: \"/models/tiny.ckpt\"\nall_model_checkpoint_paths: \"/models/tiny.ckpt\"\n");
}

TEST(TensorBundle, ReadsWhatItWroteInEveryDtypeAndShape) {
  Plan plan;
  std::map<std::string, std::string> values;
  for (const DTypeInfo& row : dtypes()) {
    if (row.kind == DTypeKind::text || row.kind == DTypeKind::packed || row.type == DType::c32) continue;
    if (row.kind == DTypeKind::opaque && row.type != DType::f8_e4m3fn && row.type != DType::f8_e5m2) continue;
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3}, Shape{2, 0, 5}, Shape{1, 2, 3, 4, 5, 6, 7, 8}}) {
      const std::string name = fmt::format("{}/{}", row.name, to_string(shape));
      std::string bytes(tensor_bytes(row.type, shape), '\0');
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + name.size());
      plan.slots.push_back({name, row.type, shape, {}});
      values.emplace(name, std::move(bytes));
    }
  }
  const auto reader = open_files(written(plan, {"m", {}}, values), "m");
  ASSERT_EQ(reader->index().tensors.size(), plan.slots.size());
  for (const Slot& slot : plan.slots) {
    const TensorInfo* tensor = reader->index().find(slot.name);
    ASSERT_NE(tensor, nullptr) << slot.name;
    EXPECT_EQ(tensor->dtype, slot.dtype);
    EXPECT_EQ(tensor->shape, slot.shape);
    std::string bytes(values.at(slot.name).size(), '\0');
    read_tensor(*reader, *tensor, std::as_writable_bytes(std::span(bytes)));
    EXPECT_EQ(bytes, values.at(slot.name)) << slot.name;
  }
}

TEST(TensorBundle, AnEmptyPlanIsAnEmptyBundle) {
  const auto files = written({}, {"m", {}}, {});
  EXPECT_EQ(files.at("m.data-00000-of-00001"), "");
  EXPECT_TRUE(open_files(files, "m")->index().tensors.empty());
}

TEST(TensorBundle, NamesAndDtypesThatABundleCannotHoldAreRefusedTogether) {
  Plan plan;
  plan.slots = {{"", DType::f32, {2}, {}},      {std::string("\0a", 2), DType::f32, {2}, {}},
                {"\xff", DType::f32, {2}, {}},  {"twice", DType::f32, {2}, {}},
                {"twice", DType::f32, {2}, {}}, {"text", DType::string, {2}, {}},
                {"c32", DType::c32, {2}, {}},   {"rank", DType::f32, Shape(255, 1), {}},
                {"good", DType::f32, {2}, {}}};
  try {
    tensor_bundle_format().layout(plan, {"m", {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_EQ(error.details().size(), 6U);  // and one in the message
  }
}

// 70,000 tensors take a fraction of a second; anything quadratic takes minutes.
TEST(TensorBundle, ManyTensorsTakeNoLongerThanTheirNumber) {
  Plan plan;
  std::map<std::string, std::string> values;
  for (int i = 0; i < 70000; ++i) {
    const std::string name = fmt::format("model/layer_{}/kernel", i);
    plan.slots.push_back({name, DType::f32, {1}, {}});
    values.emplace(name, "1234");
  }
  const test::Stopwatch watch;
  const auto reader = open_files(written(plan, {"m", {}}, values), "m");
  EXPECT_EQ(reader->index().tensors.size(), 70000U);
  EXPECT_LT(watch.seconds(), 60);
}

}  // namespace
}  // namespace transload::tensor_bundle
