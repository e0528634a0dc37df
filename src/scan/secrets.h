// Traces of the machine and the person that a file was made by, in the texts that it holds.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace transload::scanning {

// Looks at one text after another. What is found is said once per file, at most 50 times.
class Secrets {
 public:
  struct Found {
    std::string entry;
    std::uint64_t offset = 0;
    std::string what;  // "the home folder /home/anna"; of tokens only the first characters
  };

  // What follows lies in this entry.
  void in(std::string_view entry) {
    if (entry_ != entry) key_.clear(), entry_ = entry;
  }
  // `text` lies at `offset` of the entry. What follows a text such as "hostname" or "user" is taken as its value.
  void look(std::uint64_t offset, std::string_view text);
  // A value whose key is known.
  void look(std::uint64_t offset, std::string_view key, std::string_view value);

  std::vector<Found> take() { return std::move(found_); }

 private:
  void say(std::uint64_t offset, std::string what);
  void paths(std::uint64_t offset, std::string_view text);
  void addresses(std::uint64_t offset, std::string_view text);
  void tokens(std::uint64_t offset, std::string_view text);

  std::vector<Found> found_;
  std::set<std::string> said_;
  std::string entry_;
  std::string key_;  // the text before, where it names a person or a machine
};

}  // namespace transload::scanning
