// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace pwh {

/// Where results go: stdout, or a string in tests.
class Output {
  public:
    Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    virtual ~Output() = default;

    /// Writes all of it now. Throws Error(failure) when it can't be written.
    virtual void write(std::string_view text) = 0;
};

/// Unbuffered writes to a descriptor, which stays the caller's.
class FdOutput final : public Output {
  public:
    explicit FdOutput(int fd) : fd_(fd) {}
    void write(std::string_view text) override;

  private:
    int fd_;
};

}  // namespace pwh
