#include "scan/tar_examiner.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "formats/torch/globals.h"
#include "scan/examiner.h"
#include "scan/grades.h"
#include "scan/part_source.h"
#include "scan/tar_header.h"
#include "scan/window.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kLargestPax = 1 << 20;
constexpr std::uint64_t kLargestOctal = (std::uint64_t{1} << 33) - 1;  // 11 digits: what a header's own field holds
constexpr std::size_t kNameSize = 100;

std::string_view text(std::string_view field) { return field.substr(0, field.find('\0')); }

bool climbs(std::string_view name) {
  return name.starts_with('/') || name == ".." || name.starts_with("../") || name.ends_with("/..") ||
         name.find("/../") != name.npos;
}

// Pickles of protocol 0 and 1 begin with anything; so do numbers.
bool is_dangerous(const Survey& survey) {
  return std::ranges::any_of(
      survey.names, [](const SurveyName& name) { return name.called && grade_use(name).grade == Grade::dangerous; });
}

}  // namespace

void TarExaminer::problem(std::uint64_t offset, std::string message) {
  if (problems_.insert(message).second) examiner_.problem(entry_, offset, std::move(message));
}

bool TarExaminer::at_header(std::string_view block) const {
  const TarSum sum = tar_sum(block);
  // The first one makes the archive what it is, whatever its sum says.
  return sum.right || at_ == 0;
}

void TarExaminer::run() {
  bool ended = false;
  std::string block(kTarBlock, '\0');
  while (at_ < source_->size()) {
    block.resize(std::min(kTarBlock, source_->size() - at_));
    source_->read(at_, std::as_writable_bytes(std::span(block)));
    if (block.find_first_not_of('\0') == block.npos) {
      ended = true;
      at_ += block.size();
      continue;
    }
    if (ended) problem(at_, "something follows the end of the tar archive");
    if (block.size() < kTarBlock || !at_header(block)) {
      if (!ended) problem(at_, "what stands here is no header of a tar archive, where one should be");
      at_ += block.size();
      continue;
    }
    const Header header = header_at(block);
    if (!examiner_.spend(0, entry_)) return;
    at_ += kTarBlock;
    const std::uint64_t size = take(header);
    const std::uint64_t left = source_->size() - at_;
    at_ += std::min(left, size + (kTarBlock - size % kTarBlock) % kTarBlock);
  }
}

TarExaminer::Header TarExaminer::header_at(std::string_view block) {
  Header header;
  header.type = block[156];
  header.name = text(block.substr(0, kNameSize));
  const bool is_folder = header.type == '\0' && header.name.ends_with('/');  // of archives before POSIX
  const bool is_gnu = header.type == 'L' || header.type == 'K' || header.type == 'S';
  const std::string_view prefix = text(block.substr(345, 155));
  if (!is_gnu && !prefix.empty()) header.name = fmt::format("{}/{}", prefix, header.name);
  if (is_folder) header.type = '5';
  const std::optional<TarNumber> size = tar_number(block.substr(124, 12));
  if (const TarSum sum = tar_sum(block); !sum.right) {
    problem(at_, "the checksum of a tar header is wrong");
  } else if (!sum.plain) {
    problem(at_, "the checksum of a tar header is written as no program writes it");
  }
  if (!size) {
    problem(at_, "the size in a tar header is no number");
  } else if (!size->plain) {
    problem(at_, "the size in a tar header is written as no program writes it");
  }
  if (size && !size->negative) header.size = size->value;
  return header;
}

std::uint64_t TarExaminer::take(const Header& header) {
  const std::uint64_t left = source_->size() - at_;
  if (header.type == 'x' || header.type == 'X' || header.type == 'g') {
    take_pax(header);
    return std::min(header.size, left);
  }
  if (header.type == 'L' || header.type == 'K') {  // the name, or the link, of the next member
    const std::string value = content(header);
    if (header.type == 'L' && !said_.name) said_.name = text(value);  // the first of them is the last to be heeded
    return std::min(header.size, left);
  }
  Header member = header;
  const Said said = std::exchange(said_, {});
  if (said.name) member.name = *said.name;
  if (said.size) {
    if (*said.size != header.size && *said.size <= kLargestOctal) {
      problem(at_ - kTarBlock, "a pax header gives a member another size than its own header");
    }
    member.size = *said.size;
  }
  const std::string label = inside(entry_, member.name);
  if (climbs(member.name)) examiner_.problem(label, std::nullopt, "a member whose name leads out of the folder");
  check_type(member, label);
  // Nothing stands behind a folder, a link or a device, whatever size they name: so does tarfile go on.
  if (member.type >= '1' && member.type <= '6') return 0;
  if (member.size > left) {
    examiner_.problem(entry_, at_ - kTarBlock,
                      fmt::format("the member '{}' is of {} bytes where {} are left", member.name, member.size, left));
  }
  const std::uint64_t size = std::min(member.size, left);
  examine_member(member, label, size);
  return size;
}

void TarExaminer::check_type(const Header& header, const std::string& label) {
  const char type = header.type;
  if (type == '1' || type == '2') examiner_.problem(label, std::nullopt, "a member that is a link");
  if (type == '3' || type == '4' || type == '6') examiner_.problem(label, std::nullopt, "a member that is a device");
  if (type == '5' && header.size != 0) examiner_.problem(label, std::nullopt, "a folder with a size");
  if (type == 'S') examiner_.problem(label, std::nullopt, "a file with holes, which is not put together here");
  if (type != '\0' && type != '7' && type != 'S' && (type < '0' || type > '6')) {
    examiner_.problem(label, std::nullopt,
                      fmt::format("a member of the unknown type '{}', which programs take for a file",
                                  escaped(std::string_view(&type, 1))));
  }
}

