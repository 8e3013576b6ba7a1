// SPDX-License-Identifier: Apache-2.0
#include "commands/subscribing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/interrupt.hpp"
#include "net/url.hpp"
#include "preservica/signature.hpp"

namespace pwh::commands {

namespace {

using preservica::Subscription;

/// How long a run that was interrupted may still look what became of its request.
constexpr std::chrono::milliseconds last_look{500};

/// One run of subscribe_all, under the lock.
class Subscribing {
  public:
    Subscribing(Client& client, const store::SecretStore& secrets, const Wanted& wanted,
                const WallClock& clock, const Diagnostics& diagnostics,
                std::vector<Subscribed>& done)
        : client_(client),
          secrets_(secrets),
          wanted_(wanted),
          clock_(clock),
          diagnostics_(diagnostics),
          done_(done),
          server_(client.session().server().key()) {}

    void run() {
        existing_ = client_.subscriptions().list();
        tenant_ = client_.session().tenant();
        if (!wanted_.dry_run) adopt_left_behind();
        if (!wanted_.ensure) refuse_existing();
        for (const auto& trigger : wanted_.triggers) {
            if (const auto* found = find_existing(trigger)) {
                report_existing(*found);
            } else if (wanted_.dry_run) {
                report_planned(trigger);
            } else {
                create(trigger);
            }
        }
    }

  private:
    bool is_this(const store::StoredSecret& stored) const {
        return stored.server == server_ && stored.tenant == tenant_;
    }

    /// Ties what a killed run asked for, and Preservica made, to its id.
    void adopt_left_behind() {
        const auto all = secrets_.all();
        std::set<std::string> known;
        for (const auto& stored : all) {
            for (const auto& use : stored.uses) known.insert(use.id);
        }
        for (const auto& stored : all) {
            if (!is_this(stored)) continue;
            for (auto use : stored.uses) {
                if (!use.pending()) continue;
                const auto made =
                    std::find_if(existing_.begin(), existing_.end(), [&](const Subscription& each) {
                        return each.url == use.url && each.trigger == use.trigger &&
                               !known.contains(each.id);
                    });
                if (made == existing_.end()) continue;
                use.id = made->id;
                known.insert(use.id);
                secrets_.settle(server_, tenant_, stored.secret, use);
                diagnostics_.note(fmt::format(
                    "took over subscription {}, which an earlier run left behind", use.id));
            }
        }
    }

    void refuse_existing() const {
        for (const auto& trigger : wanted_.triggers) {
            if (const auto* found = find_existing(trigger)) {
                throw Error(
                    ExitCode::failure,
                    fmt::format("{} is already subscribed to {} (subscription {})", wanted_.url,
                                trigger, found->id),
                    "with --ensure that counts as done; or remove it first: pwh unsubscribe " +
                        found->id);
            }
        }
    }

    /// Of several equal ones, that whose secret is here.
    const Subscription* find_existing(const std::string& trigger) const {
        const Subscription* found = nullptr;
        for (const auto& each : existing_) {
            if (each.url != wanted_.url || each.trigger != trigger) continue;
            if (found == nullptr || secrets_.find(each.id)) found = &each;
        }
        return found;
    }

    void report_existing(const Subscription& found) {
        bool temporary = false;
        bool stored = false;
        for (const auto& each : secrets_.all()) {
            for (const auto& use : each.uses) {
                if (use.id != found.id) continue;
                stored = true;
                temporary = use.temporary;
            }
        }
        done_.push_back({{found, stored, false}, temporary && wanted_.temporary});
    }

    void report_planned(const std::string& trigger) {
        Subscription planned{{}, wanted_.url, trigger, {}};
        planned.fields["url"] = wanted_.url;
        planned.fields["triggerType"] = trigger;
        planned.fields["includeIdentifiers"] = wanted_.include_identifiers;
        diagnostics_.note(fmt::format("would subscribe {} to {}", wanted_.url, trigger));
        done_.push_back({{planned, false, false}, false});
    }

    /// One secret for the whole run. One that is pending for this URL may still be in a request on
    /// its way: it is used again, so that it stays right whichever request Preservica answers.
    const std::string& secret() {
        if (!secret_.empty()) return secret_;
        if (wanted_.secret) return secret_ = *wanted_.secret;
        for (const auto& stored : secrets_.all()) {
            const bool left = std::any_of(
                stored.uses.begin(), stored.uses.end(), [&](const store::SecretUse& use) {
                    return use.pending() && use.url == wanted_.url &&
                           std::find(wanted_.triggers.begin(), wanted_.triggers.end(),
                                     use.trigger) != wanted_.triggers.end();
                });
            if (is_this(stored) && left) secret_ = stored.secret;
        }
        if (secret_.empty()) secret_ = preservica::generate_secret();
        return secret_;
    }

