// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "settings_machine.hpp"

using namespace pwh::settings;

TEST_CASE("settings: another way to sign in is an explicit choice") {
    Machine machine;
    CHECK(shown(machine.resolve().authentication) == "password from default");
    machine.write_here("[credentials]\nauthentication = shared-secret\n");
    CHECK(shown(machine.resolve().authentication) ==
          "shared-secret from authentication in ./credentials.properties");
    machine.write_here("[credentials]\nauthentication = password\n");
    CHECK(shown(machine.resolve().authentication) ==
          "password from authentication in ./credentials.properties");
    machine.flags.shared_secret = true;
    CHECK(shown(machine.resolve().authentication) == "shared-secret from --shared-secret");
}

TEST_CASE("settings: no other word for it is taken") {
    Machine machine;
    for (const char* word : {"Shared-Secret", "shared_secret", "external", "none"}) {
        machine.write_here(std::string("[credentials]\nauthentication=") + word + "\n");
        CHECK(machine.error() ==
              "authentication in ./credentials.properties must be password or shared-secret");
    }
    // The environment has no say in it.
    machine.environment["PWH_AUTHENTICATION"] = "shared-secret";
    machine.write_here("[credentials]\nauthentication=\n");
    CHECK(shown(machine.resolve().authentication) == "password from default");
}

TEST_CASE("settings: tokens are kept unless the command line says no") {
    Machine machine;
    CHECK(machine.resolve().token_cache);
    machine.flags.no_token_cache = true;
    CHECK_FALSE(machine.resolve().token_cache);
}
