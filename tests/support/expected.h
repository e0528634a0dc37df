// The rows of tests/hostile/EXPECTED.tsv: which hostile file must be refused, which must load.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "support/files.h"

namespace transload::testing {

struct ExpectedRow {
  std::string file;             // below the folder
  std::string attack, outcome;  // outcome: "load", "refuse", or a choice that starts with neither alone

  bool must_load() const { return outcome == "load"; }
  bool must_refuse() const { return outcome == "refuse"; }
};

// Those of one folder of tests/hostile.
inline std::vector<ExpectedRow> expected_rows(std::string_view folder) {
  std::istringstream lines(read_file(hostile("EXPECTED.tsv")));
  std::vector<ExpectedRow> rows;
  std::string line;
  std::getline(lines, line);  // the names of the columns
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string format;
    ExpectedRow row;
    std::getline(fields, row.file, '\t');
    std::getline(fields, format, '\t');
    std::getline(fields, row.attack, '\t');
    std::getline(fields, row.outcome, '\t');
    if (!row.file.starts_with(std::string(folder) + "/")) continue;
    row.file.erase(0, folder.size() + 1);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace transload::testing
