#include "formats/tensor_bundle/checkpoint_file.h"

#include <gtest/gtest.h>

#include "support/bundle_fixtures.h"
#include "transload/error.h"

namespace transload::tensor_bundle {
namespace {

using testing::contents, testing::golden, testing::hostile;

std::string prefix(std::string_view text) { return checkpoint_prefix(text, "checkpoint"); }

TEST(CheckpointFile, IsTensorFlowsOwn) {
  EXPECT_EQ(checkpoint_text("tiny.ckpt"), contents(golden("tensorflow/tiny/expected_tf/checkpoint")));
  // Measured: "modèle" and quotes in a Saver's prefix.
  EXPECT_EQ(checkpoint_text("mod\xc3\xa8le \"a\" 'b'").substr(23, 28), "\"mod\\303\\250le \\\"a\\\" \\'b\\'\"\n");
}

TEST(CheckpointFile, ReadsWhatTensorFlowWrites) {
  EXPECT_EQ(prefix(contents(golden("tensorflow/tiny/expected_tf/checkpoint"))), "tiny.ckpt");
  EXPECT_EQ(prefix(contents(golden("tensorflow/google_pretraining_adam/checkpoint"))), "model.ckpt-1234");
  EXPECT_EQ(prefix(contents(golden("tensorflow/tf2_object/checkpoint"))), "ckpt-1");
}

TEST(CheckpointFile, EscapesComeBack) {
  for (const std::string name : {"plain", "mod\xc3\xa8le", "a\"b'c\\d\n\r\t",
                                 "\x01\x7f\xff"
                                 "7"}) {
    EXPECT_EQ(prefix(checkpoint_text(name)), name);
  }
}

TEST(CheckpointFile, SkipsFieldsThatItDoesNotKnow) {
  EXPECT_EQ(prefix("# a comment\nall_model_checkpoint_timestamps: 1.7e+09\nlast_preserved_timestamp: -1\n"
                   "model_checkpoint_path : 'a' \"b\"; some_word: true,"),
            "ab");
  EXPECT_EQ(prefix("model_checkpoint_path: \"/abs/x\""), "/abs/x");
}

TEST(CheckpointFile, OtherTextsAreRefused) {
  for (const std::string_view text :
       {"", "\n", "version https://git-lfs.github.com/spec/v1", "model_checkpoint_path", "model_checkpoint_path:",
        "model_checkpoint_path: 5", "model_checkpoint_path: \"a", "model_checkpoint_path: \"a\n\"",
        "model_checkpoint_path: \"a\\", "model_checkpoint_path: \"a\\q\"", "model_checkpoint_path: \"\"",
        "model_checkpoint_path: \"a\" model_checkpoint_path: \"b\"", "all_model_checkpoint_paths: \"a\"", "{}", "#"}) {
    EXPECT_THROW(prefix(text), Error) << text;
  }
}

TEST(CheckpointFile, APathOutOfItsFolderIsRefused) {
  EXPECT_THROW(prefix(contents(hostile("tf_bundle/ckpt_state_traversal/checkpoint"))), Error);
  EXPECT_THROW(prefix("model_checkpoint_path: \"a/..\""), Error);
  EXPECT_EQ(prefix("model_checkpoint_path: \"a..b/c..\""), "a..b/c..");
}

}  // namespace
}  // namespace transload::tensor_bundle
