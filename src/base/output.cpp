// SPDX-License-Identifier: Apache-2.0
#include "base/output.hpp"

#include "base/error.hpp"
#include "base/file.hpp"

namespace pwh {

void FdOutput::write(std::string_view text) {
    if (const int error = write_all(fd_, text); error != 0) {
        throw Error(ExitCode::failure, "cannot write to stdout: " + errno_text(error));
    }
}

}  // namespace pwh
