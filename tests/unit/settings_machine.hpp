// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "settings/settings.hpp"

namespace pwh::settings {

namespace fs = std::filesystem;

/// A machine of its own: a temporary folder with a home and a current folder in it, an environment,
/// a stderr to look at.
class Machine {
  public:
    Machine() {
        std::string pattern = (fs::temp_directory_path() / "pwh-settings-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        fs::create_directories(here());
        environment["HOME"] = home().string();
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }

    fs::path home() const { return root_ / "home"; }
    fs::path here() const { return root_ / "here"; }

    fs::path write(const fs::path& path, const std::string& text, mode_t mode = 0600) const {
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        return path;
    }
    fs::path write_here(const std::string& text, mode_t mode = 0600) const {
        return write(here() / "credentials.properties", text, mode);
    }
    fs::path write_home(const std::string& text, mode_t mode = 0600) const {
        return write(home() / ".config/pwh/credentials.properties", text, mode);
    }

    /// Makes a file (or link) somebody else's, in the eyes of surroundings().
    void give_away(const fs::path& path) {
        static constexpr uid_t somebody = 12345;
        if (::geteuid() == 0) {
            REQUIRE(::lchown(path.c_str(), somebody, static_cast<gid_t>(-1)) == 0);
        } else {
            user_id = ::geteuid() + 1;
        }
    }

    Surroundings surroundings() const {
        return {[variables = environment](const std::string& name) -> std::optional<std::string> {
                    const auto found = variables.find(name);
                    if (found == variables.end() || found->second.empty()) return std::nullopt;
                    return found->second;
                },
                here(), user_id};
    }

    Settings resolve() { return settings::resolve(flags, surroundings(), diagnostics_); }

    std::string said() const {
        std::array<char, 4096> buffer{};
        const auto n = ::pread(stderr_.get(), buffer.data(), buffer.size(), 0);
        return {buffer.data(), static_cast<std::size_t>(n)};
    }

    /// `MESSAGE | HINT` of the usage error that resolve() throws.
    std::string error() {
        try {
            resolve();
        } catch (const pwh::UsageError& error) {
            return error.what() + (error.hint().empty() ? "" : " | " + error.hint());
        }
        return "no error";
    }

    Flags flags;
    std::map<std::string, std::string> environment;
    unsigned user_id = ::geteuid();

  private:
    fs::path root_;
    pwh::UniqueFd stderr_{::memfd_create("stderr", MFD_CLOEXEC)};
    pwh::Diagnostics diagnostics_{stderr_.get()};
};

/// `VALUE from SOURCE`.
inline std::string shown(const std::optional<Setting>& setting) {
    return setting ? setting->value + " from " + setting->source : "not set";
}

}  // namespace pwh::settings
