// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace pwh::store_test {

/// SQLite's way to the disk while it lives: fails where a test says, and knows what a power cut
/// would leave of each file. One at a time; not for several threads at once.
class FaultDisk {
  public:
    enum Operation : unsigned { open = 1, write = 2, sync = 4, truncate = 8, remove = 16 };

    FaultDisk();
    FaultDisk(const FaultDisk&) = delete;
    FaultDisk& operator=(const FaultDisk&) = delete;
    ~FaultDisk();

    /// The `nth` of these operations from now on fails with this code, half done where it writes;
    /// with `lasting` all later ones, too.
    void fail(unsigned operations, int nth, int code, bool lasting);
    /// At the `nth` of these operations the power goes: it and all later ones fail.
    void cut_power_at(unsigned operations, int nth);
    bool has_power() const { return !cut_ || !failed_; }
    void work();
    /// Whether the failure that was asked for came.
    bool failed() const { return failed_; }

    /// Makes each file what a disk may hold after a power cut: all that was synced, and any of what
    /// was not. Once SQLite has closed them.
    void lose_what_was_not_synced(std::mt19937& random);
    /// Forgets what was not synced: all of it is on the disk.
    void sync_all() { files_.clear(); }

    /// What the operations ask before they begin. SQLITE_OK where they may.
    int ask(Operation operation);

    struct Write {
        std::size_t offset = 0;
        std::string bytes;
    };
    struct Truncate {
        std::size_t size = 0;
    };
    using Change = std::variant<Write, Truncate>;
    struct File {
        std::string synced;  ///< what is sure to be on the disk
        std::vector<Change> changes;
    };
    File& file(const std::string& path) { return files_[path]; }
    bool knows(const std::string& path) const { return files_.contains(path); }
    void forget(const std::string& path) { files_.erase(path); }
    sqlite3_vfs* real() const { return real_; }

  private:
    sqlite3_vfs* real_;
    std::unique_ptr<sqlite3_vfs> vfs_;
    unsigned operations_ = 0;
    int left_ = 0;
    int code_ = SQLITE_OK;
    bool lasting_ = false;
    bool cut_ = false;
    bool failed_ = false;
    std::map<std::string, File> files_;
};

}  // namespace pwh::store_test
