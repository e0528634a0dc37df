#include "scan/tar_examiner.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "formats/torch/globals.h"
#include "scan/examiner.h"
#include "scan/part_source.h"
#include "scan/window.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kBlock = 512;

// Digits in base 8, or a big-endian number after a byte of 0x80.
std::uint64_t number(std::string_view field) {
  std::uint64_t value = 0;
  if (!field.empty() && field[0] == '\x80') {
    for (const char c : field.substr(field.size() - 8)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  bool digits = false;
  for (const char c : field) {
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
      digits = true;
    } else if (digits) {
      break;
    }
  }
  return value;
}

std::string_view text(std::string_view field) { return field.substr(0, field.find('\0')); }

bool climbs(std::string_view name) {
  return name.starts_with('/') || name == ".." || name.starts_with("../") || name.ends_with("/..") ||
         name.find("/../") != name.npos;
}

}  // namespace

void TarExaminer::run() {
  std::uint64_t at = 0;
  while (at + kBlock <= source_->size()) {
    std::string block(kBlock, '\0');
    source_->read(at, std::as_writable_bytes(std::span(block)));
    if (block.find_first_not_of('\0') == block.npos) return;  // the end
    const std::string_view view = block;
    std::string name(text(view.substr(0, 100)));
    if (view.substr(257, 5) == "ustar" && !text(view.substr(345, 155)).empty()) {
      name = fmt::format("{}/{}", text(view.substr(345, 155)), name);
    }
    const std::uint64_t size = number(view.substr(124, 12));
    at += kBlock;
    if (size > source_->size() - at) {
      examiner_.problem(
          entry_, at - kBlock,
          fmt::format("the member '{}' is of {} bytes where {} are left", name, size, source_->size() - at));
      examine_member(name, view[156], at, source_->size() - at);
      return;
    }
    if (!examiner_.spend(0, entry_)) return;
    examine_member(name, view[156], at, size);
    at += size + (kBlock - size % kBlock) % kBlock;
  }
}

void TarExaminer::examine_member(std::string_view name, char type, std::uint64_t offset, std::uint64_t size) {
  const std::string label = entry_.empty() ? std::string(name) : fmt::format("{}!{}", entry_, name);
  if (climbs(name)) examiner_.problem(label, std::nullopt, "a member whose name leads out of the folder");
  if (type == '1' || type == '2') examiner_.problem(label, std::nullopt, "a member that is a link");
  if ((type >= '3' && type <= '6') && type != '5') examiner_.problem(label, std::nullopt, "a member that is a device");
  pickle_ = pickle_ || name == "pickle";
  storages_ = storages_ || name == "storages";
  const bool is_file = type == '0' || type == '\0' || type == '7';
  if (!is_file || size == 0) return;
  const std::shared_ptr<Source> part = part_of(source_, offset, size, label);
  if (name == "storages" || name == "tensors") {
    examine_stream(label, part, name == "storages");
  } else {
    examiner_.examine(part, name, label, depth_ + 1);
  }
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
    std::uint8_t next = 0;
    if (!window.byte(next)) return;
    // The number of items is followed by the first of them, and the last storage by the list of views.
    if (next == 0x80 && window.byte(next) && next <= 5) continue;
    window.seek(at);
    std::uint64_t skip = 0;
    if (storages) {
      // The number of elements, then the elements of the type that the pickle named.
      std::uint64_t count = 0, width = 0;
      for (const SurveyName& name : survey.names) {
        const torch::Global* global = torch::find_global(name.module, name.name);
        if (global != nullptr && global->bytes != 0) width = global->bytes;
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
