// SPDX-License-Identifier: Apache-2.0
#include "store/state_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "crypto/crypto.hpp"
#include "text/hex.hpp"

namespace pwh::store {

namespace {

constexpr auto folder_hint = "choose another state folder with --state-dir or PWH_STATE_DIR";
constexpr std::size_t largest_file = 64U << 20U;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path,
                       const std::string& why) {
    throw Error(ExitCode::failure, fmt::format("cannot {} {}: {}", what, path.native(), why),
                folder_hint);
}

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int error) {
    fail(what, path, errno_text(error));
}

void make_folder(const std::filesystem::path& path) {
    if (::mkdir(path.c_str(), S_IRWXU) == 0 || errno == EEXIST) return;
    const int error = errno;
    if (error != ENOENT || !path.has_parent_path() || path.parent_path() == path) {
        fail("make the folder", path, error);
    }
    make_folder(path.parent_path());  // NOLINT(misc-no-recursion): as deep as the path
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST)
        fail("make the folder", path, errno);
}

void sync_folder(const std::filesystem::path& folder) {
    const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems can't sync a folder, and need not.
    if (!fd || (::fsync(fd.get()) != 0 && errno != EINVAL)) fail("sync the folder", folder, errno);
}

std::filesystem::path temporary_name(const std::filesystem::path& target) {
    std::array<unsigned char, 8> unique{};
    crypto::random_bytes(unique);
    return target.parent_path() /
           fmt::format(".{}.{}.new", target.filename().native(), text::to_hex(unique));
}

/// A file that is removed unless it was renamed.
class TemporaryFile {
  public:
    TemporaryFile(const std::filesystem::path& folder, std::filesystem::path path)
        : path_(std::move(path)),
          fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     S_IRUSR | S_IWUSR)) {
        if (!fd_) fail("write", path_, errno);
        folder_ = folder;
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!renamed_) ::unlink(path_.c_str());
    }

    void write(std::string_view content) {
        take_owner(fd_.get(), folder_, path_);
        if (const int error = write_all(fd_.get(), content)) fail("write", path_, error);
    }

    void sync() {
        if (::fsync(fd_.get()) != 0) fail("write", path_, errno);
    }

    void rename_to(const std::filesystem::path& target) {
        if (::rename(path_.c_str(), target.c_str()) != 0) fail("replace", target, errno);
        renamed_ = true;
    }

  private:
    std::filesystem::path folder_;
    std::filesystem::path path_;
    UniqueFd fd_;
    bool renamed_ = false;
};

}  // namespace

void take_owner(int fd, const std::filesystem::path& folder, const std::filesystem::path& file) {
    struct stat wanted {};
    if (::geteuid() != 0 || ::stat(folder.c_str(), &wanted) != 0) return;
    struct stat found {};
    if (::fstat(fd, &found) == 0 && found.st_uid == wanted.st_uid &&
        found.st_gid == wanted.st_gid) {
        return;
    }
    if (::fchown(fd, wanted.st_uid, wanted.st_gid) != 0) fail("set the owner of", file, errno);
}

void StateFolder::create() const {
    make_folder(path_);
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0) fail("use the folder", path_, errno);
    if (!S_ISDIR(info.st_mode)) fail("use the folder", path_, ENOTDIR);
}

void StateFolder::replace(const std::string& name, std::string_view content) const {
    create();
    const auto target = file(name);
    TemporaryFile temporary(path_, temporary_name(target));
    temporary.write(content);
    temporary.sync();
    temporary.rename_to(target);
    sync_folder(path_);
}

void StateFolder::replace_cache(const std::string& name, std::string_view content) const {
    create();
    const auto target = file(name);
    TemporaryFile temporary(path_, temporary_name(target));
    temporary.write(content);
    temporary.rename_to(target);
}

std::string StateFolder::read(const std::string& name) const {
    const auto path = file(name);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) {
        if (errno == ENOENT) return {};
        if (errno == ELOOP) fail("read", path, "it is a symbolic link");
        fail("read", path, errno);
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) fail("read", path, errno);
    if (!S_ISREG(info.st_mode)) fail("read", path, "it is not a file");
    std::string content;
    std::array<char, 16384> chunk{};
    for (;;) {
        const auto n = ::read(fd.get(), chunk.data(), chunk.size());
        if (n == 0) return content;
        if (n < 0) {
            if (errno == EINTR) continue;
            fail("read", path, errno);
        }
        content.append(chunk.data(), static_cast<std::size_t>(n));
        if (content.size() > largest_file) fail("read", path, "it is too large");
    }
}

UniqueFd StateFolder::open_lock(const std::string& name) const {
    create();
    const auto path = file(name);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd) fail("open", path, errno);
    take_owner(fd.get(), path_, path);
    return fd;
}

FileLock::FileLock(const StateFolder& folder, const std::string& name)
    : path_(folder.file(name)), fd_(folder.open_lock(name)) {}

bool FileLock::try_lock() {
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return false;
        if (errno != EINTR) fail("lock", path_, errno);
    }
    return true;
}

void FileLock::lock() {
    while (::flock(fd_.get(), LOCK_EX) != 0) {
        if (errno != EINTR) fail("lock", path_, errno);
    }
}

}  // namespace pwh::store
