// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.hpp"

#include <doctest/doctest.h>
#include <pwd.h>

#include <cmath>
#include <limits>
#include <string>

#include "settings_machine.hpp"

using namespace pwh::settings;

TEST_CASE("settings: with nothing set there are only defaults") {
    Machine machine;
    const auto settings = machine.resolve();
    CHECK(shown(settings.server) == "not set");
    CHECK(shown(settings.password) == "not set");
    CHECK(shown(settings.protocol) == "https from default");
    CHECK(shown(settings.state_dir) ==
          (machine.home() / ".local/state/pwh").string() + " from default");
    CHECK(settings.ca_file.empty());
    CHECK(settings.connect_timeout == 10);
    CHECK(settings.request_timeout == 60);
    CHECK_FALSE(settings.no_input);
    CHECK(machine.said().empty());
    CHECK_FALSE(fs::exists(machine.home()));
}

TEST_CASE("settings: a flag wins over the environment, that over the file") {
    Machine machine;
    machine.write_here("[credentials]\nserver=file.example.org\nUserName=file\ntenant=file\n");
    CHECK(shown(machine.resolve().server) ==
          "file.example.org from server in ./credentials.properties");
    machine.environment["PRESERVICA_SERVER"] = "variable.example.org";
    machine.environment["PRESERVICA_TENANT"] = "variable";
    machine.flags.server = "flag.example.org:8443";
    const auto settings = machine.resolve();
    CHECK(shown(settings.server) == "flag.example.org:8443 from --server");
    CHECK(shown(settings.tenant) == "variable from PRESERVICA_TENANT");
    CHECK(shown(settings.username) == "file from username in ./credentials.properties");
}

TEST_CASE("settings: every key of the file and every variable is known") {
    Machine machine;
    const std::string file = machine
                                 .write(machine.here() / "f",
                                        "[credentials]\nserver=localhost\nusername=u\npassword=p\n"
                                        "tenant=t\ntwoFactorToken=2\nprotocol=http\n"
                                        "url=https://u.example.org/\nsecret.key=k\nstore=s\n")
                                 .string();
    machine.flags.credentials = file;
    auto settings = machine.resolve();
    CHECK(shown(settings.password) == "p from password in " + file);
    CHECK(shown(settings.two_factor_seed) == "2 from twoFactorToken in " + file);
    CHECK(shown(settings.protocol) == "http from protocol in " + file);
    CHECK(shown(settings.url) == "https://u.example.org/ from url in " + file);
    CHECK(shown(settings.secret) == "k from secret.key in " + file);
    CHECK(shown(settings.secret_file) == "not set");
    CHECK(shown(settings.store) == "s from store in " + file);

    machine.environment = {{"HOME", machine.home().string()}, {"PRESERVICA_USERNAME", "U"},
                           {"PRESERVICA_PASSWORD", "P"},      {"PRESERVICA_2FA_TOKEN", "22"},
                           {"PWH_PROTOCOL", "https"},         {"PWH_URL", "https://v.example.org/"},
                           {"PWH_SECRET_FILE", "sf"},         {"PWH_STORE", "S"}};
    settings = machine.resolve();
    CHECK(shown(settings.username) == "U from PRESERVICA_USERNAME");
    CHECK(shown(settings.password) == "P from PRESERVICA_PASSWORD");
    CHECK(shown(settings.two_factor_seed) == "22 from PRESERVICA_2FA_TOKEN");
    CHECK(shown(settings.protocol) == "https from PWH_PROTOCOL");
    CHECK(shown(settings.url) == "https://v.example.org/ from PWH_URL");
    CHECK(shown(settings.secret_file) == "sf from PWH_SECRET_FILE");
    CHECK(shown(settings.secret) == "not set");
    CHECK(shown(settings.store) == "S from PWH_STORE");
}

TEST_CASE("settings: a key without a value is not set") {
    Machine machine;
    machine.write_here("[credentials]\ntenant=\nprotocol:\n");
    CHECK(shown(machine.resolve().tenant) == "not set");
    CHECK(shown(machine.resolve().protocol) == "https from default");
}

TEST_CASE("settings: the state folder") {
    Machine machine;
    const auto folder = [&] { return shown(machine.resolve().state_dir); };
    const auto here = machine.here().string();
    machine.environment["XDG_STATE_HOME"] = "relative";
    CHECK(folder() == machine.home().string() + "/.local/state/pwh from default");
    machine.environment["XDG_STATE_HOME"] = "/xdg";
    CHECK(folder() == "/xdg/pwh from default");
    machine.environment["STATE_DIRECTORY"] = ":";
    CHECK(folder() == "/xdg/pwh from default");
    machine.environment["STATE_DIRECTORY"] = "/var/lib/one:/var/lib/two";
    CHECK(folder() == "/var/lib/one from STATE_DIRECTORY");
    machine.environment["PWH_STATE_DIR"] = "state";
    CHECK(folder() == here + "/state from PWH_STATE_DIR");
    machine.flags.state_dir = "/flag";
    CHECK(folder() == "/flag from --state-dir");
    machine.flags.state_dir = "";
    CHECK(machine.error() == "--state-dir is empty");
}

TEST_CASE("settings: without HOME the user database knows the home folder") {
    Machine machine;
    machine.environment.clear();
    machine.user_id = 0;
    const struct passwd* root = ::getpwuid(0);
    REQUIRE(root != nullptr);
    CHECK(shown(machine.resolve().state_dir) ==
          (fs::path(root->pw_dir) / ".local/state/pwh").string() + " from default");
    machine.user_id = 4000000000;
    CHECK(machine.error() ==
          "there is no home folder to keep pwh's state in | name a folder with --state-dir, or set "
          "HOME");
    machine.environment["XDG_STATE_HOME"] = "/xdg";
    CHECK(shown(machine.resolve().state_dir) == "/xdg/pwh from default");
}

