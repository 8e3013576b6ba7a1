// SPDX-License-Identifier: Apache-2.0
#include "store/cursor_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace pwh::store {

namespace {

constexpr std::string_view magic = "pwh-cursor ";
constexpr std::string_view version = "1";
constexpr std::size_t store_id_length = 32;
constexpr std::size_t longest_line = 128;
constexpr auto start_anew = "remove it to start with the oldest event, or name another file";

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
    throw Error(
        ExitCode::failure,
        fmt::format("cannot {} the cursor file {}: {}", what, path.native(), errno_text(error)),
        "give --cursor-file a file in a folder that you may write");
}

bool same_file(int fd, const std::filesystem::path& path) {
    struct stat opened {};
    struct stat named {};
    return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::string read_start(int fd, const std::filesystem::path& path) {
    std::array<char, longest_line + 1> bytes{};
    const auto n = ::pread(fd, bytes.data(), bytes.size(), 0);
    if (n < 0) fail(path, "read", errno);
    return {bytes.data(), static_cast<std::size_t>(n)};
}

/// Takes the text up to `end`; false when that does not come.
bool take_word(std::string_view& rest, char end, std::string_view& word) {
    const auto at = rest.find(end);
    if (at == std::string_view::npos) return false;
    word = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    return true;
}

template <typename Number>
bool parse_number(std::string_view word, Number& number) {
    const auto* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    return error == std::errc{} && stop == end;
}

struct Line {
    std::string_view store_id;
    EventPosition position;
};

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool parse_line(std::string_view rest, Line& line) {
    std::string_view message;
    std::string_view events;
    if (!take_word(rest, ' ', line.store_id) || !take_word(rest, ' ', message) ||
        !take_word(rest, '\n', events) || !rest.empty()) {
        return false;
    }
    return line.store_id.size() == store_id_length &&
           std::all_of(line.store_id.begin(), line.store_id.end(), is_hex) &&
           parse_number(message, line.position.message) && line.position.message > 0 &&
           parse_number(events, line.position.events);
}

}  // namespace

CursorFile::CursorFile(const std::filesystem::path& path, std::string store_id,
                       std::int64_t last_id)
    : store_id_(std::move(store_id)) {
    open(path);
    load(last_id);
    // What can't be written at the end had better be known before the first event is handed on.
    make_new();
    ::unlink(new_path_.c_str());
}

void CursorFile::open(const std::filesystem::path& path) {
    for (;;) {
        fd_.reset(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                         S_IRUSR | S_IWUSR));
        struct stat info {};
        if (!fd_ || ::fstat(fd_.get(), &info) != 0) {
            throw UsageError(
                fmt::format("cannot open the cursor file {}: {}", path.native(), errno_text(errno)),
                "check the path, and that you may read and write it");
        }
        if (!S_ISREG(info.st_mode)) {
            throw UsageError(fmt::format("the cursor file {} is no file", path.native()),
                             "name a file, which may be missing");
        }
        if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) continue;
            if (errno != EWOULDBLOCK) fail(path, "lock", errno);
            throw Error(ExitCode::failure,
                        fmt::format("another pwh events uses the cursor file {}", path.native()),
                        "wait for it to end, or give each its own file");
        }
        // The last one that had it may just have replaced it.
        if (same_file(fd_.get(), path)) break;
    }
    std::error_code error;
    path_ = std::filesystem::canonical(path, error);
    if (error) fail(path, "open", error.value());
    new_path_ = path_.parent_path() / fmt::format(".{}.pwh-new", path_.filename().native());
}

void CursorFile::load(std::int64_t last_id) {
    const auto content = read_start(fd_.get(), path_);
    if (content.empty()) return;
    std::string_view rest = content;
    std::string_view written_by;
    Line line;
    const bool is_cursor = rest.starts_with(magic);
    if (is_cursor) rest.remove_prefix(magic.size());
    if (!is_cursor || !take_word(rest, ' ', written_by) ||
        (written_by == version && !parse_line(rest, line))) {
        throw UsageError(fmt::format("{} is no cursor file, or a damaged one", path_.native()),
                         start_anew);
    }
    if (written_by != version) {
        throw UsageError(
            fmt::format("the cursor file {} was written by another version of pwh", path_.native()),
            start_anew);
    }
    if (line.store_id != store_id_) {
        throw UsageError(
            fmt::format("the cursor file {} belongs to another event store", path_.native()),
            "give each store its own file; " + std::string(start_anew));
    }
    const auto read_up_to =
        line.position.events > 0 ? line.position.message : line.position.message - 1;
    if (read_up_to > last_id) {
        throw UsageError(
            fmt::format("the cursor file {} is at message {}, but the newest in the store is {}",
                        path_.native(), read_up_to, last_id),
            "was the store restored from a backup? Remove the file to start with the oldest event");
    }
    position_ = line.position;
    saved_ = true;
}

void CursorFile::save(EventPosition position) {
    if (saved_ && position == position_) return;
    replace(fmt::format("{}{} {} {} {}\n", magic, version, store_id_, position.message,
                        position.events));
    position_ = position;
    saved_ = true;
}

/// Only who has the lock makes this file, so one name is enough, and a killed run leaves no heap.
UniqueFd CursorFile::make_new() const {
    if (::unlink(new_path_.c_str()) != 0 && errno != ENOENT) fail(path_, "replace", errno);
    UniqueFd fd(::open(new_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       S_IRUSR | S_IWUSR));
    if (!fd) fail(path_, "replace", errno);
    return fd;
}

void CursorFile::replace(std::string_view content) {
    auto fd = make_new();
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) fail(path_, "look at", errno);
    // Only root may give a file away; for others the group may be all that can be kept.
    if (::fchown(fd.get(), info.st_uid, info.st_gid) != 0 &&
        ::fchown(fd.get(), static_cast<uid_t>(-1), info.st_gid) != 0) {
        info.st_mode &= ~static_cast<mode_t>(S_IRWXG);
    }
    if (::fchmod(fd.get(), info.st_mode & 07777U) != 0) fail(path_, "set the mode of", errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fail(path_, "lock", errno);
    if (const int error = write_all(fd.get(), content)) fail(path_, "write", error);
    if (::fsync(fd.get()) != 0) fail(path_, "write", errno);
    if (::rename(new_path_.c_str(), path_.c_str()) != 0) fail(path_, "replace", errno);
    fd_ = std::move(fd);
    const UniqueFd folder(::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems can't sync a folder, and need not; one that can't be read can't be synced.
    if (folder && ::fsync(folder.get()) != 0 && errno != EINVAL) fail(path_, "write", errno);
}

}  // namespace pwh::store
