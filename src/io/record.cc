#include "io/record.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>

#include "io/staging.h"
#include "transload/error.h"

namespace transload::io {
namespace {

// Fields end with a zero byte, which no name contains.
constexpr std::string_view kTitle = "Transload: files on their way, 1";
constexpr std::string_view kEnd = "end";
constexpr off_t kMostBytes = 16 << 20;

bool is_plain(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos;
}

std::string read_all(const Folder& folder) {
  const std::string shown = folder.shown(kRecord).string();
  const Descriptor fd(
      retried([&] { return ::openat(folder.fd(), kRecord, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }));
  if (fd.get() < 0) fail("open", shown, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail("look at", shown, errno);
  if (!S_ISREG(status.st_mode) || status.st_size > kMostBytes) throw Error(Errc::corrupt, "is no record");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  read_exactly(fd.get(), 0, std::as_writable_bytes(std::span(text)), shown);
  return text;
}

}  // namespace

void write_record(const Folder& folder, const std::vector<Placing>& files) {
  std::string text;
  const auto field = [&](std::string_view value) { text.append(value).push_back('\0'); };
  field(kTitle);
  for (const Placing& file : files) {
    field(file.name);
    field(file.key ? "key" : "data");
    field(file.replace ? "replace" : "new");
    field(file.fresh);
    field(file.old);
  }
  field(kEnd);
  const std::string shown = folder.shown(kRecord).string();
  folder.remove(kRecord);
  Descriptor fd(retried([&] { return ::openat(folder.fd(), kRecord, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); }));
  if (fd.get() < 0) fail("create", shown, errno);
  write_exactly(fd.get(), 0, as_bytes(text), shown);
  io::sync(fd.get(), shown);
  fd.close(shown);
}

std::vector<Placing> read_record(const Folder& folder) {
  const std::string text = read_all(folder);
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\0', at);
    if (end == text.npos) break;
    fields.push_back(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  const bool whole = fields.size() >= 2 && fields.front() == kTitle && fields.back() == kEnd && fields.size() % 5 == 2;
  if (!whole) throw Error(Errc::corrupt, "is no record");
  std::vector<Placing> files;
  for (std::size_t i = 1; i + 1 < fields.size(); i += 5) {
    if (!is_plain(fields[i])) throw Error(Errc::corrupt, "is no record");
    files.push_back({std::string(fields[i]), fields[i + 1] == "key", fields[i + 2] == "replace",
                     std::string(fields[i + 3]), std::string(fields[i + 4])});
  }
  return files;
}

}  // namespace transload::io
