#include "wire/zip_writer.h"

#include <algorithm>

#include "transload/error.h"
#include "wire/write.h"

namespace transload::wire {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kLocalHeaderBytes = 30;
// A size or an offset of this or more stands in an extra part of 64-bit fields.
constexpr std::uint64_t kLarge = 0xFFFFFFFF;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint16_t kUtf8 = 0x0800, kHasDescriptor = 0x0008;

void append_u16(std::string& out, std::uint16_t value) { append_integer(out, value); }

std::uint32_t clipped(std::uint64_t value) { return static_cast<std::uint32_t>(std::min(value, kLarge)); }

bool is_large(const ZipRecord& record) { return record.size >= kLarge; }
bool is_far(const ZipRecord& record) { return record.header >= kLarge; }

// miniz leaves the compressed size 0 in the local header, and gives the header's own offset there too.
std::string zip64_extra(const ZipRecord& record, std::uint64_t compressed) {
  std::string fields;
  if (is_large(record)) {
    append_u64(fields, record.size);
    append_u64(fields, compressed);
  }
  if (is_far(record)) append_u64(fields, record.header);
  if (fields.empty()) return fields;
  std::string extra;
  append_u16(extra, kZip64Extra);
  append_u16(extra, static_cast<std::uint16_t>(fields.size()));
  return extra + fields;
}

// The extra part of the local header: 64-bit fields, and "FB" with as many 'Z' as align the content.
std::string local_extra(const ZipRecord& record) {
  std::string extra = zip64_extra(record, 0);
  const std::uint64_t unpadded = record.header + kLocalHeaderBytes + record.name.size() + extra.size() + 4;
  const std::uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  extra += "FB";
  append_u16(extra, static_cast<std::uint16_t>(padding));
  return extra.append(padding, 'Z');
}

std::uint16_t flags(const ZipRecord& record) {
  return record.size == 0 ? kUtf8 : static_cast<std::uint16_t>(kUtf8 | kHasDescriptor);
}

std::uint64_t descriptor_bytes(const ZipRecord& record) {
  if (record.size == 0) return 0;
  return is_large(record) || is_far(record) ? 24 : 16;
}

}  // namespace

const ZipRecord& ZipPlanner::add(std::string name, std::uint64_t size) {
  if (name.size() > 0xFFFF) throw Error(Errc::unsupported, "a zip archive has no names of more than 65535 bytes");
  ZipRecord record{.name = std::move(name), .size = size, .header = end_, .offset = 0};
  record.offset = end_ + kLocalHeaderBytes + record.name.size() + local_extra(record).size();
  if (__builtin_add_overflow(record.offset, size, &end_) ||
      __builtin_add_overflow(end_, descriptor_bytes(record), &end_) || end_ >> 62 != 0) {
    throw Error(Errc::unsupported, "all tensors together are larger than any file");
  }
  records_.push_back(std::move(record));
  return records_.back();
}

std::string zip_local_header(const ZipRecord& record) {
  const std::string extra = local_extra(record);
  std::string out = "PK\x03\x04";
  append_u16(out, 0);  // version needed
  append_u16(out, flags(record));
  out.append(18, '\0');  // method (stored), time, date, checksum, sizes: the descriptor or the directory has them
  append_u16(out, static_cast<std::uint16_t>(record.name.size()));
  append_u16(out, static_cast<std::uint16_t>(extra.size()));
  return out + record.name + extra;
}

std::string zip_descriptor(const ZipRecord& record, std::uint32_t crc) {
  std::string out;
  if (record.size == 0) return out;
  out = "PK\x07\x08";
  append_u32(out, crc);
  for (int field = 0; field < 2; ++field) {  // compressed and uncompressed size
    if (descriptor_bytes(record) == 24) {
      append_u64(out, record.size);
    } else {
      append_u32(out, static_cast<std::uint32_t>(record.size));
    }
  }
  return out;
}

std::string zip_directory(const std::vector<ZipRecord>& records, const std::vector<std::uint32_t>& crcs,
                          std::uint64_t offset) {
  std::string out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const ZipRecord& record = records[i];
    const std::string extra = zip64_extra(record, record.size);
    out += "PK\x01\x02";
    append_u32(out, 0);  // versions made by and needed
    append_u16(out, flags(record));
    out.append(6, '\0');  // method, time, date
    append_u32(out, crcs.at(i));
    append_u32(out, clipped(record.size));
    append_u32(out, clipped(record.size));
    append_u16(out, static_cast<std::uint16_t>(record.name.size()));
    append_u16(out, static_cast<std::uint16_t>(extra.size()));
    out.append(10, '\0');  // comment, disk, attributes
    append_u32(out, clipped(record.header));
    out += record.name + extra;
  }
  const std::uint64_t size = out.size(), count = records.size();

  out += "PK\x06\x06";  // the 64-bit end record, always
  append_u64(out, 44);
  append_u16(out, 0x031E);
  append_u16(out, 45);
  append_u64(out, 0);  // this disk, the directory's disk
  append_u64(out, count);
  append_u64(out, count);
  append_u64(out, size);
  append_u64(out, offset);
  out += "PK\x06\x07";  // and where it is
  append_u32(out, 0);
  append_u64(out, offset + size);
  append_u32(out, 1);
  out += "PK\x05\x06";
  append_u32(out, 0);
  for (int field = 0; field < 2; ++field)
    append_u16(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xFFFF)));
  append_u32(out, clipped(size));
  append_u32(out, clipped(offset));
  append_u16(out, 0);  // no comment
  return out;
}

}  // namespace transload::wire
