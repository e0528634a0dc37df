// The layout of huggingface_hub's cache, without any network.
#include "formats/hub_cache.h"

#include <gtest/gtest.h>

#include <map>

#include "support/errors.h"
#include "support/files.h"
#include "transload/format.h"

namespace transload {
namespace {

using testing::error_of;
using testing::golden;
using testing::read_file;
using testing::refuses;
using testing::TempFolder;

constexpr const char* kCommit = "86b5e0934494bd15c9632b12f734a8a67f723594";
constexpr const char* kOther = "0a6aa9128b6194f4f3c4db429b6cb4891cdb421b";

fs::path root_with(std::map<std::string, std::string> variables) {
  return hub_cache_root([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(HubCacheRoot, FollowsTheVariablesInTheirOrder) {
  std::map<std::string, std::string> variables{{"HOME", "/home/u"}};
  EXPECT_EQ(root_with(variables), "/home/u/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/xdg";
  EXPECT_EQ(root_with(variables), "/xdg/huggingface/hub");
  variables["HF_HOME"] = "~/hf";
  EXPECT_EQ(root_with(variables), "/home/u/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/legacy";
  EXPECT_EQ(root_with(variables), "/legacy");
  variables["HF_HUB_CACHE"] = "/cache";
  EXPECT_EQ(root_with(variables), "/cache");
  variables["HF_HUB_CACHE"] = "";
  EXPECT_EQ(root_with(variables), "/legacy");
}

TEST(HubIdText, TakesWhatTheHubAllows) {
  EXPECT_EQ(parse_hub_id("bert-base-uncased")->name, "bert-base-uncased");
  EXPECT_EQ(parse_hub_id("google/bert_uncased_L-2_H-128_A-2")->name, "google/bert_uncased_L-2_H-128_A-2");
  EXPECT_EQ(parse_hub_id("org/name@v1.0")->revision, "v1.0");
  EXPECT_EQ(parse_hub_id("org/name@refs/pr/1")->revision, "refs/pr/1");
  for (const char* text : {"", "a/b/c", "/a", "a/", "a//b", "../a", "a/..", "-a", "a-", ".a", "a--b", "a..b", "a b",
                           "a@", "a@../x", "a@/x", "a@x//y", "a\nb"}) {
    EXPECT_FALSE(parse_hub_id(text)) << text;
  }
  EXPECT_FALSE(parse_hub_id(std::string(97, 'a')));
}

// A cache as the library makes it: files are links into blobs.
class HubCache : public ::testing::Test {
 protected:
  fs::path model() const { return cache_ / "models--org--tiny"; }
  void add_file(const char* commit, const char* name, const std::string& bytes) {
    const std::string blob = std::string("blob-") + commit + "-" + name;
    testing::write_file(model() / "blobs" / blob, bytes);
    fs::create_directories(model() / "snapshots" / commit);
    fs::create_symlink(fs::path("../../blobs") / blob, model() / "snapshots" / commit / name);
  }
  void add_ref(const char* ref, const char* commit) { testing::write_file(model() / "refs" / ref, commit); }
  Location find(std::string_view id) const { return locate(id, {.format = {}, .hub_cache = cache_.path()}); }

  const std::string weights_ = read_file(golden("safetensors/metadata.safetensors"));
  TempFolder cache_;
};

TEST_F(HubCache, TakesTheSnapshotOfMain) {
  add_file(kCommit, "model.safetensors", weights_);
  add_file(kOther, "model.safetensors", weights_);
  add_ref("main", kCommit);
  const Location location = find("org/tiny");
  EXPECT_EQ(location.folder, model() / "snapshots" / kCommit);
  EXPECT_EQ(location.name, "model.safetensors");
  EXPECT_EQ(location.display, "org/tiny");
  EXPECT_EQ(location.notes.size(), 1u);  // where it was found
  EXPECT_NE(open(location)->index().find("w"), nullptr);
}

TEST_F(HubCache, TakesTheRevisionThatIsAskedFor) {
  add_file(kCommit, "model.safetensors", weights_);
  add_file(kOther, "model.safetensors", weights_);
  add_ref("main", kCommit);
  add_ref("refs/pr/1", kOther);
  EXPECT_EQ(find("org/tiny@refs/pr/1").folder.filename(), kOther);
  EXPECT_EQ(find(std::string("org/tiny@") + kOther).folder.filename(), kOther);
  EXPECT_TRUE(refuses([&] { find("org/tiny@v9"); }, Errc::io, "no such model in the hub cache"));
}

TEST_F(HubCache, TakesTheOnlySnapshotWithoutARef) {
  add_file(kCommit, "model.safetensors", weights_);
  EXPECT_EQ(find("org/tiny").notes.size(), 2u);
  add_file(kOther, "model.safetensors", weights_);
  EXPECT_TRUE(refuses([&] { find("org/tiny"); }, Errc::io));
}

TEST_F(HubCache, ModelFolderItselfMayBeNamed) {
  add_file(kCommit, "model.safetensors", weights_);
  add_ref("main", (std::string(kCommit) + "\n").c_str());
  EXPECT_EQ(find(model().string()).folder.filename(), kCommit);
}

TEST_F(HubCache, ShardsMayBeLinksToBlobs) {
  const auto hf = [](const char* name) { return read_file(testing::hostile("index/bad_shard") / name); };
  add_file(kCommit, "model.safetensors.index.json", R"({"weight_map":{"a":"model-00001-of-00001.safetensors"}})");
  add_file(kCommit, "model-00001-of-00001.safetensors", hf("model-00001-of-00002.safetensors"));
  add_ref("main", kCommit);
  EXPECT_EQ(open(find("org/tiny"))->index().tensors.size(), 1u);
}

TEST_F(HubCache, ShardsMayNotLeaveTheModel) {
  add_file(kCommit, "model.safetensors.index.json", R"({"weight_map":{"a":"model-00001-of-00001.safetensors"}})");
  const fs::path outside = cache_.write("outside", weights_);
  fs::create_symlink(outside, model() / "snapshots" / kCommit / "model-00001-of-00001.safetensors");
  add_ref("main", kCommit);
  EXPECT_TRUE(refuses([&] { open(find("org/tiny")); }, Errc::unsupported, "leads out of its folder"));
}

TEST_F(HubCache, MissingModelGivesTheDownloadCommandAndThePlace) {
  const auto error = error_of([&] { find("org/absent"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::io);
  EXPECT_NE(error->message().find(cache_.path().string()), std::string::npos);
  EXPECT_NE(error->advice().find("huggingface-cli download org/absent"), std::string::npos);
}

TEST_F(HubCache, SnapshotWithoutWeightsGivesTheDownloadCommand) {
  add_file(kCommit, "config.json", "{}");
  add_ref("main", kCommit);
  const auto error = error_of([&] { find("org/tiny"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::io);
  EXPECT_NE(error->advice().find("huggingface-cli download org/tiny"), std::string::npos);
}

TEST_F(HubCache, RefThatLeadsOutIsRefused) {
  add_file(kCommit, "model.safetensors", weights_);
  for (const char* commit : {"../../..", "/etc", "", "a\nb", "."}) {
    add_ref("main", commit);
    EXPECT_TRUE(refuses([&] { find("org/tiny"); }, Errc::corrupt, "names no commit")) << commit;
  }
}

TEST_F(HubCache, PathWinsOverId) {
  add_file(kCommit, "model.safetensors", weights_);
  const fs::path before = fs::current_path();
  const TempFolder here;
  here.write("org/tiny/model.safetensors", weights_);
  fs::current_path(here.path());
  const Location location = find("org/tiny");
  fs::current_path(before);
  EXPECT_EQ(location.folder, "org/tiny");
}

}  // namespace
}  // namespace transload
