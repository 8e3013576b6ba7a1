// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace pwh {

enum class Verbosity { quiet, normal, verbose, trace };

/// Everything that is said to a person, on stderr. Each call writes whole lines with one write(2),
/// so any thread may call. Control characters in a text are shown escaped: texts may come from a
/// server. Nothing here throws; a stderr that can't be written is ignored.
class Diagnostics {
  public:
    explicit Diagnostics(int fd, Verbosity verbosity = Verbosity::normal, bool colour = false)
        : fd_(fd), verbosity_(verbosity), colour_(colour) {}

    Verbosity verbosity() const { return verbosity_; }
    bool colour() const { return colour_; }

    /// `pwh: MESSAGE`, then `hint: HINT` where there is one. Always shown.
    void error(std::string_view message, std::string_view hint = {}) const;
    /// `pwh: MESSAGE`, also with -q: what scripts wait for.
    void always(std::string_view message) const;
    /// `pwh: warning: MESSAGE` and its hint. Not with -q.
    void warning(std::string_view message, std::string_view hint = {}) const;
    /// `pwh: MESSAGE`. Not with -q.
    void note(std::string_view message) const;
    /// What is being done; with -v.
    void detail(std::string_view message) const;
    /// The exchange on the wire, line by line as given; with -vv.
    void trace(std::string_view message) const;

  private:
    void emit(std::string_view label, std::string_view colour, std::string_view message,
              std::string_view hint) const;

    int fd_;
    Verbosity verbosity_;
    bool colour_;
};

}  // namespace pwh
