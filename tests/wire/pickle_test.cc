#include "wire/pickle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/stopwatch.h"
#include "transload/error.h"

namespace transload::wire {
namespace {

using namespace std::string_literals;

const PickleAllowed kAll = [](std::string_view, std::string_view) { return true; };
const PickleAllowed kOnlyGood = [](std::string_view module, std::string_view name) {
  return module == "good" && name == "name";
};

std::optional<Pickle> parse(const std::string& bytes, bool whole = true, const PickleAllowed& allowed = kAll) {
  const ByteView view = as_bytes(bytes);
  return read_pickle(Bytes(std::vector<std::byte>(view.begin(), view.end())),
                     {.file = "a.pkl", .base = 100, .whole = whole}, allowed);
}

Pickle two(const std::string& body) { return *parse("\x80\x02"s + body + "."); }

std::string failure(const std::string& bytes, Errc code = Errc::corrupt, const PickleAllowed& allowed = kAll) {
  try {
    parse(bytes, true, allowed);
  } catch (const Error& error) {
    EXPECT_EQ(name(error.code()), name(code)) << error.what();
    EXPECT_EQ(error.where().file, "a.pkl");
    EXPECT_GE(error.where().offset.value_or(0), 100u);
    return error.message();
  }
  return "";
}

std::string bad(const std::string& body, Errc code = Errc::corrupt) { return failure("\x80\x02"s + body + ".", code); }

TEST(Pickle, PlainValues) {
  EXPECT_TRUE(two("N").is_none(0));
  EXPECT_TRUE(two("\x88").boolean(0));
  EXPECT_FALSE(two("\x89").boolean(0));
  EXPECT_EQ(two("K\xff").integer(0), 255);
  EXPECT_EQ(two("M\x01\x02"s).integer(0), 0x0201);
  EXPECT_EQ(two("J\xfe\xff\xff\xff").integer(0), -2);
  EXPECT_EQ(two("\x8a\x00"s).integer(0), 0);
  EXPECT_EQ(two("\x8a\x01\xff").integer(0), -1);
  EXPECT_EQ(two("\x8a\x02\xff\x00"s).integer(0), 255);
  EXPECT_EQ(two("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f").integer(0), INT64_MAX);
  EXPECT_EQ(two("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00"s).integer(0), INT64_MAX);
  EXPECT_EQ(two("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s).integer(0), INT64_MIN);
  EXPECT_EQ(two("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"s).kind(0), PickleKind::wide);
  EXPECT_EQ(two("I-5000000000\n").integer(0), -5000000000);
  EXPECT_TRUE(two("I01\n").boolean(0));
  EXPECT_EQ(two("G\x3f\xf8\x00\x00\x00\x00\x00\x00"s).floating(0), 1.5);
  EXPECT_EQ(two("X\x02\x00\x00\x00hi"s).text(0), "hi");
  EXPECT_EQ(two("U\x02hi").text(0), "hi");
  EXPECT_EQ(two("C\x02hi").kind(0), PickleKind::bytes);
}

TEST(Pickle, ContainersShareTheirParts) {
  // ([1, 2], the same list)
  const Pickle pickle = two("]q\x00(K\x01K\x02"s + "eh\x00\x86"s);
  const auto items = pickle.items(pickle.root());
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0], items[1]);
  EXPECT_EQ(pickle.items(items[0]).size(), 2u);
  EXPECT_EQ(pickle.parts_first().back(), pickle.root());
}

TEST(Pickle, CallsAreDescribedAndNotMade) {
  const Pickle pickle =
      two("cgood\nname\nK\x01\x85R}U\x01"
          "aK\x02sb");
  ASSERT_EQ(pickle.kind(pickle.root()), PickleKind::call);
  const Pickle::Call call = pickle.call(pickle.root());
  EXPECT_EQ(pickle.module(call.callee), "good");
  EXPECT_EQ(pickle.global_name(call.callee), "name");
  EXPECT_EQ(pickle.items(call.arguments).size(), 1u);
  ASSERT_TRUE(call.state.has_value());
  EXPECT_EQ(pickle.items(*call.state).size(), 2u);
}

TEST(Pickle, SizeIsThatOfOnePickle) {
  const auto pickle = parse("\x80\x02K\x01.rest");
  EXPECT_EQ(pickle->size(), 5u);
}

TEST(Pickle, RunningOutOfAPartIsNotAnError) {
  const std::string whole = "\x80\x02}X\x01\x00\x00\x00wcgood\nname\nI12\n\x86s."s;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse(whole.substr(0, size), false).has_value()) << size;
    EXPECT_NE(failure(whole.substr(0, size)), "") << size;
  }
  EXPECT_TRUE(parse(whole, false).has_value());
}

