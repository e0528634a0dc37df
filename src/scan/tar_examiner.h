// The members of a tar archive, among them those of PyTorch 0.1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "scan/pickle_survey.h"
#include "transload/io.h"

namespace transload::scanning {

class Examiner;

// Source of the rules: POSIX.1 ustar; torch/serialization.py of torch 2.13, _legacy_load's legacy_load().
class TarExaminer {
 public:
  TarExaminer(Examiner& examiner, std::shared_ptr<Source> source, std::string entry, unsigned depth)
      : examiner_(examiner), source_(std::move(source)), entry_(std::move(entry)), depth_(depth) {}

  void run();
  bool is_torch() const noexcept { return pickle_ && storages_; }  // as PyTorch 0.1 wrote them

 private:
  void examine_member(std::string_view name, char type, std::uint64_t offset, std::uint64_t size);
  // `storages` and `tensors` of PyTorch 0.1: pickles with raw numbers between them.
  void examine_stream(const std::string& label, const std::shared_ptr<Source>& part, bool storages);

  Examiner& examiner_;
  std::shared_ptr<Source> source_;
  std::string entry_;
  unsigned depth_;
  bool pickle_ = false, storages_ = false;  // members of these names
};

}  // namespace transload::scanning
