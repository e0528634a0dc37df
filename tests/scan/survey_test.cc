// What a survey sees in a pickle: each way in which CPython imports and calls.
#include "scan/pickle_survey.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "scan/literal.h"

namespace transload::scanning {
namespace {

using namespace std::string_literals;

std::shared_ptr<Source> source_of(const std::string& bytes) {
  const ByteView view = as_bytes(bytes);
  return memory_source("test.pkl", Bytes(std::vector(view.begin(), view.end())));
}

Survey survey(const std::string& bytes) { return survey_pickle(*source_of(bytes), 0, bytes.size()); }

// "os.system()" where it is called, "os.system" where it is only imported.
std::vector<std::string> names(const Survey& survey) {
  std::vector<std::string> all;
  for (const SurveyName& name : survey.names) all.push_back(name.module + "." + name.name + (name.called ? "()" : ""));
  return all;
}
using Names = std::vector<std::string>;

TEST(PickleSurvey, EachWayToImportAndToCall) {
  EXPECT_EQ(names(survey("cos\nsystem\n(S'x'\ntR.")), Names{"os.system()"});
  EXPECT_EQ(names(survey("\x80\x02"
                         "cos\nsystem\n.")),
            Names{"os.system"});
  EXPECT_EQ(names(survey("\x80\x04\x8c\x02os\x8c\x06system\x93.")), Names{"os.system"});
  EXPECT_EQ(names(survey("(S'x'\nios\nsystem\n.")), Names{"os.system()"});   // INST
  EXPECT_EQ(names(survey("(cos\nsystem\nS'x'\no.")), Names{"os.system()"});  // OBJ
  EXPECT_EQ(names(survey("\x80\x02"
                         "cos\nsystem\n)\x81.")),
            Names{"os.system()"});  // NEWOBJ
  EXPECT_EQ(names(survey("\x80\x04"
                         "cos\nsystem\n)}\x92.")),
            Names{"os.system()"});  // NEWOBJ_EX
  EXPECT_EQ(names(survey("\x80\x02"
                         "ca\nB\n)\x81}b.")),
            Names{"a.B()"});                                                        // BUILD
  EXPECT_EQ(names(survey("\x80\x02\x82\x05)R.")), Names{"copyreg.extension 5()"});  // EXT1
  EXPECT_EQ(names(survey("\x80\x04\x95\x40\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x30\x30h\0h\1\x93)R."s)),
            Names{"os.system()"});  // memo, a frame that lies
  EXPECT_EQ(names(survey("Vos\np5\n0S'sys\\x74em'\np7\n0g5\ng7\n\x93)R.")), Names{"os.system()"});  // text, escapes
}

TEST(PickleSurvey, WhatIsCalledBeforeAPickleBreaksIsReported) {
  for (const char* broken : {"\xff", "h\x63", "t", "", "0000", "X\xff\xff\xff\x7f", "cos", "\x80\x06"}) {
    const Survey found = survey(
        "\x80\x02"
        "cos\nsystem\nX\1\0\0\0x\x85R"s +
        broken);
    EXPECT_FALSE(found.complete) << broken;
    EXPECT_EQ(names(found), Names{"os.system()"}) << broken;
    EXPECT_FALSE(found.problems.empty()) << broken;
    EXPECT_EQ(found.names[0].argument, "x");
  }
}

TEST(PickleSurvey, NamesThatAreComputed) {
  const Survey found = survey(
      "\x80\x04\x8c\x07_codecs\x8c\x06"
      "decode\x93\x8c\x02"
      "bf\x8c\x05rot13\x86R\x8c\x06system\x93)R.");
  ASSERT_EQ(found.names.size(), 2u);
  EXPECT_TRUE(found.names[1].computed);
  EXPECT_EQ(found.names[1].name, "system");
  EXPECT_TRUE(found.complete);
}

TEST(PickleSurvey, GetattrOfANameIsTheNameOfItsAttribute) {
  const Survey plain = survey(
      "\x80\x02"
      "cbuiltins\ngetattr\nca\nB\nX\1\0\0\0c\x86R."s);
  EXPECT_EQ(names(plain), (Names{"builtins.getattr()", "a.B", "a.B.c"}));
  EXPECT_TRUE(plain.names[0].only_attributes);
  const Survey other = survey(
      "\x80\x02"
      "cbuiltins\ngetattr\nca\nB\n)RX\1\0\0\0c\x86R."s);
  EXPECT_FALSE(other.names[0].only_attributes);
}

TEST(PickleSurvey, MarksFenceTheStack) {
  EXPECT_FALSE(survey("\x80\x02"
                      "cos\nsystem\n(R.")
                   .complete);  // nothing above the mark to call with
  EXPECT_TRUE(survey("\x80\x02"
                     "cos\nsystem\n((1)R.")
                  .complete == false);
  EXPECT_EQ(names(survey("\x80\x02"
                         "(1cos\nsystem\n)R.")),
            Names{"os.system()"});
}

TEST(PickleSurvey, WhatNoWriterDoes) {
  const auto problem = [](const std::string& bytes) {
    const Survey found = survey(bytes);
    return found.problems.empty() ? std::string() : found.problems.front().message;
  };
  EXPECT_EQ(problem("\x80\x02]q\0."s), "");
  EXPECT_NE(problem("\x80\x02]}b.").find("takes none"), std::string::npos);
  EXPECT_NE(problem("\x80\x02}]Ns.").find("key"), std::string::npos);
  EXPECT_NE(problem("\x80\x02]q\0h\0a."s).find("into itself"), std::string::npos);
  EXPECT_NE(problem("\x80\x02]]."s).find("stack at the end"), std::string::npos);
  EXPECT_NE(problem("\x80\x02N\x80\x02."s).find("PROTO"), std::string::npos);
  EXPECT_NE(problem("\x80\x02Nr\xff\xff\xff\xff."s).find("slot"), std::string::npos);
  EXPECT_NE(problem("\x80\x02"s + std::string(2000, ']') + std::string(1999, 'a') + ".").find("nested"),
            std::string::npos);
  EXPECT_NE(problem("\x80\x02"
                    "cbuiltins\nbytearray\n\x8a\x06\0\0\0\0\0\1\x85R."s)
                .find("allocate"),
            std::string::npos);
  EXPECT_NE(problem("\x80\x02"
                    "c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0hex\x86R."s)
                .find("Latin-1"),
            std::string::npos);
  EXPECT_EQ(problem("\x80\x02X\x09\0\0\0__class__."s), "");  // a text of somebody's settings
  EXPECT_NE(problem("\x80\x02"
                    "ca\nB\nX\x09\0\0\0__class__\x85R."s)
                .find("__class__"),
            std::string::npos);
}

// Each of these ran, and was no pickle to a survey that stopped where it found something odd.
TEST(PickleSurvey, GoesOnWhereverPythonGoesOn) {
  const std::string evil = "cos\nsystem\n(S'x'\ntR.";
  const Names wanted{"os.system()"};
  for (const std::string& begin : {"N(e0"s, "N(u0"s, "NNb0"s, "Np+0\n0"s, "Np 0\n0"s, "Np1_0\n0"s,
                                   "Np" + std::string(22, '0') + "\n0", "Np0\0x\n0"s}) {
    EXPECT_EQ(names(survey(begin + evil)), wanted) << begin;
  }
  EXPECT_EQ(names(survey("(S'x'\nios\nsystemX")), wanted);  // the last line of a file needs no end
  EXPECT_EQ(names(survey("V\\U0000006fs\nV\\U00000073ystem\n\x93)R.")), wanted);
  const Survey computed = survey("cos\nname\nVsystem\n\x93)R.");  // os.name is a text
  ASSERT_EQ(computed.names.size(), 2u);
  EXPECT_TRUE(computed.names[1].computed);
}

TEST(PickleSurvey, ItsOwnLimitsHideNothing) {
  for (const char unit : {'(', 'N'}) {
    const Survey found = survey(std::string((1 << 20) + 5, unit) + "cos\nsystem\n(S'x'\ntR.");
    EXPECT_EQ(names(found), Names{"os.system()"});
    EXPECT_TRUE(found.limited);
    EXPECT_FALSE(found.problems.empty());
  }
}

TEST(PickleSurvey, AStateForANameChangesIt) {
  const Survey found = survey("ccollections\nCounter\n)R}b."s);
  ASSERT_EQ(found.names.size(), 1u);
  EXPECT_FALSE(found.names[0].changed);
  EXPECT_TRUE(survey("ccollections\nCounter\n}b."s).names[0].changed);
}

TEST(PickleSurvey, GetattrThatIsPassedOnIsNoPlainAttribute) {
  const Survey found = survey(
      "\x80\x02"
      "cbuiltins\ngetattr\nq\0ca\nB\nX\1\0\0\0c\x86R0cbuiltins\nmap\nh\0\x85R."s);
  EXPECT_FALSE(found.names[0].only_attributes);
}

TEST(PickleSurvey, PicklesInTextsAreFound) {
  const auto literal = [](const std::string& bytes) {
    const auto source = source_of(bytes);
    const Survey found = survey_pickle(*source, 0, bytes.size());
    return found.literals.empty() ? std::string() : literal_content(*source, found.literals.front(), 1000);
  };
  const std::string inner =
      "\x80\x02"
      "cos\nsystem\n)R.";
  EXPECT_EQ(literal("\x80\x03"
                    "C\x10"s +
                    inner + "."),
            inner);
  EXPECT_EQ(literal("\x80\x02X\x11\0\0\0\xc2"s + inner + "."), inner);  // as protocol 2 writes bytes
  EXPECT_EQ(literal("S'cos\\nsystem\\n(tR.'\n."), "cos\nsystem\n(tR.");
  EXPECT_EQ(literal("Vcos\\u000asystem\\u000a(tR.\n."), "cos\nsystem\n(tR.");
  EXPECT_EQ(literal("\x80\x02X\5\0\0\0hello."s), "");
}

TEST(Literals, OfATextThatIsCutInAnEscapeWhatStandsBeforeIsKept) {
  using Code = SurveyLiteral::Code;
  EXPECT_EQ(decoded("'a\\x41\\x4", Code::quoted, 100), "aA");
  EXPECT_EQ(decoded("'a\\\\", Code::quoted, 100), "a\\");
  EXPECT_EQ(decoded("'a\\", Code::quoted, 100), "a");
  EXPECT_EQ(decoded("a\\u0041\\u00", Code::escaped, 100), "aA");
  EXPECT_EQ(decoded("'\\xzz'", Code::quoted, 100), "");  // Python refuses it
}

// A source of which only the beginning and the end exist.
class Hollow final : public Source {
 public:
  Hollow(std::string begin, std::uint64_t size, std::string end)
      : begin_(std::move(begin)), end_(std::move(end)), size_(size) {}
  const std::string& name() const noexcept override { return begin_; }
  std::uint64_t size() const noexcept override { return size_; }
  std::string identity() const override { return {}; }
  void read(std::uint64_t offset, MutableByteView out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t at = offset + i;
      const char c = at < begin_.size()          ? begin_[at]
                     : at >= size_ - end_.size() ? end_[at - (size_ - end_.size())]
                                                 : 'x';
      out[i] = static_cast<std::byte>(c);
    }
    read_ += out.size();
  }
  Bytes view(std::uint64_t offset, std::uint64_t size) const override {
    std::vector<std::byte> bytes(size);
    read(offset, bytes);
    return Bytes(std::move(bytes));
  }
  std::uint64_t bytes_read() const { return read_; }

