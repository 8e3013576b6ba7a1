// SPDX-License-Identifier: Apache-2.0
#include "preservica/trigger.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/error.hpp"

using namespace pwh::preservica;

TEST_CASE("every known trigger has all its names, in any case") {
    CHECK(known_triggers().size() == 5);
    for (const auto& trigger : known_triggers()) {
        for (const auto name : {trigger.api, trigger.name, trigger.pypreservica}) {
            std::string turned(name);
            for (auto& c : turned) {
                if (c >= 'a' && c <= 'z') {
                    c = static_cast<char>(c - 32);
                } else if (c >= 'A' && c <= 'Z') {
                    c = static_cast<char>(c + 32);
                }
            }
            CAPTURE(turned);
            REQUIRE(parse_trigger(name));
            CHECK(parse_trigger(name)->api == trigger.api);
            CHECK(parse_trigger(name)->known);
            REQUIRE(parse_trigger(turned));
            CHECK(parse_trigger(turned)->api == trigger.api);
        }
    }
}

TEST_CASE("names of the protocol") {
    CHECK(parse_trigger("indexed")->api == "FULL_TEXT_INDEXED");
    CHECK(parse_trigger("security-changed")->api == "CHANGED_SECURITY_DESCRIPTOR");
    CHECK(parse_trigger("SECURITY_CHANGED")->api == "CHANGED_SECURITY_DESCRIPTOR");
    CHECK(parse_trigger("visibility-changed")->api == "CHANGE_ASSET_VISIBILITY");
}

TEST_CASE("other names of capitals are passed on as unknown") {
    const auto trigger = parse_trigger("ENTITY_DELETED_2");
    REQUIRE(trigger);
    CHECK(trigger->api == "ENTITY_DELETED_2");
    CHECK_FALSE(trigger->known);
}

TEST_CASE("anything else is no trigger") {
    for (const char* name : {"", "entity_deleted", "Deleted", "ENTITY-DELETED", "2_DELETED",
                             "_DELETED", "DELETED ", "DÉPLACÉ", "indexed "}) {
        CAPTURE(name);
        CHECK_FALSE(parse_trigger(name));
    }
    CHECK_FALSE(parse_trigger(std::string(129, 'A')));
}

TEST_CASE("a trigger that is required is a usage error that lists the names") {
    CHECK(require_trigger("moved").api == "MOVED");
    try {
        require_trigger("deleted");
        FAIL("nothing was thrown");
    } catch (const pwh::UsageError& error) {
        CHECK(std::string(error.what()) == "there is no trigger 'deleted'");
        CHECK(error.hint().find(
                  "indexed, moved, security-changed, ingest-failed, visibility-changed") !=
              std::string::npos);
    }
}
