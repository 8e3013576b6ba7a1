// SPDX-License-Identifier: Apache-2.0
#include "settings/credentials.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace pwh::settings {

namespace {

constexpr std::string_view file_name = "credentials.properties";
constexpr std::size_t largest_file = 1024UL * 1024;

/// A place to look for the file.
struct Place {
    std::filesystem::path path;
    std::string name;
    bool named = false;  ///< somebody asked for it: it must be there
    bool in_current_folder = false;
    bool guarded = false;  ///< in a folder that the service manager keeps others out of
};

std::vector<Place> places(const Flags& flags, const Surroundings& surroundings) {
    auto named = flags.credentials;
    if (named && named->empty()) throw UsageError("--credentials is empty");
    if (!named) named = surroundings.environment("PWH_CREDENTIALS");
    const auto guarded_folder = surroundings.environment("CREDENTIALS_DIRECTORY");
    if (named) {
        const auto path = surroundings.current_folder / *named;
        return {
            {path, *named, true, false, guarded_folder && path.parent_path() == *guarded_folder}};
    }
    std::vector<Place> list{{surroundings.current_folder / file_name,
                             fmt::format("./{}", file_name), false, true, false}};
    if (const auto config = xdg_folder(surroundings, "XDG_CONFIG_HOME", ".config")) {
        const auto path = *config / "pwh" / file_name;
        list.push_back({path, path.string(), false, false, false});
    }
    if (guarded_folder) {
        const auto path = std::filesystem::path(*guarded_folder) / file_name;
        list.push_back({path, path.string(), false, false, true});
    }
    return list;
}

[[noreturn]] void fail_to_read(const Place& place, int error) {
    throw UsageError(
        fmt::format("cannot read credentials file {}: {}", place.name, errno_text(error)));
}

std::string read_all(const UniqueFd& fd, const Place& place) {
    std::string text;
    std::array<char, 16384> chunk{};
    for (;;) {
        const auto n = ::read(fd.get(), chunk.data(), chunk.size());
        if (n == 0) return text;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_to_read(place, errno);
        text.append(chunk.data(), static_cast<std::size_t>(n));
        if (text.size() > largest_file) {
            throw UsageError(fmt::format("credentials file {} is larger than {} bytes", place.name,
                                         largest_file));
        }
    }
}

bool is_trusted(const struct stat& info, const Surroundings& surroundings) {
    return info.st_uid == surroundings.user_id || info.st_uid == 0;
}

/// A link is as good as who made it: it chooses the file.
bool link_is_trusted(const Place& place, const Surroundings& surroundings) {
    struct stat info {};
    return ::lstat(place.path.c_str(), &info) != 0 || is_trusted(info, surroundings);
}

void warn_of_stranger(const Place& place, const Diagnostics* diagnostics) {
    if (diagnostics == nullptr) return;
    diagnostics->warning(
        fmt::format("{} is ignored: it belongs to neither you nor root", place.name),
        fmt::format("if you trust it, name it: --credentials {}", place.name));
}

void warn_of_readers(const Place& place, const struct stat& info, const Diagnostics* diagnostics) {
    if (diagnostics == nullptr || place.guarded || !S_ISREG(info.st_mode)) return;
    if ((info.st_mode & (S_IRGRP | S_IROTH)) == 0) return;
    diagnostics->warning(fmt::format("credentials file {} can be read by others", place.name),
                         fmt::format("chmod 600 {}", place.name));
}

/// The text of the file there; nothing when there is none, or none to be trusted. Owner and mode
/// are those of the very file that is read.
std::optional<std::string> read_place(const Place& place, const Surroundings& surroundings,
                                      const Diagnostics* diagnostics) {
    // A pipe that nobody writes to must not stop a pwh that was not told to read it.
    const int waiting = place.named ? 0 : O_NONBLOCK;
    const UniqueFd fd(::open(place.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | waiting));
    const int error = errno;
    struct stat info {};
    const bool known = (fd ? ::fstat(fd.get(), &info) : ::stat(place.path.c_str(), &info)) == 0;
    if (place.named && !fd) fail_to_read(place, error);
    if (!place.named && (!known || !S_ISREG(info.st_mode))) return std::nullopt;
    if (place.in_current_folder &&
        (!is_trusted(info, surroundings) || !link_is_trusted(place, surroundings))) {
        warn_of_stranger(place, diagnostics);
        return std::nullopt;
    }
    if (!fd) fail_to_read(place, error);
    warn_of_readers(place, info, diagnostics);
    return read_all(fd, place);
}

CredentialsFile parse(const Place& place, const std::string& text) {
    try {
        CredentialsFile file{place.name, parse_properties(text), false};
        // [DEFAULT] is not listed; its keys show in any section.
        static constexpr auto probe = "credentials";
        file.blank = file.sections.empty() &&
                     parse_properties(fmt::format("{}\n[{}]\n", text, probe)).at(probe).empty();
        return file;
    } catch (const PropertiesError& error) {
        throw UsageError(
            fmt::format("credentials file {}, line {}: {}", place.name, error.line(), error.what()),
            place.named
                ? "write lines like `server = us.preservica.com` below a line `[credentials]`"
                : "--credentials FILE names another file");
    }
}

}  // namespace

std::optional<CredentialsFile> find_credentials(const Flags& flags,
                                                const Surroundings& surroundings,
                                                const Diagnostics* diagnostics) {
    for (const auto& place : places(flags, surroundings)) {
        if (const auto text = read_place(place, surroundings, diagnostics))
            return parse(place, *text);
    }
    return std::nullopt;
}

std::optional<std::filesystem::path> home_folder(const Surroundings& surroundings) {
    if (const auto home = surroundings.environment("HOME")) {
        if (std::filesystem::path(*home).is_absolute()) return *home;
    }
    struct passwd entry {};
    struct passwd* found = nullptr;
    std::vector<char> buffer(16384);
    const int error =
        ::getpwuid_r(surroundings.user_id, &entry, buffer.data(), buffer.size(), &found);
    if (error != 0 || found == nullptr || found->pw_dir == nullptr) return std::nullopt;
    std::filesystem::path home(found->pw_dir);
    if (!home.is_absolute()) return std::nullopt;
    return home;
}

std::optional<std::filesystem::path> xdg_folder(const Surroundings& surroundings,
                                                const std::string& variable,
                                                const std::string& fallback) {
    if (const auto folder = surroundings.environment(variable)) {
        if (std::filesystem::path(*folder).is_absolute()) return *folder;
    }
    const auto home = home_folder(surroundings);
    if (!home) return std::nullopt;
    return *home / fallback;
}

}  // namespace pwh::settings
