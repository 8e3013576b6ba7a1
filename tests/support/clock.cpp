// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: a wall clock that a test sets. The file that PWH_TEST_CLOCK names holds the
// seconds to add, as an int64; the steady clock stays what it is.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile std::int64_t* offset() {
    static const auto* shared = [] {
        const char* path = std::getenv("PWH_TEST_CLOCK");
        const int fd = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0) std::abort();
        auto* page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED) std::abort();
        ::close(fd);
        return static_cast<const volatile std::int64_t*>(page);
    }();
    return shared;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* now) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_clock_gettime, id, now));
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset();
    return result;
}

int gettimeofday(timeval* now, void*) noexcept {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t* result) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != nullptr) *result = now.tv_sec;
    return now.tv_sec;
}
}
