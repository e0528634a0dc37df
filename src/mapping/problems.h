// Everything that is wrong with a checkpoint, collected first and thrown once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "transload/error.h"

namespace transload::mapping {

class Problems {
 public:
  // `tensor`: the stored name, if the problem is one tensor's.
  void add(Errc code, std::string tensor, std::string text) {
    if (all_.empty()) code_ = code;
    all_.push_back({std::move(tensor), std::move(text)});
  }
  void advise(std::string advice) {
    if (advice_.empty()) advice_ = std::move(advice);
  }
  bool empty() const noexcept { return all_.empty(); }
  // One Error: its first line counts the problems and shows the first; details() has the others.
  void throw_if_any() const;

 private:
  struct Problem {
    std::string tensor, text;
  };
  Errc code_ = Errc::unmapped;
  std::vector<Problem> all_;
  std::string advice_;
};

}  // namespace transload::mapping
