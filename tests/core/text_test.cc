#include "core/text.h"

#include <gtest/gtest.h>

namespace transload {
namespace {

TEST(Text, EscapesWhatUpsetsATerminal) {
  EXPECT_EQ(escaped("plain name/0.weight"), "plain name/0.weight");
  EXPECT_EQ(escaped("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(escaped("line\nline"), "line\\nline");
  EXPECT_EQ(escaped("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(escaped("\xe2\x80\xae"), "\\u{202e}");
  EXPECT_EQ(escaped("größe"), "größe");
  EXPECT_EQ(escaped("back\\slash"), "back\\\\slash");
}

TEST(Text, ValidUtf8RefusesOverlongSurrogatesAndTooLarge) {
  EXPECT_TRUE(valid_utf8("a\xc3\xa9\xf0\x9f\x98\x80"));
  EXPECT_FALSE(valid_utf8("\xc0\x80"));
  EXPECT_FALSE(valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(valid_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(valid_utf8("\xe2\x82"));
}

TEST(Text, GlobStarStaysWithinAComponent) {
  EXPECT_TRUE(glob_matches("cls.*", "cls.predictions.bias"));
  EXPECT_FALSE(glob_matches("bert/*/kernel", "bert/a/b/kernel"));
  EXPECT_TRUE(glob_matches("bert/**/kernel", "bert/a/b/kernel"));
  EXPECT_TRUE(glob_matches("**embeddings.position_ids", "embeddings.position_ids"));
  EXPECT_TRUE(glob_matches("?", "x"));
  EXPECT_FALSE(glob_matches("?", ""));
  EXPECT_FALSE(glob_matches("", "x"));
}

TEST(Text, HumanBytesAreDecimal) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(437928960), "437.9 MB");
}

}  // namespace
}  // namespace transload