TEST(Pickle, ForbiddenNamesAreListedTogether) {
  const std::string bytes =
      "\x80\x02"
      "cos\nsystem\ncgood\nname\ncposix\nexec\n\x87.";
  try {
    parse(bytes, true, kOnlyGood);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_EQ(error.where().offset, 102u);
    EXPECT_NE(error.message().find("os.system"), std::string::npos);
    EXPECT_EQ(error.details(), (std::vector<std::string>{"os.system at 0x66", "posix.exec at 0x7c"}));
  }
  // Also where the stream breaks afterwards: a broken file can have run its code before.
  EXPECT_NE(failure("\x80\x02"
                    "cos\nsystem\n)R\xff",
                    Errc::unsupported, kOnlyGood)
                .find("os.system"),
            std::string::npos);
}

TEST(Pickle, WhatLiesOutsideOfThePickleIsNotRead) {
  EXPECT_NE(failure("\x80\x06N.", Errc::unsupported).find("protocol 6"), std::string::npos);
  for (const auto& [opcode, called] : {std::pair{"\x82\x01", "EXT1"},
                                       {"\x83\x01\x01", "EXT2"},
                                       {"P1\n", "PERSID"},
                                       {"\x97", "NEXT_BUFFER"},
                                       {"N\x98", "READONLY_BUFFER"}}) {
    EXPECT_NE(bad(opcode, Errc::unsupported).find(called), std::string::npos) << called;
  }
  EXPECT_NE(bad("\xfe").find("0xfe"), std::string::npos);
}

std::string text_of(const std::string& body) {
  const Pickle pickle = *parse(body + ".");
  return std::string(pickle.text(pickle.root()));
}

