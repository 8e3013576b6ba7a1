// SPDX-License-Identifier: Apache-2.0
#include "commands/sign.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands/client.hpp"
#include "commands/signing.hpp"
#include "preservica/signature.hpp"

namespace pwh::commands {

namespace {

constexpr auto footer =
    R"(Prints the signature of an event: what the header Preservica-Signature holds for the body in FILE or on
stdin, byte for byte. With --challenge it prints the JSON that answers a handshake, and reads no body.

For CGI programs and serverless functions: a request with a challengeCode is a handshake, any other is to be
verified (pwh verify). Write --challenge "$code", with the code decoded from the query once: codes that could
pass for an event, and empty ones, are refused with exit code 2 and never signed.)";

}  // namespace

void setup_sign(CLI::App& app, SignOptions& options) {
    app.add_option("FILE", options.file, "the body of an event (stdin, else)");
    app.add_option("--challenge", options.challenge, "answer this challenge code instead")
        ->type_name("CODE");
    add_secret_option(app, options.secret_file);
    app.footer(footer);
}

int run_sign(Context& context, const SignOptions& options) {
    if (options.challenge && !options.file.empty()) {
        throw UsageError("--challenge signs a code, and no body: FILE can't be given with it",
                         "pwh help sign");
    }
    if (options.challenge && !preservica::is_signable(*options.challenge)) {
        throw UsageError(
            "this challenge code must not be signed",
            fmt::format("a code is 1 to {} visible ASCII characters and never starts with {}: "
                        "anything else could be a forged event; answer it with 400",
                        preservica::max_challenge_length, preservica::event_prefix));
    }
    const auto settings = resolve_settings(context);
    preservica::Signer signer(the_secret(settings, options.secret_file, context.diagnostics));
    if (options.challenge) {
        const auto response = signer.answer_challenge(*options.challenge);
        context.out.write(preservica::challenge_answer(*options.challenge, response) + "\n");
    } else {
        const auto body = read_body(options.file, options.secret_file);
        context.out.write(signer.sign_event(body) + "\n");
    }
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
