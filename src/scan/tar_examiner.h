// The members of a tar archive, among them those of PyTorch 0.1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "scan/pickle_survey.h"
#include "transload/io.h"

namespace transload::scanning {

class Examiner;

// Goes on wherever tarfile does, and says what no writer of archives does.
// Source of the rules: POSIX.1 ustar and pax; tarfile.py of CPython 3.11, TarInfo._proc_member();
// torch/serialization.py of torch 2.13, _legacy_load's legacy_load().
class TarExaminer {
 public:
  TarExaminer(Examiner& examiner, std::shared_ptr<Source> source, std::string entry, unsigned depth)
      : examiner_(examiner), source_(std::move(source)), entry_(std::move(entry)), depth_(depth) {}

  void run();
  bool is_torch() const noexcept { return pickle_ && storages_; }  // as PyTorch 0.1 wrote them

 private:
  struct Header {
    std::string name;
    char type = '0';
    std::uint64_t size = 0;
  };
  // What a header before it says of the next member.
  struct Said {
    std::optional<std::string> name;
    std::optional<std::uint64_t> size;
  };

  bool at_header(std::string_view block) const;
  Header header_at(std::string_view block);
  std::uint64_t take(const Header& header);  // the size of what stands behind a header
  void check_type(const Header& header, const std::string& label);
  void take_pax(const Header& header);
  void take_pax_record(char type, std::string_view key, std::string_view value);
  std::string content(const Header& header);
  void examine_member(const Header& header, const std::string& label, std::uint64_t size);
  void problem(std::uint64_t offset, std::string message);  // the first of the archive's own of each message
  // `storages` and `tensors` of PyTorch 0.1: pickles with raw numbers between them.
  void examine_stream(const std::string& label, const std::shared_ptr<Source>& part, bool storages);
  void look_behind(const std::string& label, const std::shared_ptr<Source>& part, std::uint64_t at,
                   std::uint64_t width);

  Examiner& examiner_;
  std::shared_ptr<Source> source_;
  std::string entry_;
  unsigned depth_;
  std::uint64_t at_ = 0;  // behind the header that is looked at
  Said said_;
  std::set<std::string> problems_;
  bool pickle_ = false, storages_ = false;  // members of these names
};

}  // namespace transload::scanning
