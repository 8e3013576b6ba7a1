// SPDX-License-Identifier: Apache-2.0
#include "commands/listen.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "commands/listening.hpp"

namespace pwh::commands {

void setup_listen(CLI::App& app, ListenOptions& options) {
    app.add_option("--listen", options.listen,
                   "where to listen, ADDR:PORT or unix:PATH; port 0 takes any that is free")
        ->type_name("ADDRESS")
        ->capture_default_str();
    app.add_option("--path", options.path, "answer only at this path (any, else)")
        ->type_name("/PATH");
    app.add_option("--secret-file", options.secret_files,
                   "a secret, in a file; may be repeated (else the secret setting, else what `pwh "
                   "subscribe` stored)")
        ->type_name("FILE")
        ->allow_extra_args(false);
    app.add_option(
           "--subscribe", options.subscribe,
           "subscribe to this trigger once ready, and unsubscribe at the end (may be repeated)")
        ->type_name("T");
    app.add_option("--url", options.url, "the receiver's public URL, for --subscribe");
    app.add_flag("--keep", options.keep, "leave what --subscribe made");
    app.add_option("--trigger", options.triggers,
                   "print only events of this trigger (may be repeated)")
        ->type_name("T");
    app.add_option("--format", options.format, "a line for each event, or each message as it came")
        ->check(CLI::IsMember({"event", "message"}))
        ->type_name("event|message")
        ->capture_default_str();
    app.add_option("--store", options.store,
                   "store messages in this file before they are answered; stdout follows "
                   "(PWH_STORE)")
        ->type_name("FILE");
    app.add_option("--retain", options.retain, "remove stored messages that are older, such as 90d")
        ->type_name("AGE");
    app.add_option("--max-events", options.max_events,
                   "end after the message that brings the N-th event")
        ->check(CLI::PositiveNumber)
        ->type_name("N");
    app.add_option("--timeout", options.timeout,
                   "end after so many seconds; exit 8 if --max-events were not seen")
        ->check(CLI::PositiveNumber)
        ->type_name("S");
    app.add_option("--max-body", options.max_body, "the largest body that is accepted, in bytes")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{64} << 20U))
        ->type_name("BYTES")
        ->capture_default_str();
    app.add_option("--max-connections", options.max_connections, "connections at once")
        ->check(CLI::Range(1, 1'000'000))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--tls-cert", options.tls_cert,
                   "the certificate to serve HTTPS with, in PEM, its chain behind it")
        ->type_name("FILE");
    app.add_option("--tls-key", options.tls_key, "its private key, in PEM")->type_name("FILE");
    app.add_flag("--no-dedupe", options.no_dedupe,
                 "print a message again when it is delivered again");
    app.add_flag("--no-handshake", options.no_handshake,
                 "answer no handshake: for when every subscription is made");
}

int run_listen(Context& context, const ListenOptions& options) {
    if (!options.path.empty() && options.path.front() != '/') {
        throw UsageError(fmt::format("--path {} does not begin with a slash", options.path),
                         "write --path /" + options.path);
    }
    return listen(context, options);
}

}  // namespace pwh::commands
