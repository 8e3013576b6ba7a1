// SPDX-License-Identifier: Apache-2.0
#include "store_fault_disk.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>

namespace pwh::store_test {

namespace {

/// The real file stands behind it in the memory that SQLite gives.
struct FaultFile {
    sqlite3_file base;
    FaultDisk* disk;
    const std::string* path;  ///< null where the file is temporary
    sqlite3_file* real;
};

constexpr std::size_t own_size = (sizeof(FaultFile) + 15) / 16 * 16;

FaultFile& of(sqlite3_file* file) {
    return *reinterpret_cast<FaultFile*>(file);
}

FaultDisk& disk_of(sqlite3_vfs* vfs) {
    return *static_cast<FaultDisk*>(vfs->pAppData);
}

std::string read_whole(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

int close_file(sqlite3_file* file) {
    auto& self = of(file);
    const int result = self.real->pMethods->xClose(self.real);
    delete self.path;
    return result;
}

int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
    return of(file).real->pMethods->xRead(of(file).real, into, size, offset);
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    auto& self = of(file);
    if (!self.disk->has_power()) return SQLITE_IOERR_WRITE;
    const int wrong = self.disk->ask(FaultDisk::write);
    const int written = wrong == SQLITE_OK ? size : size / 2;
    const int result = self.real->pMethods->xWrite(self.real, bytes, written, offset);
    if (self.path != nullptr) {
        self.disk->file(*self.path)
            .changes.emplace_back(FaultDisk::Write{
                static_cast<std::size_t>(offset),
                std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(written))});
    }
    return wrong != SQLITE_OK ? wrong : result;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    auto& self = of(file);
    if (const int wrong = self.disk->ask(FaultDisk::truncate)) return wrong;
    if (self.path != nullptr) {
        self.disk->file(*self.path)
            .changes.emplace_back(FaultDisk::Truncate{static_cast<std::size_t>(size)});
    }
    return self.real->pMethods->xTruncate(self.real, size);
}

/// No test cuts the real power.
int sync_file(sqlite3_file* file, int) {
    auto& self = of(file);
    if (const int wrong = self.disk->ask(FaultDisk::sync)) return wrong;
    if (self.path != nullptr) {
        auto& known = self.disk->file(*self.path);
        known.synced = read_whole(*self.path);
        known.changes.clear();
    }
    return SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real->pMethods->xFileSize(of(file).real, size);
}

int lock_file(sqlite3_file* file, int lock) {
    return of(file).real->pMethods->xLock(of(file).real, lock);
}

int unlock_file(sqlite3_file* file, int lock) {
    return of(file).real->pMethods->xUnlock(of(file).real, lock);
}

int check_lock(sqlite3_file* file, int* reserved) {
    return of(file).real->pMethods->xCheckReservedLock(of(file).real, reserved);
}

int control_file(sqlite3_file* file, int operation, void* argument) {
    return of(file).real->pMethods->xFileControl(of(file).real, operation, argument);
}

int sector_size(sqlite3_file* file) {
    return of(file).real->pMethods->xSectorSize(of(file).real);
}

/// None: what a sync does not hold back may come in any order, and in parts.
int characteristics(sqlite3_file*) {
    return 0;
}

int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
    return of(file).real->pMethods->xShmMap(of(file).real, region, size, extend, memory);
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return of(file).real->pMethods->xShmLock(of(file).real, offset, count, flags);
}

void shared_barrier(sqlite3_file* file) {
    of(file).real->pMethods->xShmBarrier(of(file).real);
}

int unmap_shared(sqlite3_file* file, int remove) {
    return of(file).real->pMethods->xShmUnmap(of(file).real, remove);
}

const sqlite3_io_methods methods = {
    2,
    close_file,
    read_file,
    write_file,
    truncate_file,
    sync_file,
    size_of_file,
    lock_file,
    unlock_file,
    check_lock,
    control_file,
    sector_size,
    characteristics,
    map_shared,
    lock_shared,
    shared_barrier,
    unmap_shared,
    nullptr,
    nullptr,
};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto& disk = disk_of(vfs);
    file->pMethods = nullptr;
    if (const int wrong = disk.ask(FaultDisk::open)) return wrong;
    auto* real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + own_size);
    const int result = disk.real()->xOpen(disk.real(), name, real, flags, out_flags);
    if (result != SQLITE_OK) return result;
    const auto* path = name != nullptr ? new std::string(name) : nullptr;
    if (path != nullptr && !disk.knows(*path)) disk.file(*path).synced = read_whole(*path);
    new (file) FaultFile{{&methods}, &disk, path, real};
    return SQLITE_OK;
}

int remove_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    auto& disk = disk_of(vfs);
    if (const int wrong = disk.ask(FaultDisk::remove)) return wrong;
    disk.forget(name);
    return disk.real()->xDelete(disk.real(), name, sync_folder);
}

void make(const FaultDisk::Change& change, std::string& bytes) {
    if (const auto* shorter = std::get_if<FaultDisk::Truncate>(&change)) {
        bytes.resize(shorter->size);
        return;
    }
    const auto& write = std::get<FaultDisk::Write>(change);
    bytes.resize(std::max(bytes.size(), write.offset + write.bytes.size()));
    std::copy(write.bytes.begin(), write.bytes.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

}  // namespace

FaultDisk::FaultDisk()
    : real_(sqlite3_vfs_find(nullptr)), vfs_(std::make_unique<sqlite3_vfs>(*real_)) {
    vfs_->szOsFile += static_cast<int>(own_size);
    vfs_->zName = "pwh-fault";
    vfs_->pNext = nullptr;
    vfs_->pAppData = this;
    vfs_->xOpen = open_file;
    vfs_->xDelete = remove_file;
    // What else there is looks at nothing but its arguments.
    sqlite3_vfs_register(vfs_.get(), 1);
}

FaultDisk::~FaultDisk() {
    sqlite3_vfs_unregister(vfs_.get());
    sqlite3_vfs_register(real_, 1);
}

void FaultDisk::fail(unsigned operations, int nth, int code, bool lasting) {
    operations_ = operations;
    left_ = nth;
    code_ = code;
    lasting_ = lasting;
    cut_ = false;
    failed_ = false;
}

void FaultDisk::cut_power_at(unsigned operations, int nth) {
    fail(operations, nth, SQLITE_IOERR, true);
    cut_ = true;
}

void FaultDisk::work() {
    left_ = 0;
    lasting_ = false;
    cut_ = false;
}

int FaultDisk::ask(Operation operation) {
    if (!has_power()) return code_;
    if ((operation & operations_) == 0) return SQLITE_OK;
    if (failed_ && lasting_) return code_;
    if (left_ == 0 || --left_ > 0) return SQLITE_OK;
    failed_ = true;
    return code_;
}

void FaultDisk::lose_what_was_not_synced(std::mt19937& random) {
    constexpr std::size_t sector = 512;
    for (const auto& [path, file] : files_) {
        if (!std::filesystem::exists(path)) continue;
        auto bytes = file.synced;
        for (auto change : file.changes) {
            if (random() % 2 == 0) continue;
            auto* written = std::get_if<Write>(&change);
            if (written != nullptr && random() % 4 == 0) {
                written->bytes.resize(written->bytes.size() / sector / 2 * sector);
            }
            make(change, bytes);
        }
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    files_.clear();
}

}  // namespace pwh::store_test
