// Ways around a scan through pickles: each of these was once called clean, though a program that loads it runs code.
#include <gtest/gtest.h>

#include <string>

#include "support/files.h"
#include "support/scanning.h"
#include "transload/scan.h"

namespace transload {
namespace {

using namespace std::string_literals;
using testing::scan_one;
using testing::TempFolder;

ScanFile scanned(const std::string& name, const std::string& bytes) {
  const TempFolder folder;
  folder.write(name, bytes);
  const ScanReport report = scan_one(folder / name);
  return report.files.empty() ? ScanFile() : report.files[0];
}

const std::string kDtypeOfObjects = "cnumpy\ndtype\n(S'O'\ntR";

TEST(PickleEvasions, NamesOfCheckpointsCountAsTheyAreUsed) {
  const auto unknown = [](const std::string& body) {
    return scanned("a.pkl", "\x80\x02" + body).count(Grade::unknown);
  };
  // With numpy.ndarray and tuple any bytes of the program can be reached.
  EXPECT_EQ(unknown("cnumpy\nndarray\n(I1\ntR."), 1u);
  EXPECT_EQ(unknown("c__builtin__\ntuple\n(]tR."), 1u);
  // numpy's scalar of an object is that object, here a class of the program.
  const std::string scalar = "cnumpy.core.multiarray\nscalar\n(" + kDtypeOfObjects;
  EXPECT_EQ(unknown(scalar + "ccollections\nCounter\ntR}S'update'\nNsb."), 1u);
  EXPECT_EQ(unknown(scalar + "c__builtin__\nbytearray\ntR(I3000000000\ntR."), 1u);
  // As checkpoints have them.
  EXPECT_EQ(unknown("ccollections\nOrderedDict\n)R}S'_metadata'\n}sb."), 0u);
  EXPECT_EQ(unknown("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR."), 0u);
}

TEST(PickleEvasions, AnOddNameIsANameAllTheSame) {
  // torch.classes has an attribute of any name.
  const std::string evil = "ctorch\nclasses.a=b.__init__.__globals__.get\n(S'x'\ntR.";
  EXPECT_EQ(scanned("a.dat", evil).count(Grade::dangerous), 1u);
  EXPECT_EQ(scanned("a.bin", "GGUF\3\0\0\0\0000"s + evil).count(Grade::dangerous), 1u);  // BINFLOAT, POP
}

TEST(PickleEvasions, SlotsThatOnlyPythonsOwnUnpicklerTakes) {
  const std::string evil = "I1\np99999999999999999999999\n0cposix\nsystem\n(S'x'\ntR.";
  EXPECT_EQ(scanned("a.dat", evil).count(Grade::dangerous), 1u);
  // Two of them are two.
  const std::string two =
      "\x80\x04S'posix'\np18446744073709551617\n0S'a'\np36893488147419103233\n0S'system'\np1\n0"
      "g18446744073709551617\ng1\n\x93(S'x'\ntR.";
  EXPECT_EQ(scanned("a.pkl", two).count(Grade::dangerous), 1u);
}

TEST(PickleEvasions, TypeOfOneValueMakesNoClass) {
  EXPECT_EQ(scanned("a.pkl",
                    "\x80\x02"
                    "c__builtin__\ntype\nN\x85R.")
                .count(Grade::dangerous),
            0u);
  EXPECT_EQ(scanned("a.pkl",
                    "\x80\x02"
                    "c__builtin__\ntype\n(S'a'\n)}tR.")
                .count(Grade::dangerous),
            1u);
}

}  // namespace
}  // namespace transload
