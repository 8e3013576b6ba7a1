// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.hpp"

namespace pwh::store {

/// Run by root, gives what `fd` is open on the owner of `folder`: a service that root has started
/// once must still be able to use its own files. Throws Error(failure) that names `file`.
void take_owner(int fd, const std::filesystem::path& folder, const std::filesystem::path& file);

/// Where pwh keeps what it writes: the folder 0700, files 0600, each replaced by rename after
/// fsync. Safe with many pwh at once through the locks below. Run by root, new files take the
/// folder's owner.
class StateFolder {
  public:
    /// Nothing is touched until something is written.
    explicit StateFolder(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path file(const std::string& name) const { return path_ / name; }

    /// Makes the folder (and its parents) where it is missing. Throws Error(failure) that names it.
    void create() const;

    /// Replaces a file's content: after a crash it holds the old or the new, whole. Throws
    /// Error(failure).
    void replace(const std::string& name, std::string_view content) const;

    /// The same for what can be made again at any time, and whose reader takes a broken file for
    /// none: without fsync, which would make a sign-in half as long again.
    void replace_cache(const std::string& name, std::string_view content) const;

    /// The file's content; empty when there is none. Throws Error(failure) when it can't be read.
    std::string read(const std::string& name) const;

    /// A file to take locks on, made where it is missing. Throws Error(failure).
    UniqueFd open_lock(const std::string& name) const;

  private:
    std::filesystem::path path_;
};

/// An advisory lock (flock) on a file in the folder, held for its owner's lifetime and given up by
/// the kernel when the process dies.
class FileLock {
  public:
    /// Waits for the lock; calls `waiting` once, before it waits, when another holds it.
    template <typename Waiting>
    FileLock(const StateFolder& folder, const std::string& name, Waiting&& waiting)
        : FileLock(folder, name) {
        if (!try_lock()) {
            waiting();
            lock();
        }
    }

  private:
    FileLock(const StateFolder& folder, const std::string& name);
    bool try_lock();
    void lock();

    std::filesystem::path path_;
    UniqueFd fd_;
};

}  // namespace pwh::store