    void create(const std::string& trigger) {
        std::optional<InterruptWatch> watch;
        if (wanted_.interruptible) watch.emplace();
        store::SecretUse use{{}, wanted_.url, trigger, wanted_.temporary};
        secrets_.add_pending(server_, tenant_, secret(), use, clock_());
        auto made = ask_for(use, watch ? &*watch : nullptr);
        use.id = made.id;
        secrets_.settle(server_, tenant_, secret(), use);
        done_.push_back({{std::move(made), true, true}, wanted_.temporary});
        if (watch && watch->signal() != 0) {
            throw Interrupted(watch->signal(),
                              fmt::format("interrupted, after {} was subscribed to {} "
                                          "(subscription {})",
                                          wanted_.url, trigger, use.id),
                              "pwh unsubscribe " + use.id + " takes it back");
        }
    }

    /// Asks Preservica. Where this throws, the secret stays stored only if the subscription may
    /// have been made.
    Subscription ask_for(const store::SecretUse& use, InterruptWatch* watch) {
        diagnostics_.detail(
            fmt::format("asking Preservica to subscribe {} to {}", use.url, use.trigger));
        try {
            return client_.subscriptions().create(
                {use.url, use.trigger, secret(), wanted_.include_identifiers});
        } catch (const net::TransportError& error) {
            if (error.sent()) return settle_lost(use, error, watch);
            secrets_.drop_pending(server_, tenant_, secret(), use);
            if (watch != nullptr && watch->signal() != 0) {
                throw Interrupted(watch->signal(), "interrupted; nothing was subscribed");
            }
            throw;
        } catch (const Error&) {
            secrets_.drop_pending(server_, tenant_, secret(), use);
            throw;
        }
    }

    /// No answer came, or none that says: looks, once, what became of the request.
    Subscription settle_lost(const store::SecretUse& use, const Error& lost,
                             InterruptWatch* watch) {
        if (watch != nullptr && watch->signal() != 0) watch->grant(last_look);
        diagnostics_.detail("no answer came; looking whether the subscription was made");
        std::string found_out = "it is not subscribed yet, but may be in a moment";
        try {
            if (auto made = find_made(use)) return *std::move(made);
        } catch (const Error& error) {
            diagnostics_.detail(error.what());
            found_out = "whether it is subscribed is not known";
        }
        const std::string hint =
            "its secret is kept; look with `pwh list`, or run subscribe again with --ensure, which "
            "takes over what was made";
        if (watch != nullptr && watch->signal() != 0) {
            throw Interrupted(watch->signal(),
                              fmt::format("interrupted while subscribing {} to {}: {}", use.url,
                                          use.trigger, found_out),
                              hint);
        }
        throw Error(lost.code(),
                    fmt::format("cannot tell whether {} was subscribed to {}: {}; {}", use.url,
                                use.trigger, lost.what(), found_out),
                    hint);
    }

    /// What is there now and was not before was made by this request.
    std::optional<Subscription> find_made(const store::SecretUse& use) {
        for (auto& each : client_.subscriptions().list()) {
            const bool old =
                std::any_of(existing_.begin(), existing_.end(),
                            [&](const Subscription& before) { return before.id == each.id; });
            if (!old && each.url == use.url && each.trigger == use.trigger) return std::move(each);
        }
        return std::nullopt;
    }

    Client& client_;
    const store::SecretStore& secrets_;
    const Wanted& wanted_;
    const WallClock& clock_;
    const Diagnostics& diagnostics_;
    std::vector<Subscribed>& done_;
    std::string server_;
    std::string tenant_;
    std::string secret_;
    std::vector<Subscription> existing_;
};

}  // namespace

void subscribe_all(Client& client, const store::SecretStore& secrets, const Wanted& wanted,
                   const WallClock& clock, const Diagnostics& diagnostics,
                   std::vector<Subscribed>& done) {
    require_webhook_url(wanted.url);
    Subscribing run(client, secrets, wanted, clock, diagnostics, done);
    if (wanted.dry_run) return run.run();
    secrets.folder().create();
    const auto lock = secrets.lock_subscribing(
        [&] { diagnostics.note("waiting for another pwh that is subscribing"); });
    run.run();
}

void require_webhook_url(const std::string& url) {
    const auto parsed = net::parse_url(url);
    if (!parsed || (parsed->scheme != "http" && parsed->scheme != "https") ||
        parsed->host.empty()) {
        throw UsageError(fmt::format("'{}' is not a URL that Preservica can call", url),
                         "write it with http:// or https:// and a host, for instance "
                         "https://hooks.example.org/preservica");
    }
    if (parsed->has_credentials || url.find('#') != std::string::npos) {
        throw UsageError(
            "the URL must hold no user, password or fragment",
            "protect the receiver by its secret; Preservica signs every event with it");
    }
}

std::vector<ShownSubscription> with_stored_secrets(std::vector<Subscription> subscriptions,
                                                   const store::SecretStore& secrets) {
    std::set<std::string> stored;
    for (const auto& each : secrets.all()) {
        for (const auto& use : each.uses) stored.insert(use.id);
    }
    std::vector<ShownSubscription> shown;
    shown.reserve(subscriptions.size());
    for (auto& each : subscriptions) {
        const bool has_secret = stored.contains(each.id);
        shown.push_back({std::move(each), has_secret, std::nullopt});
    }
    return shown;
}

}  // namespace pwh::commands