 private:
  std::string begin_, end_;
  std::uint64_t size_;
  mutable std::uint64_t read_ = 0;
};

TEST(PickleSurvey, SkipsValuesWithoutReadingThem) {
  constexpr std::uint64_t kSize = std::uint64_t{8} << 30;
  std::string begin = "\x80\x04\x8e"s;
  for (int i = 0; i < 8; ++i) begin += static_cast<char>(kSize >> (8 * i));
  const std::string end = "cos\nsystem\n)R0.";
  const Hollow hollow(begin, begin.size() + kSize + end.size(), end);
  const Survey found = survey_pickle(hollow, 0, hollow.size());
  EXPECT_EQ(names(found), Names{"os.system()"});
  EXPECT_TRUE(found.complete);
  EXPECT_LT(hollow.bytes_read(), 200'000u);
}

TEST(PickleSurvey, LinearInWhateverItIsGiven) {
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& unit : {"("s, "]"s, "N"s, "(t"s, "]q\0h\0a"s, "2"s, "cos\nsystem\n"s, ")\x85"s,
                                  "}Nr\xff\xff\0\0"s, "cos\nsystem\n)R"s, "N\x94"s}) {
    std::string bytes = "\x80\x04N";
    while (bytes.size() < 1'000'000) bytes += unit;
    const Survey found = survey(bytes);
    EXPECT_GT(found.opcodes, 50'000u) << unit;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace transload::scanning