// What stands behind a header that speaks of the next one.
std::string TarExaminer::content(const Header& header) {
  const std::uint64_t size = std::min(header.size, source_->size() - at_);
  if (size < header.size) problem(at_ - kTarBlock, "the tar archive is cut off");
  if (size > kLargestPax) problem(at_ - kTarBlock, "a header of a tar archive that is too large");
  if (!examiner_.spend(std::min(size, kLargestPax), entry_)) return {};
  std::string all(std::min(size, kLargestPax), '\0');
  if (!all.empty()) source_->read(at_, std::as_writable_bytes(std::span(all)));
  return all;
}

// Records "LENGTH KEY=VALUE\n".
void TarExaminer::take_pax(const Header& header) {
  const std::string all = content(header);
  const Said before = said_;
  std::string_view rest = all;
  while (!rest.empty()) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + std::min<std::size_t>(rest.size(), 8), length);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    const bool holds = error == std::errc() && digits < rest.size() && rest[digits] == ' ' && length > digits + 1 &&
                       length <= rest.size() && rest[length - 1] == '\n';
    const std::string_view record = holds ? rest.substr(digits + 1, length - digits - 2) : std::string_view();
    const std::size_t equals = record.find('=');
    if (equals == record.npos) {
      problem(at_, "a record of a pax header that is none");
      return;
    }
    take_pax_record(header.type, record.substr(0, equals), record.substr(equals + 1));
    rest.remove_prefix(length);
  }
  if (before.name) said_.name = before.name;  // what a header before this one says
}

void TarExaminer::take_pax_record(char type, std::string_view key, std::string_view value) {
  if (key.starts_with("GNU.sparse")) problem(at_, "a file with holes, which is not put together here");
  if (key != "size" && key != "path") return;
  if (type == 'g') problem(at_, fmt::format("a pax header that gives every member the same {}", key));
  if (key == "path") {
    said_.name = value.substr(0, value.find_last_not_of('/') + 1);
    return;
  }
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
  if (error != std::errc() || end != value.data() + value.size() || said_.size) {
    problem(at_, "the size in a pax header is no number, or is there twice");
  }
  said_.size = size;
}

void TarExaminer::examine_member(const Header& header, const std::string& label, std::uint64_t size) {
  std::string name = fs::path(header.name).lexically_normal().string();  // "./pickle" is "pickle"
  while (name.ends_with('/')) name.pop_back();
  pickle_ = pickle_ || name == "pickle";
  storages_ = storages_ || name == "storages";
  if (size == 0) return;
  const std::shared_ptr<Source> part = part_of(source_, at_, size, label);
  if (name == "storages" || name == "tensors") {
    examine_stream(label, part, name == "storages");
  } else {
    examiner_.examine(part, name, label, depth_ + 1);
  }
}

// Where the next pickle stands depends on which of several types the storage at `at` is of.
void TarExaminer::look_behind(const std::string& label, const std::shared_ptr<Source>& part, std::uint64_t at,
                              std::uint64_t width) {
  Window window(*part, at, part->size());
  std::uint64_t count = 0;
  if (!window.little(8, count) || count > window.left() / width) return;
  const std::uint64_t next = at + 8 + count * width;
  if (next >= part->size()) return;
  const Survey survey = examiner_.survey(*part, next);
  if (is_dangerous(survey)) examiner_.take(survey, part, label, depth_ + 1);
}

void TarExaminer::examine_stream(const std::string& label, const std::shared_ptr<Source>& part, bool storages) {
  std::uint64_t at = 0;
  while (at < part->size()) {
    const Survey survey = examiner_.survey(*part, at);
    if (at > 0 && !survey.complete && survey.names.empty()) {
      examiner_.problem(label, at, "what stands here is no pickle, where one should be");
      return;
    }
    examiner_.take(survey, part, label, depth_ + 1);
    if (!survey.complete || !examiner_.spend(0, label)) return;
    at = survey.end;
    Window window(*part, at, part->size());
    std::uint64_t next = 0;
    // The number of items is followed by the first of them, and the last storage by the list of views. A pickle has no
    // NULs there; a number of elements has.
    const bool begins = window.little(4, next) && (next & 0xff) == 0x80 && (next >> 8 & 0xff) <= 5 && next >> 16 != 0;
    if (begins || is_dangerous(examiner_.survey(*part, at))) continue;
    window.seek(at);
    if (window.left() == 0) return;
    std::uint64_t skip = 0;
    if (storages) {
      // The number of elements, then the elements of the type that the pickle named.
      std::uint64_t count = 0, width = 0;
      for (const SurveyName& name : survey.names) {
        const torch::Global* global = torch::find_global(name.module, name.name);
        if (global == nullptr || global->bytes == 0) continue;
        if (width != 0 && width != global->bytes) look_behind(label, part, at, width);
        width = global->bytes;
      }
      if (!window.little(8, count) || width == 0 || count > window.left() / width) {
        examiner_.problem(label, at, "a storage that does not fit in the archive, or of an unknown type");
        return;
      }
      skip = 8 + count * width;
    } else {
      // The number of dimensions (4 bytes, and 4 that say nothing), sizes, strides, the offset.
      std::uint64_t rank = 0;
      if (!window.little(4, rank) || rank > 1024 || !window.skip(4 + rank * 16 + 8)) {
        examiner_.problem(label, at, fmt::format("a tensor of {} dimensions, which do not fit in the archive", rank));
        return;
      }
      skip = window.offset() - at;
    }
    at += skip;
  }
}

}  // namespace transload::scanning
