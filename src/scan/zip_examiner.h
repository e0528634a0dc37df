// The entries of a zip archive, also of one that lies about them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "transload/error.h"
#include "transload/io.h"
#include "wire/zip.h"

namespace transload::scanning {

class Examiner;

// Whether the source ends with a directory of entries and the record of its end, whatever it begins with: Python's
// zipfile and torch.jit.load find an archive from there.
bool ends_like_a_zip(const Source& source);

// Where the directory holds, its entries are looked at, whatever their names. Where it does not, everything that
// begins like a local header is: some program believes it.
class ZipExaminer {
 public:
  ZipExaminer(Examiner& examiner, std::shared_ptr<Source> source, std::string entry, unsigned depth)
      : examiner_(examiner), source_(std::move(source)), entry_(std::move(entry)), depth_(depth) {}

  // `storages` are where tensors lie, which are not looked at. False where nothing in it keeps weights.
  bool run(const std::unordered_set<std::uint64_t>& storages);
  const std::optional<Error>& error() const noexcept { return error_; }  // what is wrong with the directory
  bool is_script() const noexcept { return script_files_ > 0; }          // TorchScript

 private:
  void check_storage(const wire::ZipEntry& entry);
  bool examine_entry(const wire::ZipEntry& entry);
  bool examine_headers();
  bool examine_header(std::uint64_t at);
  Bytes inflate_at(std::uint64_t data, const std::string& label);
  bool examine_part(std::string_view name, std::uint64_t offset, std::uint64_t stored, std::uint64_t size,
                    bool deflated);
  bool spend(std::uint64_t bytes);
  bool walk(std::uint64_t bytes);
  void note_script(std::string_view name);

  Examiner& examiner_;
  std::shared_ptr<Source> source_;
  std::string entry_;
  unsigned depth_;
  std::optional<Error> error_;
  std::uint64_t walkable_ = 0;  // bytes behind the headers of a broken archive that may still be walked
  bool walked_ = false;
  std::uint64_t script_files_ = 0;
  std::string first_script_;
};

}  // namespace transload::scanning
