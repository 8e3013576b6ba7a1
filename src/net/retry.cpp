// SPDX-License-Identifier: Apache-2.0
#include "net/retry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

#include "net/curl_library.hpp"

namespace pwh::net {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto first_wait = 500ms;
constexpr auto longest_wait = 16'000ms;
constexpr auto longest_asked = 24h * 365;

bool may_be_repeated(const std::string& method) {
    return method == "GET" || method == "HEAD" || method == "DELETE";
}

bool is_chance(const TransportError& error) {
    using Kind = TransportError::Kind;
    switch (error.kind()) {
        case Kind::resolve:
        case Kind::connect:
        case Kind::timeout:
        case Kind::broken:
            return true;
        case Kind::tls:
        case Kind::too_large:
        case Kind::proxy:
        case Kind::cancelled:
            return false;
    }
    return false;
}

bool is_chance(long status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/// What the tries of one request have in common.
class Tries {
  public:
    Tries(const RetryOptions& options, const ClientRequest& request)
        : options_(options), request_(request), began_(options.clock()) {}

    /// Waits for another try; false when there is to be none.
    bool again(const std::string& why, milliseconds asked) {
        if (count_ == options_.retries) return false;
        const auto wait = std::max(backoff(), asked);
        if (options_.clock() + wait > began_ + options_.begin_within) return false;
        ++count_;
        if (options_.on_retry) {
            options_.on_retry(fmt::format("{}; trying again in {:.1f} s (repeat {} of {})", why,
                                          std::chrono::duration<double>(wait).count(), count_,
                                          options_.retries));
        }
        return options_.sleep(wait);
    }

    bool again(const TransportError& error) {
        if (!is_chance(error)) return false;
        if (error.sent() && !may_be_repeated(request_.method)) return false;
        unsettled_ = unsettled_ || error.sent();
        return again(error.what(), 0ms);
    }

    bool again(const ClientResponse& response) {
        if (!is_chance(response.status) || !may_be_repeated(request_.method)) return false;
        unsettled_ = unsettled_ || response.status != 429;
        return again(fmt::format("the server answered with status {}", response.status),
                     retry_after(response, options_.wall_clock()).value_or(0ms));
    }

    /// An earlier try has deleted it, and its answer was lost.
    bool deleted_before(const ClientResponse& response) const {
        return unsettled_ && request_.method == "DELETE" && response.status == 404;
    }

  private:
    milliseconds backoff() const {
        const auto whole =
            std::min<milliseconds>(first_wait * (1U << std::min(count_, 10U)), longest_wait);
        const auto part = 1 - options_.jitter() / 2;
        return std::chrono::round<milliseconds>(std::chrono::duration<double, std::milli>(whole) *
                                                part);
    }

    const RetryOptions& options_;
    const ClientRequest& request_;
    std::chrono::steady_clock::time_point began_;
    unsigned count_ = 0;
    bool unsettled_ = false;  ///< a try may have been worked on
};

class RetryingClient final : public HttpClient {
  public:
    RetryingClient(std::unique_ptr<HttpClient> client, RetryOptions options)
        : client_(std::move(client)), options_(std::move(options)) {}

    ClientResponse perform(const ClientRequest& request) override {
        Tries tries(options_, request);
        for (;;) {
            try {
                auto response = client_->perform(request);
                if (tries.deleted_before(response)) return {204, {}, {}};
                if (!tries.again(response)) return response;
            } catch (const TransportError& error) {
                if (!tries.again(error)) throw;
            }
        }
    }

  private:
    std::unique_ptr<HttpClient> client_;
    RetryOptions options_;
};

/// False when `cancelled` got true.
bool sleep_unless(const std::function<bool()>& cancelled, milliseconds time) {
    constexpr auto slice = 50ms;
    const auto end = std::chrono::steady_clock::now() + time;
    while (!cancelled()) {
        const auto left = end - std::chrono::steady_clock::now();
        if (left <= 0ms) return true;
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, slice));
    }
    return false;
}

}  // namespace

RetryOptions system_retry_options(std::function<bool()> cancelled) {
    RetryOptions options;
    options.clock = [] { return std::chrono::steady_clock::now(); };
    options.wall_clock = [] { return std::chrono::system_clock::now(); };
    options.sleep = [cancelled = std::move(cancelled)](milliseconds time) {
        return sleep_unless(cancelled, time);
    };
    options.jitter = [] {
        static thread_local std::minstd_rand random{std::random_device{}()};
        return std::uniform_real_distribution<double>(0, 1)(random);
    };
    return options;
}

std::optional<milliseconds> retry_after(const ClientResponse& response, WallTime now) {
    const std::string value(response.header("Retry-After"));
    const bool is_number =
        !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) {
        constexpr std::size_t longest_number = 8;
        if (value.size() > longest_number) return longest_asked;
        return std::min<milliseconds>(std::chrono::seconds(std::stol(value)), longest_asked);
    }
    const auto date = curl_library().getdate(value.c_str(), nullptr);
    if (date < 0) return std::nullopt;
    const auto left =
        std::chrono::ceil<milliseconds>(std::chrono::system_clock::from_time_t(date) - now);
    return std::clamp<milliseconds>(left, 0ms, longest_asked);
}

std::unique_ptr<HttpClient> make_retrying_client(std::unique_ptr<HttpClient> client,
                                                 RetryOptions options) {
    return std::make_unique<RetryingClient>(std::move(client), std::move(options));
}

}  // namespace pwh::net
