// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

namespace pwh {

/// A file descriptor that is closed with its owner.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept;

  private:
    int fd_ = -1;
};

/// The text for an errno value, without locale surprises ("Permission denied").
std::string errno_text(int error);

/// The whole of a file, or of stdin for "-". Throws UsageError, naming `what` ("secret file") and
/// the path, when it can't be read or is larger than `limit` bytes.
std::string read_file(const std::string& path, const std::string& what, std::size_t limit);

/// Writes all of `data` to `fd`, going on after a partial write or a signal. Returns 0 or errno.
int write_all(int fd, std::string_view data) noexcept;

/// True when the file's mode lets group or others read it.
bool others_can_read(const std::filesystem::path& path);

}  // namespace pwh
