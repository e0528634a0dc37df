#include "support/zip_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "transload/error.h"
#include "wire/crc.h"
#include "wire/zip.h"

namespace transload::fuzz {
namespace {

Input deflated(const Input& content) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return content;
  Input out(deflateBound(&stream, static_cast<uLong>(content.size())));
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

struct Layout {
  bool descriptors, wide, no_crc;
  std::size_t align;
  std::string comment;
};

struct Written {
  std::uint64_t header, stored, size;
  std::uint32_t crc;
  std::uint16_t flags;
};

constexpr std::uint64_t kSmall = 0xFFFFFFFF;  // a 32-bit field that refers to its 64-bit twin

// What local header and directory have in common, from the version to the lengths.
void put_common(Input& out, const ZipRecord& record, const Written& at, const Layout& layout, bool local,
                std::size_t extra) {
  const bool later = local && layout.descriptors;
  put_u16(out, 20);
  put_u16(out, at.flags);
  put_u16(out, record.deflated ? 8 : 0);
  put_u32(out, 0);  // time, date
  put_u32(out, later ? 0 : at.crc);
  put_u32(out, later ? 0 : layout.wide ? kSmall : at.stored);
  put_u32(out, later ? 0 : layout.wide ? kSmall : at.size);
  put_u16(out, record.name.size());
  put_u16(out, extra);
}

void put_wide(Input& out, const Written& at, bool local) {
  put_u16(out, 1);
  put_u16(out, local ? 16 : 24);
  put_u64(out, at.size);
  put_u64(out, at.stored);
  if (!local) put_u64(out, at.header);
}

Written put_record(Input& out, const ZipRecord& record, const Layout& layout) {
  const Input stored = record.deflated ? deflated(record.content) : record.content;
  Written at{.header = out.size(),
             .stored = stored.size(),
             .size = record.content.size(),
             .crc = layout.no_crc ? 0 : wire::crc32(0, std::as_bytes(std::span(record.content))),
             .flags = static_cast<std::uint16_t>(layout.descriptors ? 0x0808 : 0x0800)};
  Input extra;
  if (layout.wide && !layout.descriptors) put_wide(extra, at, true);
  if (layout.align > 1) {
    const std::size_t begin = out.size() + 30 + record.name.size() + extra.size() + 4;
    const std::size_t padding = (layout.align - begin % layout.align) % layout.align;
    put_text(extra, "FB");
    put_u16(extra, padding);
    extra.insert(extra.end(), padding, 'Z');
  }
  put_text(out, "PK\3\4");
  put_common(out, record, at, layout, true, extra.size());
  put_text(out, record.name);
  put_bytes(out, extra);
  put_bytes(out, stored);
  if (layout.descriptors) {
    put_text(out, "PK\7\10");
    put_u32(out, at.crc);
    if (layout.wide) {
      put_u64(out, at.stored);
      put_u64(out, at.size);
    } else {
      put_u32(out, at.stored);
      put_u32(out, at.size);
    }
  }
  return at;
}

void put_directory(Input& out, const std::vector<ZipRecord>& records, const std::vector<Written>& places,
                   const Layout& layout) {
  const std::uint64_t begin = out.size();
  for (std::size_t i = 0; i < records.size(); ++i) {
    put_text(out, "PK\1\2");
    put_u16(out, 20);
    put_common(out, records[i], places[i], layout, false, layout.wide ? 28 : 0);
    put_u16(out, 0);  // comment
    put_u16(out, 0);  // disk
    put_u16(out, 0);  // internal attributes
    put_u32(out, 0);  // external attributes
    put_u32(out, layout.wide ? kSmall : places[i].header);
    put_text(out, records[i].name);
    if (layout.wide) put_wide(out, places[i], false);
  }
  const std::uint64_t end = out.size();
  if (layout.wide) {
    put_text(out, "PK\6\6");
    put_u64(out, 44);
    put_u16(out, 45);
    put_u16(out, 45);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u64(out, records.size());
    put_u64(out, records.size());
    put_u64(out, end - begin);
    put_u64(out, begin);
    put_text(out, "PK\6\7");
    put_u32(out, 0);
    put_u64(out, end);
    put_u32(out, 1);
  }
  put_text(out, "PK\5\6");
  put_u32(out, 0);  // disks
  put_u16(out, layout.wide ? 0xFFFF : records.size());
  put_u16(out, layout.wide ? 0xFFFF : records.size());
  put_u32(out, layout.wide ? kSmall : end - begin);
  put_u32(out, layout.wide ? kSmall : begin);
  put_u16(out, layout.comment.size());
  put_text(out, layout.comment);
}

// One field behind one of the signatures says something else.
void lie(Input& bytes, Random& random) {
  const std::string_view text = text_of(bytes);
  std::vector<std::size_t> headers;
  for (std::size_t at = text.find("PK"); at != text.npos; at = text.find("PK", at + 2)) headers.push_back(at);
  if (headers.empty()) return;
  const std::size_t at = random.pick(headers) + 4 + 2 * random.below(24);
  std::uint64_t value = odd_number(random);
  for (std::size_t i = 0, width = std::size_t{2} << random.below(3); i < width && at + i < bytes.size(); ++i) {
    bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

}  // namespace

std::optional<std::vector<ZipRecord>> zip_records(std::string_view bytes) {
  try {
    const auto source = memory_source("x", Bytes(as_bytes(bytes), nullptr));
    std::vector<ZipRecord> records;
    for (const wire::ZipEntry& entry : wire::read_zip(*source, wire::ZipNames::exact)) {
      const Bytes content = wire::read_zip_entry(*source, entry, std::uint64_t{1} << 20);
      records.push_back({entry.name, input_of(content.text()), entry.deflated});
    }
    return records;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Input zip_of(const std::vector<ZipRecord>& records, Random& random) {
  const Layout layout{.descriptors = random.one_in(2),
                      .wide = random.one_in(8),
                      .no_crc = random.one_in(32),
                      .align = random.one_in(2) ? 1u : std::size_t{1} << random.below(7),
                      .comment = random.one_in(16) ? "a comment" : ""};
  Input out;
  std::vector<Written> places;
  for (const ZipRecord& record : records) places.push_back(put_record(out, record, layout));
  put_directory(out, records, places, layout);
  if (random.one_in(8)) lie(out, random);
  return out;
}

void change_records(std::vector<ZipRecord>& records, Random& random) {
  constexpr std::array<std::string_view, 14> kNames{
      "version", "data.pkl",      "byteorder", ".data/version",   ".data/serialization_id", "data/0",
      "data/1",  "constants.pkl", "code/x.py", ".format_version", ".storage_alignment",     "../x",
      "DATA/0",  "w.npy"};
  if (records.empty()) records.push_back({"x/data.pkl", {}, false});
  const std::size_t at = random.below(records.size()), other = random.below(records.size());
  switch (random.below(7)) {
    case 0: records.erase(records.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 1: std::swap(records[at], records[other]); break;
    case 2: std::swap(records[at].name, records[other].name); break;
    case 3: records.push_back(records[at]); break;
    case 4: records[at].deflated = !records[at].deflated; break;
    case 5: records[at].name = mutated(records[at].name, 300); break;
    default: {
      const std::string folder = records[0].name.substr(0, records[0].name.find('/') + 1);
      const std::string name = folder + std::string(random.pick(kNames));
      if (random.one_in(2)) {
        records[at].name = name;
      } else {
        records.push_back({name, records[other].content, random.one_in(4)});
      }
    }
  }
}

}  // namespace transload::fuzz
