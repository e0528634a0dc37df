// Whatever a user may name, and what is said about everything else.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

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

class Locate : public ::testing::Test {
 protected:
  Location at(std::string_view name, std::string format = {}) const {
    return locate((folder_ / name).string(), {.format = std::move(format), .hub_cache = folder_ / "no-hub"});
  }
  auto locating(std::string_view name) const {
    return [this, name] { at(name); };
  }
  const std::string weights_ = read_file(golden("safetensors/metadata.safetensors"));
  TempFolder folder_;
};

TEST_F(Locate, FileByContentWhateverItsName) {
  folder_.write("weights.bin", weights_);
  const Location location = at("weights.bin");
  EXPECT_EQ(location.format->name, "safetensors");
  EXPECT_EQ(location.name, "weights.bin");
  EXPECT_EQ(location.folder, folder_.path());
  EXPECT_EQ(open(location)->index().tensors.size(), 1u);
}

TEST_F(Locate, RelativeFileLiesInTheCurrentFolder) {
  folder_.write("weights.bin", weights_);
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  const Location location = locate("weights.bin");
  const auto reader = open(location);
  fs::current_path(before);
  EXPECT_EQ(location.folder, ".");
  EXPECT_EQ(reader->index().files, std::vector<std::string>{"weights.bin"});
}

TEST_F(Locate, NothingThere) {
  EXPECT_TRUE(refuses(locating("absent"), Errc::io, "no such file or folder"));
  EXPECT_TRUE(refuses([] { locate("./absent"); }, Errc::io, "no such file or folder"));
  EXPECT_TRUE(refuses([] { locate(""); }, Errc::usage));
  EXPECT_TRUE(refuses([] { locate(std::string_view("a\0b", 3)); }, Errc::usage));
  const auto error = error_of([] { locate("absent.safetensors"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->advice(), "");  // a file name is no reason to speak of downloads
}

TEST_F(Locate, EmptyFile) {
  folder_.write("model.safetensors", "");
  EXPECT_TRUE(refuses(locating("model.safetensors"), Errc::corrupt, "is empty"));
}

TEST_F(Locate, GitLfsPointer) {
  folder_.write(
      "model.safetensors",
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5"
      "e2ca24d17e2393\nsize 12345\n");
  const auto error = error_of(locating("model.safetensors"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::unsupported);
  EXPECT_NE(error->advice().find("git lfs pull"), std::string::npos);
}

TEST_F(Locate, SaysWhatElseAFileIs) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"just some words\n", "is a text file"},
      {"  <!DOCTYPE HTML><html>404</html>", "is a web page"},
      {"{\"hidden_size\": 4}", "is a JSON text"},
      {"\x89HDF\r\n\x1a\n and so on", "is an HDF5 file"},
      {"GGUF\x03", "is a GGUF file"},
      {"\x1f\x8b\x08", "is compressed with gzip"},
  };
  for (const auto& [bytes, text] : cases) {
    folder_.write("weights", bytes);
    EXPECT_TRUE(refuses(locating("weights"), Errc::unsupported, text)) << text;
  }
  folder_.write("weights", std::string("\x01\x02\x03\x00", 4));
  EXPECT_TRUE(refuses(locating("weights"), Errc::unsupported, "none of the formats"));
}

TEST_F(Locate, DamagedSafetensorsGetsTheFormatsOwnError) {
  folder_.write("model.safetensors", std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10));
  EXPECT_TRUE(refuses([&] { open(at("model.safetensors")); }, Errc::corrupt, "at most 100000000 are allowed"));
}

TEST_F(Locate, PipesAndDevicesAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(refuses(locating("pipe"), Errc::unsupported, "not a regular file"));
  EXPECT_TRUE(refuses([] { locate("/dev/zero"); }, Errc::unsupported, "not a regular file"));
  ASSERT_EQ(::mkfifo((folder_ / "model.safetensors").c_str(), 0600), 0);
  EXPECT_TRUE(refuses([&] { locate(folder_.path().string()); }, Errc::io, "no weights in this folder"));
}

TEST_F(Locate, NothingPointedToAnInterruptedConversion) {
  folder_.write("out/config.json", "{}");
  EXPECT_EQ(error_of(locating("out"))->message(), "no weights in this folder");
  folder_.write("out/.transload-1f/new/model.safetensors", weights_);  // had not begun to take its places
  EXPECT_EQ(error_of(locating("out"))->message(), "no weights in this folder");
  folder_.write("out/.transload-2e/record", "");
  for (const char* name : {"out", "out/model.safetensors"}) {
    EXPECT_TRUE(refuses(locating(name), Errc::io, ".transload-2e of a conversion that was interrupted"));
    EXPECT_NE(error_of(locating(name))->advice().find("the next conversion into this folder"), std::string::npos);
  }
  folder_.write(".other.transload-3d/record", "");
  EXPECT_TRUE(refuses(locating("./other"), Errc::io, ".other.transload-3d of a conversion that was interrupted"));
  EXPECT_EQ(error_of(locating("none.safetensors"))->message(), "no such file or folder");
}

