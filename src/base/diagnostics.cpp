// SPDX-License-Identifier: Apache-2.0
#include "base/diagnostics.hpp"

#include <unistd.h>

#include <string>

#include "text/utf8.hpp"

namespace pwh {

void Diagnostics::emit(std::string_view label, std::string_view colour, std::string_view message,
                       std::string_view hint) const {
    std::string out = "pwh: ";
    if (!label.empty()) {
        if (colour_) out += colour;
        out += label;
        if (colour_) out += "\x1b[0m";
        out += ' ';
    }
    out += text::printable(message);
    out += '\n';
    if (!hint.empty()) {
        out += "hint: ";
        out += text::printable(hint);
        out += '\n';
    }
    // A stderr that is gone can't be reported anywhere.
    [[maybe_unused]] const auto written = ::write(fd_, out.data(), out.size());
}

void Diagnostics::error(std::string_view message, std::string_view hint) const {
    emit({}, {}, message, hint);
}

void Diagnostics::always(std::string_view message) const {
    emit({}, {}, message, {});
}

void Diagnostics::warning(std::string_view message, std::string_view hint) const {
    if (verbosity_ >= Verbosity::normal) emit("warning:", "\x1b[33m", message, hint);
}

void Diagnostics::note(std::string_view message) const {
    if (verbosity_ >= Verbosity::normal) emit({}, {}, message, {});
}

void Diagnostics::detail(std::string_view message) const {
    if (verbosity_ >= Verbosity::verbose) emit({}, {}, message, {});
}

void Diagnostics::trace(std::string_view message) const {
    if (verbosity_ >= Verbosity::trace) emit({}, {}, message, {});
}

}  // namespace pwh
