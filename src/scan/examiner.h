// One file, looked at with everything that it contains.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "scan/content.h"
#include "scan/pickle_survey.h"
#include "scan/secrets.h"
#include "scan/structure.h"
#include "transload/scan.h"

namespace transload::scanning {

inline constexpr unsigned kDeepestFile = 5;           // files inside of files
inline constexpr std::size_t kMostFindings = 10'000;  // of a kind, of one file

// What the part of an entry is called: "archive.tar!member".
std::string inside(const std::string& entry, std::string_view part);

// Fills `file` with what is found. Errors of a reader become problems; Errc::io of the system is thrown.
class Examiner {
 public:
  explicit Examiner(ScanFile& file) : file_(file) {}

  // A content under its name, which only helps where bytes leave a doubt. False where it is nothing that weights are
  // kept in. `entry` is what it is called inside of the file; empty: the file itself. `depth` counts what it lies in.
  bool examine(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry, unsigned depth);
  // A checkpoint of several files, by the one that leads to the others.
  void examine_set(const Location& location, const std::string& file);

  // What is something else in the first place, as the pickle that it may be at once. False where it is none.
  bool examine_suspicion(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth,
                         std::uint64_t begin = 0);

  // The same, where what it leads to is not there.
  void missing(const Error& error);

  void finish();  // once, last: notes that are gathered over the whole file

 private:
  friend class ZipExaminer;
  friend class TarExaminer;

  bool examine_zip(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                   const Content& content, unsigned depth);
  bool examine_format(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                      Content content, unsigned depth);
  bool examine_compressed(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                          const Content& content, unsigned depth);
  void examine_npy(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth);
  bool examine_unmarked(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                        const Content& content, unsigned depth);

  // One pickle after another from `begin`; where the last one ends. `most` is how many there should be at most.
  std::uint64_t examine_pickles(const std::shared_ptr<Source>& source, std::uint64_t begin, const std::string& entry,
                                unsigned depth, std::uint64_t most);
  // Pickles from begin to end: what follows them is a finding.
  void examine_only_pickles(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth);
  Survey survey(const Source& source, std::uint64_t begin);
  void take(const Survey& survey, const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth);
  void take_names(const Survey& survey, const std::string& entry);
  void examine_literal(const std::shared_ptr<Source>& source, const SurveyLiteral& literal, const std::string& entry,
                       unsigned depth);

  // What the readers say. Without a format that they have to take, a refusal is only a remark.
  Opened open_it(const std::shared_ptr<Source>& source, const Format& format, const std::string& entry);
  void look_at_metadata(const Opened& opened);
  void judge(const Opened& opened, const std::string& file, const std::string& entry, bool must_be_read);

  void problem(const std::string& entry, std::optional<std::uint64_t> offset, std::string message,
               ScanProblem::Kind kind = ScanProblem::Kind::broken);
  void remark(const std::string& entry, std::string message);
  bool spend(std::uint64_t bytes, const std::string& entry);  // false, with a problem said once, where too much was

  ScanFile& file_;
  Secrets secrets_;
  std::uint64_t budget_ = std::uint64_t{512} << 20;  // bytes that may be decoded, and walked a second time
  std::uint64_t parts_ = 100'000;                    // entries and literals that may be looked into
  bool spent_ = false;
};

}  // namespace transload::scanning
