// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "settings_machine.hpp"

using namespace pwh::settings;

TEST_CASE("settings: the first credentials file found is the one") {
    Machine machine;
    const auto guarded = machine.home() / "guarded";
    const auto file = [](const std::string& user) {
        return "[credentials]\nusername=" + user + "\n";
    };
    machine.environment["CREDENTIALS_DIRECTORY"] = guarded.string();
    const auto user = [&] { return machine.resolve().username.value_or(Setting{}).value; };
    CHECK(user().empty());
    machine.write(guarded / "credentials.properties", file("guarded"));
    CHECK(user() == "guarded");
    machine.write_home(file("home"));
    CHECK(user() == "home");
    machine.environment["XDG_CONFIG_HOME"] = (machine.home() / "xdg").string();
    CHECK(user() == "guarded");
    machine.write(machine.home() / "xdg/pwh/credentials.properties", file("xdg"));
    CHECK(user() == "xdg");
    machine.environment["XDG_CONFIG_HOME"] = "relative";
    CHECK(user() == "home");
    machine.write_here(file("here"));
    CHECK(user() == "here");
    machine.write(machine.here() / "variable", file("variable"));
    machine.environment["PWH_CREDENTIALS"] = "variable";
    CHECK(user() == "variable");
    machine.write(machine.here() / "flag", file("flag"));
    machine.flags.credentials = "flag";
    CHECK(user() == "flag");
    CHECK(machine.said().empty());
}

TEST_CASE("settings: a named file that can't be read is an error, whatever else is there") {
    Machine machine;
    machine.write_here("[credentials]\nserver=here.example.org\n");
    machine.environment["PWH_CREDENTIALS"] = "gone";
    CHECK(machine.error() == "cannot read credentials file gone: No such file or directory");
    machine.flags.credentials = machine.here().string();
    CHECK(machine.error() ==
          "cannot read credentials file " + machine.here().string() + ": Is a directory");
    machine.flags.credentials = "";
    CHECK(machine.error() == "--credentials is empty");
    machine.flags.credentials = "/dev/null";
    CHECK(shown(machine.resolve().server) == "not set");
    machine.write(machine.here() / "large", std::string(1024UL * 1024 + 1, '\n'));
    machine.flags.credentials = "large";
    CHECK(machine.error() == "credentials file large is larger than 1048576 bytes");
}

TEST_CASE("settings: where nobody named a file, one that is none is passed over") {
    Machine machine;
    machine.write_home("[credentials]\nusername=home\n");
    fs::create_directory(machine.here() / "credentials.properties");
    CHECK(machine.resolve().username->value == "home");
    fs::remove(machine.here() / "credentials.properties");
    REQUIRE(::mkfifo((machine.here() / "credentials.properties").c_str(), 0600) == 0);
    CHECK(machine.resolve().username->value == "home");
    CHECK(machine.said().empty());
}

TEST_CASE("settings: a stranger's file in the current folder is ignored with a warning") {
    Machine machine;
    const auto file = machine.write_here("[credentials]\nserver=evil.example.org\n", 0644);
    machine.give_away(file);
    CHECK(shown(machine.resolve().server) == "not set");
    CHECK(machine.said() ==
          "pwh: warning: ./credentials.properties is ignored: it belongs to neither you nor root\n"
          "hint: if you trust it, name it: --credentials ./credentials.properties\n");
    CHECK(profiles(machine.flags, machine.surroundings()).empty());
    machine.flags.credentials = "./credentials.properties";
    CHECK(machine.resolve().server->value == "evil.example.org");
}

TEST_CASE("settings: a stranger's link in the current folder is no better") {
    Machine machine;
    machine.write_home("[credentials]\nusername=home\n");
    const auto target =
        machine.write(machine.home() / "download", "[credentials]\nusername=chosen\n");
    const auto link = machine.here() / "credentials.properties";
    fs::create_symlink(target, link);
    CHECK(machine.resolve().username->value == "chosen");
    machine.give_away(link);
    CHECK(machine.resolve().username->value == "home");
    CHECK(machine.said().find("is ignored") != std::string::npos);
}

TEST_CASE("settings: a file that others can read gets a warning") {
    Machine machine;
    const auto warning = [&](mode_t mode) {
        Machine other;
        other.write_here("[credentials]\n", mode);
        other.resolve();
        return other.said();
    };
    CHECK(warning(0600).empty());
    CHECK(warning(0611).empty());
    CHECK(warning(0604) ==
          "pwh: warning: credentials file ./credentials.properties can be read by others\n"
          "hint: chmod 600 ./credentials.properties\n");
    CHECK_FALSE(warning(0640).empty());
    // systemd opens its files to one user with an access list, which shows as group rights.
    machine.environment["CREDENTIALS_DIRECTORY"] = (machine.home() / "guarded").string();
    machine.write(machine.home() / "guarded/credentials.properties", "[credentials]\n", 0440);
    machine.resolve();
    machine.flags.credentials = (machine.home() / "guarded/credentials.properties").string();
    machine.resolve();
    CHECK(machine.said().empty());
}

TEST_CASE("settings: a profile is a section of the file") {
    Machine machine;
    machine.flags.profile = "prod";
    CHECK(machine.error() ==
          "--profile names a profile, but there is no credentials file | --credentials FILE names "
          "one");
    machine.write_here("");
    CHECK(machine.error() ==
          "credentials file ./credentials.properties has no section [prod] | the file has no "
          "section at all");
    machine.write_here("[DEFAULT]\ntenant=T\n[prod]\nusername=p\n[test]\nusername=t\n");
    CHECK(machine.resolve().username->value == "p");
    CHECK(machine.resolve().tenant->value == "T");
    CHECK(profiles(machine.flags, machine.surroundings()) ==
          std::vector<std::string>{"prod", "test"});
    machine.flags.profile.reset();
    machine.environment["PWH_PROFILE"] = "test";
    CHECK(machine.resolve().username->value == "t");
    machine.environment["PWH_PROFILE"] = "TEST";
    CHECK(machine.error() ==
          "credentials file ./credentials.properties has no section [TEST] | --profile takes one "
          "of: prod, test");
    machine.environment.erase("PWH_PROFILE");
    CHECK(machine.error() ==
          "credentials file ./credentials.properties has no section [credentials] | "
          "--profile takes one of: prod, test");
}

TEST_CASE("settings: a file without any section is fine only when it is blank") {
    Machine machine;
    machine.write_here("# [credentials]\n# server = us.preservica.com\n\n");
    CHECK(shown(machine.resolve().server) == "not set");
    machine.write_here("[DEFAULT]\nserver = us.preservica.com\n");
    CHECK(machine.error() ==
          "credentials file ./credentials.properties has no section [credentials] | "
          "the file has no section at all");
    CHECK(profiles(machine.flags, machine.surroundings()).empty());
}

TEST_CASE("settings: a malformed file is named with its line, without its content") {
    Machine machine;
    machine.write_here("[credentials]\npassword=hidden\nhidden\n");
    CHECK(machine.error() ==
          "credentials file ./credentials.properties, line 3: there is no '=' or ':' in the line | "
          "--credentials FILE names another file");
    machine.flags.credentials = "credentials.properties";
    CHECK(machine.error() ==
          "credentials file credentials.properties, line 3: there is no '=' or ':' in the line | "
          "write lines like `server = us.preservica.com` below a line `[credentials]`");
}
