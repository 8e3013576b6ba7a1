// SPDX-License-Identifier: Apache-2.0
#include "commands/background_work.hpp"

#include <exception>
#include <optional>

#include "base/error.hpp"

namespace pwh::commands {

void BackgroundWork::start(const std::function<void()>& work) {
    join();
    running_ = true;
    thread_ = std::thread([this, work] {
        std::optional<Failed> failed;
        try {
            work();
        } catch (const Error& error) {
            failed = Failed{static_cast<int>(error.code()), error.what(), error.hint()};
        } catch (const std::exception& error) {
            failed = Failed{static_cast<int>(ExitCode::failure), error.what(), {}};
        }
        loop_.post([this, failed] {
            running_ = false;
            if (failed) on_failed_(*failed);
        });
    });
}

void BackgroundWork::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace pwh::commands
