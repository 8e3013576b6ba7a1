// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/error.hpp"

namespace pwh {

void UniqueFd::reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

std::string errno_text(int error) {
    return std::generic_category().message(error);
}

std::string read_file(const std::string& path, const std::string& what, std::size_t limit) {
    UniqueFd opened;
    int fd = STDIN_FILENO;
    const std::string name = path == "-" ? "stdin" : path;
    if (path != "-") {
        opened.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        fd = opened.get();
    }
    std::string content;
    std::array<char, 16384> chunk{};
    int error = fd < 0 ? errno : 0;
    while (error == 0) {
        const auto n = ::read(fd, chunk.data(), chunk.size());
        if (n == 0) return content;
        if (n < 0) {
            if (errno != EINTR) error = errno;
            continue;
        }
        content.append(chunk.data(), static_cast<std::size_t>(n));
        if (content.size() > limit) {
            throw UsageError(fmt::format("{} {} is larger than {} bytes", what, name, limit));
        }
    }
    throw UsageError(fmt::format("cannot read {} {}: {}", what, name, errno_text(error)),
                     "check the path, and that you may read it");
}

int write_all(int fd, std::string_view data) noexcept {
    while (!data.empty()) {
        const auto n = ::write(fd, data.data(), data.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        data.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

bool others_can_read(const std::filesystem::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
           (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace pwh