// Expected: pickle.loads(..., encoding="bytes" or "utf-8", errors="surrogatepass") of CPython 3.11.
TEST(Pickle, TextInLines) {
  EXPECT_EQ(text_of("S'a b'\n"), "a b");
  EXPECT_EQ(text_of("S\"it's\"\n"), "it's");
  EXPECT_EQ(text_of("S'\\x00\\377\\n\\\\\\q\\18'\n"),
            "\0\xff\n\\\\q\1"
            "8"s);
  EXPECT_EQ(text_of("Vgr\xf6\xdf"
                    "e\n"),
            "gr\xc3\xb6\xc3\x9f"
            "e");
  EXPECT_EQ(text_of("Va\\u000ab\\u20ac\\U0001f600\n"), "a\nb\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(text_of("V\\\\u0041\\n\n"), "\\\\u0041\\n");
  EXPECT_EQ(text_of("V\\ud800\n"), "\xed\xa0\x80");
  EXPECT_EQ(text_of("V\n"), "");
  for (const char* body :
       {"Sa\n", "S'\n", "S'a\"\n", "S'\\x1'\n", "S'\\'\n", "V\\u12\n", "V\\U00110000\n", "V\\u12g4\n"}) {
    EXPECT_NE(failure(body + "."s), "") << body;
  }
}

TEST(Pickle, NumbersInLines) {
  const auto one = [](const std::string& body) { return *parse(body + "."); };
  EXPECT_EQ(one("F0.1\n").floating(0), 0.1);
  EXPECT_EQ(one("F-1e+300\n").floating(0), -1e300);
  EXPECT_TRUE(std::isnan(one("Fnan\n").floating(0)));
  EXPECT_EQ(one("L5L\n").integer(0), 5);
  EXPECT_EQ(one("L-129L\n").integer(0), -129);
  EXPECT_EQ(one("L-9223372036854775808L\n").integer(0), INT64_MIN);
  EXPECT_EQ(one("L9223372036854775808L\n").kind(0), PickleKind::wide);
  EXPECT_EQ(as_text(one("L119547037146038801333356L\n").wide(0)), "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
  EXPECT_EQ(as_text(one("L-18446744073709551616L\n").wide(0)), "\0\0\0\0\0\0\0\0\xff"s);
  for (const char* body :
       {"F\n", "F1x\n", "L\n", "LL\n", "L1x\n", "L--1L\n", "L999999999999999999999999999999999999999L\n"}) {
    EXPECT_NE(failure(body + "."s), "") << body;
  }
}

TEST(Pickle, ProtocolZeroNamesItsContainers) {
  // {"a": [1]} as Python's pickle.dumps(..., 0) writes it.
  const Pickle pickle = *parse("(dp0\nVa\np1\n(lp2\nI1\nasg1\n0.");
  EXPECT_EQ(pickle.items(pickle.root()).size(), 2u);
  EXPECT_EQ(pickle.protocol(), 0u);
  const Pickle instance = *parse("(K\x01igood\nname\n.");
  EXPECT_EQ(instance.module(instance.call(instance.root()).callee), "good");
  const Pickle object = *parse("(cgood\nname\nK\x01o.");
  EXPECT_EQ(object.items(object.call(object.root()).arguments).size(), 1u);
}

TEST(Pickle, ProtocolFour) {
  const Pickle pickle = *parse(
      "\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x04good\x94\x8c\x04name\x94\x93\x94)\x81}\x8c\x01"
      "a\x8f(K\x01\x90sb."s);
  const Pickle::Call call = pickle.call(pickle.root());
  EXPECT_EQ(pickle.module(call.callee), "good");
  EXPECT_EQ(pickle.global_name(call.callee), "name");
  EXPECT_EQ(pickle.kind(pickle.items(*call.state)[1]), PickleKind::set);
  EXPECT_EQ(two("(K\x01K\x02\x91").items(2).size(), 2u);
  EXPECT_EQ(two("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi"s).text(0), "hi");
  EXPECT_EQ(two("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi"s).kind(0), PickleKind::bytes);
  EXPECT_EQ(two("cgood\nname\n)}\x92").kind(2), PickleKind::dict);
  EXPECT_NE(bad("cgood\nname\n)}K\x01K\x02s\x92").find("keyword"), std::string::npos);
  for (const std::string& body : {"\x95\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"s,
                                  "\x93"s, "K\x01K\x02\x93"s, "\x90"s, "\x8f\x90"s, "](\x90"s, "\x94"s,
                                  "\x8fK\x01"
                                  "a"s,
                                  "(\x91(K\x01\x90"s, "g1\n"s, "Npx\n"s, "Np-1\n"s, "i"s, "(i"s, "(o"s, "o"s}) {
    EXPECT_NE(bad(body), "") << body;
  }
}

// MEMOIZE takes the number of slots that are filled, which PUT into a filled one does not change.
TEST(Pickle, MemoizeCountsFilledSlots) {
  const Pickle pickle =
      two("K\x05q\x00q\x00\x94"
          "0h\x01"s);
  EXPECT_EQ(pickle.integer(pickle.root()), 5);
}

Pickle opaque(const std::string& body) {
  const std::string bytes = "\x80\x04" + body + ".";
  const ByteView view = as_bytes(bytes);
  return *read_pickle(Bytes(std::vector<std::byte>(view.begin(), view.end())),
                      {.file = "a.pkl", .base = 100, .whole = true, .opaque = true}, kOnlyGood);
}

TEST(Pickle, WhatIsMadeOfAnUnknownNameIsInert) {
  for (const std::string& body :
       {"cos\nsystem\n"s, "cos\nsystem\n)R"s, "cos\nsystem\n)R)R"s, "cos\nsystem\n)\x81"s, "cos\nsystem\n)}\x92"s,
        "cos\nsystem\n)}K\x01K\x02s\x92"s, "(ios\nsystem\n"s, "(cos\nsystem\no"s, "cos\nsystem\n)RNb"s,
        "cos\nsystem\n)RN"
        "a"s,
        "cos\nsystem\n)RK\x01Ns"s, "cos\nsystem\n)R(N\x90"s, "Vos\nVsystem\n\x93"s, "cgood\nname\n)RVsystem\n\x93"s,
        "cgood\nname\ncos\nsystem\n)RR"s}) {
    const Pickle pickle = opaque(body);
    EXPECT_TRUE(pickle.inert(pickle.root())) << body;
    ASSERT_EQ(pickle.unknown().size(), 1u) << body;
    EXPECT_EQ(pickle.unknown()[0].count, 1u);
  }
  EXPECT_FALSE(opaque("cgood\nname\ncos\nsystem\n\x85R").inert(2));
  EXPECT_EQ(opaque("cos\nsystem\ncos\nsystem\n\x86").unknown()[0].count, 2u);
}

// A list that contains itself is refused; an object that knows its owner is not.
TEST(Pickle, OnlyObjectsMayContainThemselves) {
  const Pickle pickle = opaque("cm\nC\n)\x81\x94]\x94h\x00"s + "ab");
  EXPECT_TRUE(pickle.inert(pickle.root()));
  EXPECT_EQ(pickle.parts_first().back(), pickle.root());
  EXPECT_NE(bad("]q\x00h\x00"
                "a"s,
                Errc::unsupported),
            "");
}

// Names need not be repeated to be used again: their lookups must not cost more than their opcodes.
TEST(Pickle, ManyComputedNamesAreLinear) {
  std::string body =
      "X\xff\x01\x00\x00"s + std::string(511, 'm') + "\x94X\xff\x01\x00\x00"s + std::string(511, 'n') + "\x94";
  for (int i = 0; i < 100000; ++i) body += "0h\x00h\x01\x93"s;
  const test::Stopwatch watch;
  EXPECT_EQ(opaque(body + "\x86").unknown()[0].count, 100000u);
  EXPECT_LT(watch.seconds(), 2);
}

TEST(Pickle, BrokenStacksAreRefused) {
  for (const std::string& body : {"0"s,
                                  "1"s,
                                  "2"s,
                                  "t"s,
                                  "\x85"s,
                                  "K\x01\x86"s,
                                  "a"s,
                                  "]a"s,
                                  "e"s,
                                  "(e"s,
                                  "s"s,
                                  "}K\x01s"s,
                                  "u"s,
                                  "(u"s,
                                  "}(K\x01u"s,
                                  "R"s,
                                  ")R"s,
                                  "K\x01)R"s,
                                  "cm\nn\nNR"s,
                                  "b"s,
                                  "]}b"s,
                                  "Q"s,
                                  "q\x00"s,
                                  "h\x00"s,
                                  "Nh\x05"s,
                                  "NN"s,
                                  "(N"s,
                                  ""s,
                                  "N\x80\x02"s,
                                  "K\x01K\x02"
                                  "a"s,
                                  "]K\x01K\x02s"s,
                                  "(N.)"s}) {
    EXPECT_NE(bad(body), "") << body;
  }
}

TEST(Pickle, BoundsHold) {
  EXPECT_NE(bad("r\xff\xff\xff\xff"s), "");  // nothing to remember
  EXPECT_NE(bad("Nr\xff\xff\xff\xff"s).find("memo slot"), std::string::npos);
  EXPECT_NE(bad("X\xff\xff\xff\xff"s).find("cut off"), std::string::npos);
  EXPECT_NE(bad("\x8a\x11"s + std::string(17, 'x')).find("17 bytes"), std::string::npos);
  EXPECT_NE(bad("\x8b\xff\xff\xff\xff"s), "");
  EXPECT_NE(bad("c"s + std::string(600, 'm') + "\nn\n").find("512"), std::string::npos);
  EXPECT_NE(bad("I"s + std::string(60000, '9') + "\n").find("20"), std::string::npos);
  EXPECT_NE(bad(std::string(5000, '(')), "");
  EXPECT_NE(bad("}]K\x01s").find("key"), std::string::npos);
}

TEST(Pickle, NestingIsBoundedWithoutRecursion) {
  EXPECT_EQ(bad("N"s + std::string(900, '\x85')), "");
  EXPECT_NE(bad("N"s + std::string(2000, '\x85')).find("nested"), std::string::npos);
  EXPECT_NE(bad(std::string(500000, ']') + std::string(499999, 'a')).find("nested"), std::string::npos);
  EXPECT_NE(bad("]q\x00h\x00"
                "a"s,
                Errc::unsupported)
                .find("contains itself"),
            std::string::npos);
}

TEST(Pickle, SharedTuplesAsKeysAreNotSlow) {
  // ((((), ()), ((), ())), ...): 2^60 values in 200 bytes.
  std::string tuple = ")";
  for (int i = 0; i < 60; ++i) tuple += "2\x86";
  EXPECT_NE(bad("}"s + tuple + "Ns").find("key"), std::string::npos);
  EXPECT_EQ(bad(tuple), "");
}

TEST(Pickle, TheMemoHasNoMoreSlotsThanThereAreValues) {
  const std::string why = failure("\x80\x04N"s + std::string(200'000, '\x94') + ".", Errc::corrupt);
  EXPECT_NE(why.find("more slots than there are values"), std::string::npos) << why;
}

TEST(Pickle, LongStreamsAreLinear) {
  std::string body = "}(";
  for (int i = 0; i < 200000; ++i) {
    body += "X\x05\x00\x00\x00"s + std::to_string(10000 + i).substr(0, 5) + "]";
  }
  const test::Stopwatch watch;
  EXPECT_EQ(bad(body + "u"), "");
  EXPECT_LT(watch.seconds(), 5);
}

}  // namespace
}  // namespace transload::wire
