#include "wire/inflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "transload/error.h"

namespace transload::wire {
namespace {

std::string deflated(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string inflated(const std::string& stored, std::uint64_t size) {
  return std::string(inflate(as_bytes(stored), size, "model.pt", 64).text());
}

std::string failure(const std::string& stored, std::uint64_t size) {
  try {
    inflated(stored, size);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_EQ(error.where().file, "model.pt");
    EXPECT_EQ(error.where().offset, 64u);
    return error.message();
  }
  return "";
}

TEST(Inflate, GivesBackWhatWasDeflated) {
  std::string text;
  for (unsigned i = 0; i < 100000; ++i) text += static_cast<char>((i * i) >> 3);
  for (const std::string& one : {std::string{}, std::string("a"), std::string(1000000, '\0'), text}) {
    EXPECT_EQ(inflated(deflated(one), one.size()), one);
  }
}

TEST(Inflate, WantsTheExactSize) {
  const std::string text(500, 'x');
  EXPECT_NE(failure(deflated(text), 499), "");
  EXPECT_NE(failure(deflated(text), 501), "");
  EXPECT_NE(failure(deflated(text), 0), "");
}

TEST(Inflate, RefusesBytesAfterTheEnd) {
  EXPECT_NE(failure(deflated("abc") + "x", 3).find("1 bytes follow"), std::string::npos);
}

TEST(Inflate, RefusesEveryTruncation) {
  const std::string stored = deflated("Some text that is long enough to have a few codes, codes, codes.");
  for (std::size_t n = 0; n < stored.size(); ++n) EXPECT_NE(failure(stored.substr(0, n), 64), "") << n;
}

TEST(Inflate, AllocatesNothingForASizeThatCannotBe) {
  EXPECT_NE(failure(deflated("abc"), std::uint64_t{1} << 60).find("cannot hold"), std::string::npos);
}

TEST(Inflate, TheBeginOfAStreamIsEnoughForTheFirstBytes) {
  const std::string stored = deflated(std::string(1000, 'a'));
  EXPECT_EQ(inflate_begin(as_bytes(stored), 10, "x", 0).text(), "aaaaaaaaaa");
  EXPECT_EQ(inflate_begin(as_bytes(stored), 5000, "x", 0).size(), 1000u);
  EXPECT_LT(inflate_begin(as_bytes(stored).first(3), 1000, "x", 0).size(), 1000u);
  EXPECT_THROW(inflate_begin(as_bytes("\xFF\xFF\xFF"), 10, "x", 0), Error);
}

}  // namespace
}  // namespace transload::wire