TEST_CASE("settings: http is for loopback, or for who says so on the command line") {
    Machine machine;
    machine.environment = {{"HOME", machine.home().string()}, {"PWH_PROTOCOL", "http"}};
    CHECK(machine.error() == "no error");
    for (const auto* server :
         {"localhost", "localhost:8080", "127.0.0.1:80", "127.1.2.3", "[::1]:8080"}) {
        CAPTURE(server);
        machine.flags.server = server;
        CHECK(machine.error() == "no error");
    }
    machine.flags.server = "us.preservica.com";
    CHECK(machine.error() ==
          "PWH_PROTOCOL is http, which would send the password to us.preservica.com unprotected | "
          "use https; --protocol http on the command line itself overrides this");
    machine.flags.server = "127.0.0.1.example.org:80";
    CHECK(machine.error().starts_with("PWH_PROTOCOL is http"));
    machine.flags.protocol = "http";
    CHECK(shown(machine.resolve().protocol) == "http from --protocol");
}

TEST_CASE("settings: any other protocol is an error that names its source") {
    Machine machine;
    machine.write_here("[credentials]\nprotocol = ftp\n");
    CHECK(machine.error() == "protocol in ./credentials.properties must be https or http");
    machine.environment["PWH_PROTOCOL"] = "HTTPS";
    CHECK(machine.error() == "PWH_PROTOCOL must be https or http");
    machine.flags.protocol = "";
    CHECK(machine.error() == "--protocol is empty");
    machine.flags.protocol = "https";
    CHECK(machine.error() == "no error");
}

TEST_CASE("settings: a server that is a URL leads to what to write") {
    Machine machine;
    machine.flags.server = "https://us.preservica.com/";
    CHECK(machine.error() ==
          "--server must be HOST or HOST:PORT, not a URL | write us.preservica.com");
    machine.flags.server = "http://127.0.0.1:8080";
    CHECK(machine.error() ==
          "--server must be HOST or HOST:PORT, not a URL | write 127.0.0.1:8080, and --protocol "
          "http");
    machine.flags.server = "https://me:hidden@us.preservica.com:8443/api";
    CHECK(machine.error() ==
          "--server must be HOST or HOST:PORT, not a URL | write us.preservica.com:8443");
    machine.flags.server = "ftp://us.preservica.com/";
    CHECK(machine.error() ==
          "--server must be HOST or HOST:PORT, not a URL | "
          "write the host's name alone, for instance us.preservica.com");
    machine.flags.server = "http://us.preservica.com";
    CHECK(machine.error() ==
          "--server must be HOST or HOST:PORT, not a URL | write us.preservica.com");
    machine.flags.server = "https://[::1]/";
    CHECK(machine.error() == "--server must be HOST or HOST:PORT, not a URL | write [::1]");
    machine.flags.server.reset();
    machine.environment["PRESERVICA_SERVER"] = "us.preservica.com/api";
    CHECK(machine.error() ==
          "PRESERVICA_SERVER must be HOST or HOST:PORT | write us.preservica.com");
    machine.environment["PRESERVICA_SERVER"] = "us.preservica.com:99999";
    CHECK(machine.error() ==
          "PRESERVICA_SERVER must be HOST or HOST:PORT | "
          "write the host's name alone, for instance us.preservica.com");
}

TEST_CASE("settings: line breaks and bytes that are no text are errors, but not in a password") {
    Machine machine;
    for (const std::string key : {"server", "username", "tenant", "url", "store"}) {
        CAPTURE(key);
        machine.write_here("[credentials]\n" + key + " = a\n  b\n");
        CHECK(machine.error() ==
              key +
                  " in ./credentials.properties has a control character or a line break in it | "
                  "in a credentials file, an indented line goes on with the value above it");
    }
    machine.write_here("[credentials]\npassword = a\n  b\n");
    CHECK(machine.resolve().password->value == "a\nb");
    machine.flags.tenant = "a\x1b[0m";
    CHECK(machine.error() == "--tenant has a control character or a line break in it");
    machine.flags.tenant = "\xE9";
    CHECK(machine.error() == "--tenant is not UTF-8");
    machine.flags.tenant = "";
    CHECK(machine.error() == "--tenant is empty");
    machine.flags.tenant = "Zürich";
    CHECK(machine.error() == "no error");
}

TEST_CASE("settings: timeouts are positive numbers of seconds") {
    Machine machine;
    machine.flags.connect_timeout = 0.5;
    machine.flags.request_timeout = 3600;
    CHECK(machine.resolve().connect_timeout == 0.5);
    CHECK(machine.resolve().request_timeout == 3600);
    for (const double bad :
         {0.0, -1.0, 1e-9, 1e300, std::nan(""), std::numeric_limits<double>::infinity()}) {
        CAPTURE(bad);
        machine.flags.request_timeout = bad;
        CHECK(machine.error() ==
              "--request-timeout must be a number of seconds from 0.001 to 1000000");
    }
    machine.flags.request_timeout.reset();
    machine.flags.connect_timeout = 0;
    CHECK(machine.error() == "--connect-timeout must be a number of seconds from 0.001 to 1000000");
}

TEST_CASE("settings: the other flags go through") {
    Machine machine;
    machine.flags.ca_file = "ca.pem";
    machine.flags.no_input = true;
    CHECK(machine.resolve().ca_file == "ca.pem");
    CHECK(machine.resolve().no_input);
    machine.flags.ca_file = "";
    CHECK(machine.error() == "--cacert is empty");
}
