// Sharded sets: the index and its shards must agree, and nothing may lead elsewhere.
#include "formats/sharded.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "formats/safetensors/safetensors.h"
#include "formats/shard_index.h"
#include "formats/shard_name.h"
#include "support/errors.h"
#include "support/expected.h"
#include "support/files.h"
#include "support/memory_store.h"
#include "transload/plan.h"

namespace transload {
namespace {

using testing::error_of;
using testing::MemoryStore;
using testing::refuses;
using testing::TempFolder;

// A safetensors file with one float32 vector of 3 per name, each filled with its own byte.
std::string shard(std::initializer_list<std::string_view> names, std::map<std::string, std::string> metadata = {}) {
  Plan plan;
  plan.metadata = std::move(metadata);
  for (const std::string_view name : names) plan.slots.push_back({std::string(name), DType::f32, {3}, {}});
  const Layout layout = safetensors_format().layout(plan, {.name = "x", .absolute_prefix = {}});
  std::string bytes = layout.fixed[0].bytes;
  bytes.resize(layout.files[0].size);
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    bytes.replace(layout.slots[i].offset, layout.slots[i].size, layout.slots[i].size, plan.slots[i].name[0]);
  }
  return bytes;
}

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

std::string index_of(std::initializer_list<std::pair<std::string_view, std::string_view>> map, int total = 36) {
  std::string text = fmt::format("{{\"metadata\":{{\"total_size\":{}}},\"weight_map\":{{", total);
  for (const auto& [tensor, file] : map) {
    text += fmt::format("{}\"{}\":\"{}\"", text.back() == '{' ? "" : ",", tensor, file);
  }
  return text + "}}";
}

std::shared_ptr<MemoryStore> good_set() {
  auto store = std::make_shared<MemoryStore>(kIndex, index_of({{"c", kSecond}, {"a", kFirst}, {"b", kFirst}}));
  store->put(kFirst, shard({"b", "a"}, {{"format", "pt"}}));
  store->put(kSecond, shard({"c"}, {{"format", "pt"}}));
  return store;
}

std::unique_ptr<Reader> open_set(const std::shared_ptr<Store>& store) { return open_sharded(store, kIndex, {}); }

TEST(Sharded, IsOneReader) {
  const auto reader = open_set(good_set());
  const Index& index = reader->index();
  EXPECT_EQ(index.format, "safetensors");
  EXPECT_EQ(index.files, (std::vector<std::string>{kFirst, kSecond}));
  EXPECT_EQ(index.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_TRUE(index.notes.empty());
  ASSERT_EQ(index.tensors.size(), 3u);
  for (const TensorInfo& tensor : index.tensors) {
    std::string bytes(12, '\0');
    read_tensor(*reader, tensor, std::as_writable_bytes(std::span(bytes)));
    EXPECT_EQ(bytes, std::string(12, tensor.name[0]));
    EXPECT_EQ(reader->view(tensor.chunks.at(0).storage).text(), bytes);
    EXPECT_EQ(index.tied_to(tensor), nullptr);
  }
  EXPECT_EQ(index.tensors.back().name, "c");
  EXPECT_EQ(index.storages[index.tensors.back().chunks[0].storage].at.file, 1u);
}

TEST(Sharded, ShardsWithoutTensorsDoNoHarm) {
  auto store = std::make_shared<MemoryStore>(kIndex, index_of({{"c", "z.safetensors"}, {"a", "b.safetensors"}}, 24));
  store->put("b.safetensors", shard({"a"}));
  store->put("z.safetensors", shard({"c"}));
  const auto reader = open_set(store);
  for (const TensorInfo& tensor : reader->index().tensors) {
    EXPECT_EQ(reader->view(tensor.chunks[0].storage).text()[0], tensor.name[0]);
  }
}

TEST(Sharded, TorchShardsOfTheRealFramework) {
  const auto reader = open(locate(testing::golden("pytorch/hf_sharded").string()));
  EXPECT_EQ(reader->index().format, "torch");
  EXPECT_TRUE(reader->index().notes.empty());
  const auto expected = nlohmann::json::parse(testing::read_file(testing::golden("pytorch/hf_sharded/expected.json")));
  std::size_t tensors = 0;
  for (const auto& [file, content] : expected.items()) {
    for (const auto& [name, row] : content.at("tensors").items()) {
      const TensorInfo* tensor = reader->index().find(name);
      ASSERT_NE(tensor, nullptr) << name;
      EXPECT_EQ(tensor_digest(*reader, *tensor), row.at("sha256").get<std::string>());
      ++tensors;
    }
  }
  EXPECT_EQ(reader->index().tensors.size(), tensors);
}

TEST(Sharded, WrongTotalSizeIsANote) {
  const auto store = good_set();
  store->put(kIndex, index_of({{"c", kSecond}, {"a", kFirst}, {"b", kFirst}}, 35));
  const auto reader = open_set(store);
  ASSERT_EQ(reader->index().notes.size(), 1u);
  EXPECT_EQ(reader->index().notes[0], "The index of the set says 35 bytes in all; its tensors take 36.");
}

TEST(Sharded, DifferentMetadataIsANote) {
  const auto store = good_set();
  store->put(kSecond, shard({"c"}, {{"format", "np"}}));
  EXPECT_EQ(open_set(store)->index().notes.size(), 1u);
}

TEST(Sharded, ListsEveryDisagreementAtOnce) {
  const auto store = good_set();
  store->put(kIndex, index_of({{"c", kFirst}, {"a", kFirst}, {"gone", kSecond}}));
  const auto error = error_of([&] { open_set(store); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::corrupt);
  EXPECT_EQ(error->where().file, kIndex);
  ASSERT_EQ(error->details().size(), 3u) << error->what();
  EXPECT_EQ(error->details()[0], fmt::format("tensor 'c' is not in '{}' but in '{}'", kFirst, kSecond));
  EXPECT_EQ(error->details()[1], fmt::format("tensor 'gone' is not in '{}', nor in another shard", kSecond));
  EXPECT_EQ(error->details()[2], fmt::format("tensor 'b' of '{}' is not in the index", kFirst));
}

TEST(Sharded, ListsEveryMissingShardAtOnce) {
  const auto store = std::make_shared<MemoryStore>(
      kIndex, index_of({{"a", "x.safetensors"}, {"b", "y.safetensors"}, {"c", "x.safetensors"}}));
  const auto error = error_of([&] { open_set(store); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::io);
  EXPECT_EQ(error->details(), (std::vector<std::string>{"x.safetensors", "y.safetensors"}));
}

TEST(Sharded, ForgottenShardOfTheSetIsRefused) {
  const auto store = good_set();
  store->put(kIndex, index_of({{"a", kFirst}, {"b", kFirst}}));
  EXPECT_TRUE(refuses([&] { open_set(store); }, Errc::corrupt, kSecond));
}

TEST(Sharded, FilesOfAnotherSetBesideItAreIgnored) {
  const auto store = good_set();
  store->put("other-00002-of-00002.safetensors", shard({"x"}));
  store->put("model-00003-of-00003.safetensors", shard({"x"}));
  EXPECT_FALSE(error_of([&] { open_set(store); }));
}

TEST(ShardIndexText, IsStrict) {
  const auto refused = [](std::string_view text) {
    return refuses([&] { parse_shard_index(text, "i.json"); }, Errc::corrupt);
  };
  for (const char* text : {"",
                           "[]",
                           "1",
                           "{}",
                           R"({"weight_map":{}})",
                           R"({"weight_map":[]})",
                           R"({"weight_map":"x"})",
                           R"({"weight_map":{"a":1}})",
                           R"({"weight_map":{"a":["x"]}})",
                           R"({"weight_map":{"a":{"b":"x"}}})",
                           R"({"weight_map":{"a":"x","a":"y"}})",
                           R"({"weight_map":{"a":"x"},"weight_map":{"b":"x"}})",
                           R"({"weight_map":{"a":""}})",
                           R"({"weight_map":{"a":".."}})",
                           R"({"weight_map":{"a":"../x"}})",
                           R"({"weight_map":{"a":"/x"}})",
                           R"({"weight_map":{"a":"./x"}})",
                           R"({"weight_map":{"a":"d\\x"}})",
                           R"({"weight_map":{"a":"C:x"}})",
                           R"({"weight_map":{"a":"x\u0000"}})"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(ShardIndexText, SkipsWhatItDoesNotKnow) {
  const ShardIndex index = parse_shard_index(
      R"({"metadata":{"total_size":5,"nested":{"weight_map":{"b":"y"},"total_size":7}},"other":[{"a":1}],"weight_map":{"a":"x"}})",
      "i.json");
  EXPECT_EQ(index.total_size, 5u);
  ASSERT_EQ(index.weight_map.size(), 1u);
  EXPECT_EQ(index.weight_map[0].tensor, "a");
}

TEST(ShardIndexText, ExtensionsMustAgree) {
  const auto extension = [](std::string_view shards, std::string_view name) {
    return std::string(
        shard_extension(parse_shard_index(fmt::format("{{\"weight_map\":{{{}}}}}", shards), "i"), name, "i"));
  };
  EXPECT_EQ(extension(R"("a":"x.bin")", "pytorch_model.bin.index.json"), ".bin");
  EXPECT_EQ(extension(R"("a":"x.pt")", "index.json"), ".pt");
  EXPECT_TRUE(refuses([&] { extension(R"("a":"x.bin")", kIndex); }, Errc::corrupt, "no .safetensors file"));
  EXPECT_TRUE(refuses([&] { extension(R"("a":"x.bin","b":"x.safetensors")", "index.json"); }, Errc::corrupt));
  EXPECT_TRUE(refuses([&] { extension(R"("a":"x.txt")", "index.json"); }, Errc::corrupt, "no weights file"));
}

TEST(ShardNameText, Parses) {
  const auto shard = parse_shard_name("model-v2-00001-of-00012.safetensors");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->stem, "model-v2");
  EXPECT_EQ(shard->number, 1u);
  EXPECT_EQ(shard->count, 12u);
  EXPECT_EQ(shard->extension, ".safetensors");
  for (const char* name : {"", "model.bin", "-of-", "model-of-00002.bin", "model-x-of-00002.bin", "model-1-of-2",
                           "model-99999999999-of-00002.bin", "00001-of-00002.bin"}) {
    EXPECT_FALSE(parse_shard_name(name)) << name;
  }
}

TEST(ShardedHostile, EveryIndexHasItsRequiredOutcome) {
  int seen = 0;
  for (const auto& row : testing::expected_rows("index")) {
    const fs::path path = testing::hostile("index") / row.file;
    const auto error = error_of([&] { open(locate(path.string())); });
    ASSERT_TRUE(error) << row.file << " (" << row.attack << ") was loaded";  // every row demands a refusal
    EXPECT_FALSE(row.must_load());
    EXPECT_EQ(std::string_view(error->what()).find('\n'), std::string_view::npos);
    EXPECT_NE(error->where().file.find("index/"), std::string::npos) << error->what();
    // The folder around it is no way in either.
    EXPECT_TRUE(error_of([&] { open(locate(path.parent_path().string())); })) << row.file;
    ++seen;
  }
  EXPECT_EQ(seen, 19);
}

class SymbolicLinks : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write(std::string("set/") + kIndex, index_of({{"a", kFirst}, {"b", kSecond}}, 24));
    folder_.write(std::string("set/") + kSecond, shard({"b"}));
  }
  void link(const fs::path& target) { fs::create_symlink(target, folder_ / "set" / kFirst); }
  auto opening() const {
    return [this] { open(locate((folder_ / "set" / kIndex).string())); };
  }
  TempFolder folder_;
};

TEST_F(SymbolicLinks, OutOfTheFolderIsRefused) {
  link(folder_.write("elsewhere.safetensors", shard({"a"})));
  EXPECT_TRUE(refuses(opening(), Errc::unsupported, "leads out of its folder"));
}

TEST_F(SymbolicLinks, RelativeOutOfTheFolderIsRefused) {
  folder_.write("elsewhere.safetensors", shard({"a"}));
  link("../elsewhere.safetensors");
  EXPECT_TRUE(refuses(opening(), Errc::unsupported, "leads out of its folder"));
}

TEST_F(SymbolicLinks, ToADeviceIsRefused) {
  link("/dev/zero");
  EXPECT_TRUE(refuses(opening(), Errc::unsupported, "leads out of its folder"));
}

TEST_F(SymbolicLinks, ToItselfIsRefused) {
  link(kFirst);
  EXPECT_TRUE(refuses(opening(), Errc::io));
}

TEST_F(SymbolicLinks, ToNothingIsRefused) {
  link("nothing.safetensors");
  EXPECT_TRUE(refuses(opening(), Errc::io, "missing"));
}

TEST_F(SymbolicLinks, InsideOfTheFolderIsFollowed) {
  folder_.write("set/stored", shard({"a"}));
  link("stored");
  EXPECT_FALSE(error_of(opening()));
}

TEST_F(SymbolicLinks, ToTheOtherShardIsRefused) {
  link(kSecond);
  EXPECT_TRUE(refuses(opening(), Errc::corrupt, "disagree"));
}

}  // namespace
}  // namespace transload
