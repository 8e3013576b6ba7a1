// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "net/http_client.hpp"

namespace pwh::commands {

enum class Verdict { pass, warn, fail };

/// `pass`, `warn`, `fail`.
std::string_view verdict_word(Verdict verdict);

struct CheckResult {
    std::string name;
    Verdict verdict = Verdict::pass;
    std::chrono::microseconds took{};
    std::string explanation;
};

/// Asks one endpoint all that `check` asks, with a client and clocks that tests can set.
class EndpointCheck {
  public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;
    /// Told the number of requests made so far before each.
    using OnRequest = std::function<void(std::size_t)>;

    /// An answer that takes longer gets a warning: nobody knows how long Preservica waits.
    static constexpr std::chrono::seconds slow{5};
    /// The requests of one run, where none has to be made again.
    static constexpr std::size_t planned_requests = 18;

    EndpointCheck(net::HttpClient& http, std::string url, std::string secret, WallTime now,
                  Clock clock, OnRequest on_request = {});

    /// The results in the order they came about. Where the endpoint can't be reached at all, or
    /// answers neither a handshake nor an event, they end there.
    std::vector<CheckResult> run();

  private:
    /// One exchange.
    struct Asked {
        std::optional<net::ClientResponse> answer;
        std::string failure;  ///< why there is no answer
        bool unreachable = false;
        std::chrono::microseconds took{};

        bool accepted() const { return answer && answer->status >= 200 && answer->status < 300; }
    };

    /// What became of all oracle attempts.
    struct OracleFindings {
        std::string signing;     ///< the ways in which a forged event was signed
        std::string suspicious;  ///< those in which it seems to have been
        std::size_t unanswered = 0;
        std::size_t tried = 0;
        std::size_t known = 0;
        std::chrono::microseconds took{};
    };

    Asked ask(const net::ClientRequest& request);
    Asked ask_once(const net::ClientRequest& request);
    void add(std::string name, Verdict verdict, std::chrono::microseconds took,
             std::string explanation);
    std::string event_fault(const Asked& asked) const;

    void check_url();
    void check_secret();
    /// Both return false where the rest would be in vain.
    bool check_handshake();
    bool check_event();
    void check_repeat();
    void check_non_ascii();
    void check_refusal(const std::string& name, const std::string& signature,
                       std::string_view what);
    OracleFindings ask_oracle();
    void check_oracle();
    void check_time();

    net::HttpClient& http_;
    std::string url_;
    std::string secret_;
    WallTime now_;
    Clock clock_;
    OnRequest on_request_;

    std::vector<CheckResult> results_;
    std::string body_;  ///< of the event
    std::string signature_;
    std::size_t requests_ = 0;
    std::chrono::microseconds slowest_{};
    bool handshake_answered_ = false;
    bool handshake_passed_ = false;
    bool event_accepted_ = false;
};

/// What an answer to an oracle attempt betrays.
enum class Betrayal {
    none,
    signed_it,        ///< it holds the signature of a forged event
    seems_signed_it,  ///< it holds something like a signature, under a secret that is not ours
};

/// `knows_secret`: the endpoint's secret is the one that `forged_signatures` were made with.
Betrayal judge_oracle_answer(const net::ClientResponse& answer,
                             const std::vector<std::string>& forged_signatures, bool knows_secret,
                             bool may_sign_other);

}  // namespace pwh::commands