TEST_F(Locate, LinksToFilesAreFollowedAndOthersNamed) {
  folder_.write("stored", weights_);
  fs::create_symlink("stored", folder_ / "link");
  EXPECT_EQ(open(at("link"))->index().tensors.size(), 1u);
  fs::create_symlink("nowhere", folder_ / "dangling");
  EXPECT_TRUE(refuses(locating("dangling"), Errc::io, "leads nowhere"));
  fs::create_symlink("circle", folder_ / "circle");
  EXPECT_TRUE(refuses(locating("circle"), Errc::io));
}

TEST_F(Locate, FolderInTheOrderOfFormats) {
  folder_.write("m/checkpoint", "model_checkpoint_path: \"x\"\n");
  folder_.write("m/pytorch_model.bin", "not looked at");
  folder_.write("m/model.safetensors", weights_);
  const Location location = at("m");
  EXPECT_EQ(location.name, "model.safetensors");
  EXPECT_EQ(location.folder, folder_ / "m");
  ASSERT_EQ(location.notes.size(), 1u);
  EXPECT_EQ(location.notes[0], "'model.safetensors' is taken; also there: pytorch_model.bin, checkpoint.");
}

TEST_F(Locate, FolderWithASetOfShards) {
  for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}) {
    folder_.write(fmt::format("m/{}", name), read_file(testing::hostile("index/wrong_map") / name));
  }
  folder_.write("m/model.safetensors.index.json",
                R"({"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})");
  EXPECT_EQ(open(at("m"))->index().tensors.size(), 2u);
  fs::rename(folder_ / "m/model.safetensors.index.json", folder_ / "m/adapter.safetensors.index.json");
  EXPECT_EQ(open(at("m"))->index().tensors.size(), 2u);
}

TEST_F(Locate, OneShardAloneIsSaidToBeOne) {
  folder_.write("m/model-00002-of-00003.safetensors", weights_);
  for (const char* name : {"m", "m/model-00002-of-00003.safetensors"}) {
    ASSERT_EQ(at(name).notes.size(), 1u) << name;
    EXPECT_NE(at(name).notes[0].find("is part 2 of 3"), std::string::npos);
  }
  folder_.write("n/model-00001-of-00001.safetensors", weights_);
  EXPECT_TRUE(at("n").notes.empty());
}

TEST_F(Locate, FolderWithOneOtherFile) {
  folder_.write("m/adapter.safetensors", weights_);
  folder_.write("m/training_args.bin", "x");
  folder_.write("m/optimizer.pt", "x");
  folder_.write("m/config.json", "{}");
  EXPECT_EQ(at("m").name, "adapter.safetensors");
  folder_.write("m/b.safetensors", weights_);
  EXPECT_TRUE(refuses(locating("m"), Errc::usage,
                      "2 files in this folder could be the weights: adapter.safetensors, b.safetensors"));
}

TEST_F(Locate, FolderWithoutWeights) {
  folder_.write("m/config.json", "{}");
  EXPECT_TRUE(refuses(locating("m"), Errc::io, "no weights in this folder"));
  folder_.write("m/tf_model.h5", "x");
  EXPECT_TRUE(refuses(locating("m"), Errc::unsupported, "'tf_model.h5', which is not read"));
}

TEST_F(Locate, TensorFlowCheckpointByAnyOfItsNames) {
  for (const char* extension : {"index", "data-00000-of-00001", "meta"}) {
    folder_.write(fmt::format("tf/tiny.ckpt.{}", extension),
                  read_file(golden(fmt::format("tensorflow/tiny/expected_tf/tiny.ckpt.{}", extension))));
  }
  folder_.write("tf/checkpoint", "model_checkpoint_path: \"tiny.ckpt\"\nall_model_checkpoint_paths: \"tiny.ckpt\"\n");
  for (const char* name : {"tf", "tf/", "tf/checkpoint", "tf/tiny.ckpt", "tf/tiny.ckpt.index",
                           "tf/tiny.ckpt.data-00000-of-00001", "tf/tiny.ckpt.meta"}) {
    const Location location = at(name);
    EXPECT_EQ(location.format->name, "tensor_bundle") << name;
    EXPECT_EQ(location.name, "tiny.ckpt") << name;
    EXPECT_TRUE(fs::equivalent(location.folder, folder_ / "tf")) << name;
    EXPECT_TRUE(location.notes.empty()) << name;
    EXPECT_FALSE(open(location)->index().tensors.empty()) << name;
  }
  fs::remove(folder_ / "tf/checkpoint");
  EXPECT_EQ(at("tf").name, "tiny.ckpt");
  fs::remove(folder_ / "tf/tiny.ckpt.index");
  EXPECT_TRUE(
      refuses(locating("tf/tiny.ckpt.data-00000-of-00001"), Errc::io, "the index of this TensorFlow checkpoint"));
  EXPECT_TRUE(refuses(locating("tf/tiny.ckpt"), Errc::io, "no such file or folder"));
}

