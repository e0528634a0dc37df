#include "scan/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "scan/content.h"

namespace transload::scanning {
namespace {

// For a snapshot in a hub cache, whose files are links to ../../blobs, the root is the model's folder.
fs::path root_of(const fs::path& folder) {
  const fs::path snapshots = folder.parent_path();
  const bool in_cache = snapshots.filename() == "snapshots" &&
                        snapshots.parent_path().filename().string().find("--") != std::string::npos;
  return in_cache ? snapshots.parent_path() : folder;
}

bool is_below(const fs::path& root, const fs::path& path) {
  return std::ranges::mismatch(root, path).in1 == root.end();
}

class Walker {
 public:
  void add(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      walk_.failures.push_back({path.string(), "is not there"});
    } else if (error) {
      walk_.failures.push_back({path.string(), error.message()});
    } else if (fs::is_directory(status)) {
      root_ = fs::canonical(path, error);
      if (error) {
        walk_.failures.push_back({path.string(), error.message()});
        return;
      }
      root_ = root_of(root_);
      descend(path);
    } else if (fs::is_regular_file(status)) {
      walk_.files.push_back(path);
    } else {
      walk_.failures.push_back({path.string(), "is a device, a FIFO or a socket, which is never opened"});
    }
  }

  Walk take() {
    std::erase_if(walk_.files, [&](const fs::path& file) { return blobs_.contains(file.lexically_normal().string()); });
    std::ranges::sort(walk_.files);
    walk_.files.erase(std::unique(walk_.files.begin(), walk_.files.end()), walk_.files.end());
    return std::move(walk_);
  }

 private:
  // With a list of what is left to do instead of recursion: a folder decides how deep it is.
  void descend(const fs::path& top) {
    std::vector<fs::path> folders{top};
    while (!folders.empty()) {
      const fs::path folder = std::move(folders.back());
      folders.pop_back();
      std::error_code error;
      for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        std::error_code ignored;
        const fs::file_status status = at->symlink_status(ignored);
        switch (status.type()) {
          case fs::file_type::directory: folders.push_back(at->path()); break;
          case fs::file_type::regular: walk_.files.push_back(at->path()); break;
          case fs::file_type::symlink: follow(at->path(), top); break;
          default: walk_.not_opened.push_back({at->path().string(), "is a device, a FIFO or a socket"}); break;
        }
      }
      if (error) walk_.failures.push_back({folder.string(), fmt::format("cannot be listed: {}", error.message())});
    }
  }

  void follow(const fs::path& link, const fs::path& top) {
    std::error_code error;
    const fs::path real = fs::canonical(link, error);
    const bool there = !error;
    if (there && is_below(root_, real)) {
      // A folder below the root is met by its own name.
      if (!fs::is_regular_file(real, error)) {
        walk_.not_opened.push_back({link.string(), "is a link to a folder or a device"});
        return;
      }
      walk_.files.push_back(link);
      // The blob that the link names, as the walk calls it.
      if (real.parent_path().filename() == "blobs") {
        const fs::path canonical_top = fs::canonical(top, error);
        if (!error) blobs_.insert((top / real.lexically_relative(canonical_top)).lexically_normal().string());
      }
      return;
    }
    walk_.not_opened.push_back(
        {link.string(), there ? "is a link that leads out of the scanned folder" : "is a link that leads nowhere"});
    if (!promises_weights(link.filename().string())) return;
    ScanFile lie;
    lie.path = link.string();
    lie.format = "link";
    lie.problems.push_back({{},
                            {},
                            ScanProblem::Kind::broken,
                            there ? "is a link that leads out of the scanned folder; it was not followed"
                                  : "is a link that leads nowhere"});
    walk_.lies.push_back(std::move(lie));
  }

  fs::path root_;
  Walk walk_;
  std::set<std::string> blobs_;
};

}  // namespace

Walk walk(std::span<const fs::path> paths) {
  Walker walker;
  for (const fs::path& path : paths) walker.add(path);
  return walker.take();
}

}  // namespace transload::scanning
