// The table of dangerous names, and how names are matched with it.
#include "scan/grades.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace transload::scanning {
namespace {

Grade of(std::string_view module, std::string_view name) { return grade(module, name).grade; }

TEST(Grades, TheTableIsSoundInItself) {
  std::set<std::string_view> seen;
  for (const Danger& row : dangers()) {
    EXPECT_TRUE(seen.insert(row.path).second) << row.path << " stands there twice";
    EXPECT_TRUE(std::ranges::none_of(row.path, [](char c) { return c >= 'A' && c <= 'Z'; })) << row.path;
    EXPECT_FALSE(row.reason.empty()) << row.path;
  }
  EXPECT_GT(seen.size(), 250u);
}

TEST(Grades, WhatCheckpointsNeedIsAllowed) {
  for (const auto& [module, name] : {std::pair("torch._utils", "_rebuild_tensor_v2"),
                                     {"collections", "OrderedDict"},
                                     {"torch", "FloatStorage"},
                                     {"_codecs", "encode"},
                                     {"numpy", "dtype"},
                                     {"numpy.core.multiarray", "_reconstruct"},
                                     {"numpy._core.multiarray", "scalar"}}) {
    EXPECT_EQ(of(module, name), Grade::allowed) << module << " " << name;
  }
}

TEST(Grades, DangerousByNameWithTheReason) {
  EXPECT_EQ(grade("os", "system").reason, "runs commands, and changes files and processes");
  EXPECT_EQ(grade("builtins", "eval").reason, "evaluates code");
  EXPECT_EQ(grade("pickle", "loads").reason, "loads another pickle, which can run code");
  EXPECT_EQ(grade("socket", "socket").reason, "opens network connections");
  EXPECT_EQ(grade("io", "open").reason, "opens files");
  EXPECT_EQ(grade("importlib", "import_module").reason, "imports modules, which runs their code");
  // Python 2, other cases, what lies below, attributes, line ends of Windows, a module inside of another.
  EXPECT_EQ(of("__builtin__", "execfile"), Grade::dangerous);
  EXPECT_EQ(of("OS", "System"), Grade::dangerous);
  EXPECT_EQ(of("importlib.metadata", "x"), Grade::dangerous);
  EXPECT_EQ(of("builtins", "eval.__call__"), Grade::dangerous);
  EXPECT_EQ(of("posix\r", "system\r"), Grade::dangerous);
  EXPECT_EQ(of("torch.serialization", "os.system"), Grade::dangerous);
  EXPECT_EQ(of("collections", "OrderedDict.__init__.__globals__"), Grade::dangerous);
}

TEST(Grades, WhatOnlyLooksLikeThemIsUnknown) {
  EXPECT_EQ(of("Collections", "OrderedDict"), Grade::unknown);  // not what the reader allows
  EXPECT_EQ(of("osmium", "Node"), Grade::unknown);
  EXPECT_EQ(of("my.api", "Requests"), Grade::unknown);
  EXPECT_EQ(of("torch.jit._pickle", "build_intlist"), Grade::unknown);
  EXPECT_EQ(of("torch.nn.modules.linear", "Linear"), Grade::unknown);
  EXPECT_EQ(of("argparse", "Namespace"), Grade::unknown);
  EXPECT_EQ(of("pathlib", "PosixPath"), Grade::unknown);
  EXPECT_EQ(of("functools", "partial"), Grade::unknown);
  EXPECT_EQ(of("collections", "ChainMap"), Grade::unknown);
}

}  // namespace
}  // namespace transload::scanning