TEST_F(Locate, CheckpointFileOfAFolderThatWasMoved) {
  folder_.write("tf/x.ckpt.index", "an index");
  folder_.write("tf/checkpoint", "model_checkpoint_path: \"/somewhere/else/x.ckpt\"\n");
  const Location location = at("tf");
  EXPECT_EQ(location.folder, folder_ / "tf");
  EXPECT_EQ(location.name, "x.ckpt");
  EXPECT_EQ(location.notes.size(), 1u);
  folder_.write("other/y.ckpt.index", "an index");
  folder_.write("tf/checkpoint", fmt::format("model_checkpoint_path: \"{}\"\n", (folder_ / "other/y.ckpt").string()));
  EXPECT_TRUE(refuses(locating("tf"), Errc::io,
                      "no such checkpoint in its own folder"));  // never from elsewhere, though it is there
  folder_.write("tf/checkpoint", "model_checkpoint_path: \"absent.ckpt\"\n");
  EXPECT_TRUE(refuses(locating("tf"), Errc::io, "absent.ckpt"));
  folder_.write("tf/checkpoint", "");
  EXPECT_TRUE(refuses(locating("tf"), Errc::corrupt, "names no model_checkpoint_path"));
  folder_.write("tf/checkpoint", "model_checkpoint_path: \"../tf/x.ckpt\"\n");
  EXPECT_TRUE(refuses(locating("tf"), Errc::unsupported, "outside of its folder"));
}

TEST_F(Locate, FormatThatIsAskedForWinsOverTheOrder) {
  folder_.write("m/model.safetensors", weights_);
  folder_.write("m/pytorch_model.bin", read_file(golden("tensorflow/tiny/pytorch_model.bin")));
  folder_.write("m/x.ckpt.index", "an index");
  EXPECT_EQ(at("m").format->name, "safetensors");
  EXPECT_EQ(at("m", "torch").name, "pytorch_model.bin");
  EXPECT_EQ(at("m", "tensor_bundle").name, "x.ckpt");
  EXPECT_TRUE(refuses([&] { at("m/model.safetensors", "torch"); }, Errc::unsupported, "is safetensors, not torch"));
}

TEST_F(Locate, FormatThatIsAskedFor) {
  folder_.write("m/model.safetensors", weights_);
  EXPECT_EQ(at("m", "safetensors").name, "model.safetensors");
  EXPECT_TRUE(refuses([&] { at("m", "nonsense"); }, Errc::unsupported, "does not read"));
}

TEST_F(Locate, ParamsAreTakenByTheirContent) {
  folder_.write("bort.params", read_file(golden("mxnet/bort_tiny_fp32/bort.params")));
  EXPECT_EQ(at("bort.params").format->name, "mxnet");
  folder_.write("two.params", read_file(golden("mxnet/npz_mx200b1/t.npz")));
  EXPECT_EQ(at("two.params").format->name, "npz");
  folder_.write("one.params", read_file(golden("mxnet/npy_mx200b1/t.npy")));
  EXPECT_EQ(at("one.params").format->name, "npy");
  folder_.write("none.params", "\x01\x02\x03");
  EXPECT_EQ(at("none.params").format->name, "mxnet");
  EXPECT_TRUE(refuses([&] { open(at("none.params")); }, Errc::corrupt, "the file ends within a header"));
}

TEST_F(Locate, AFolderWithOneParams) {
  const std::string params = read_file(golden("mxnet/bort_tiny_export/bort-0007.params"));
  folder_.write("m/bort-0007.params", params);
  folder_.write("m/bort-symbol.json", "{}");
  folder_.write("m/vocab.json", "{}");
  folder_.write("m/ids.npy", "not looked at");
  folder_.write("m/side.npz", "not looked at");
  EXPECT_EQ(at("m").name, "bort-0007.params");
  EXPECT_EQ(at("m").format->name, "mxnet");
  folder_.write("m/bort-0012.params", params);
  EXPECT_TRUE(refuses(locating("m"), Errc::usage,
                      "2 files in this folder could be the weights: bort-0007.params, bort-0012.params"));
  folder_.write("m/model.safetensors", weights_);
  EXPECT_EQ(at("m").name, "model.safetensors");
  EXPECT_TRUE(refuses([&] { at("m", "mxnet"); }, Errc::usage, "bort-0012.params"));
}

TEST_F(Locate, AFolderWithOneNpz) {
  folder_.write("m/weights.npz", read_file(golden("numpy/types.npz")));
  EXPECT_EQ(at("m").format->name, "npz");
  folder_.write("m/model.pt", "not looked at");
  EXPECT_EQ(at("m", "npz").format->name, "npz");
}

}  // namespace
}  // namespace transload
