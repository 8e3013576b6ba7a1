// SPDX-License-Identifier: Apache-2.0
#include "commands/verify.hpp"

#include <CLI/CLI.hpp>

#include "commands/client.hpp"
#include "commands/signing.hpp"
#include "preservica/signature.hpp"

namespace pwh::commands {

namespace {

constexpr auto footer =
    R"(Exits with 0 where the signature is that of the body, and with 3 where it is not, or is none at all. The body
is read from FILE or stdin, byte for byte: as it came, before anything parsed it. Where several secrets are
stored, any of them will do. In scripts: pwh verify --signature "$HTTP_PRESERVICA_SIGNATURE" && ./handle)";

}  // namespace

void setup_verify(CLI::App& app, VerifyOptions& options) {
    app.add_option("--signature", options.signature,
                   "what the header Preservica-Signature holds: 64 hex digits")
        ->required()
        ->type_name("HEX");
    app.add_option("FILE", options.file, "the body of the event (stdin, else)");
    add_secret_option(app, options.secret_file);
    app.footer(footer);
}

int run_verify(Context& context, const VerifyOptions& options) {
    const auto settings = resolve_settings(context);
    const auto secrets = usable_secrets(settings, options.secret_file, context.diagnostics);
    const auto body = read_body(options.file, options.secret_file);
    const auto signature = preservica::parse_signature(options.signature);
    if (!signature) {
        throw Error(ExitCode::endpoint_failed,
                    "the signature does not match: it is not 64 hex digits",
                    "give the whole of the header Preservica-Signature, and nothing else");
    }
    bool matches = false;
    for (const auto& secret : secrets) {
        const bool by_this = preservica::Signer(secret).verify_event(body, *signature);
        matches = matches || by_this;
    }
    if (!matches) {
        throw Error(ExitCode::endpoint_failed, "the signature does not match",
                    "the body has to be the bytes as they came, and the secret the subscription's");
    }
    context.diagnostics.detail("the signature matches");
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
