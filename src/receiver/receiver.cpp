// SPDX-License-Identifier: Apache-2.0
#include "receiver/receiver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "preservica/probe.hpp"
#include "receiver/store_sink.hpp"
#include "text/hex.hpp"
#include "text/time.hpp"

namespace pwh::receiver {

namespace {

constexpr std::size_t max_bytes_in_hand = 64U << 20U;
constexpr std::chrono::seconds longest_wait{10};
constexpr std::chrono::milliseconds tick{250};
constexpr std::size_t most_spare = 256;

net::Response plain(unsigned status) {
    net::Response response;
    response.status = status;
    return response;
}

net::Response busy() {
    auto response = plain(503);
    response.headers = {{"Retry-After", "10"}};
    return response;
}

}  // namespace

std::size_t Receiver::IdHash::operator()(const crypto::Digest& id) const {
    std::size_t hash = 0;
    std::memcpy(&hash, id.data(), sizeof hash);
    return hash;
}

Receiver::Receiver(net::EventLoop& loop, Keyring& keyring, Sink& sink, ReceiverOptions options,
                   const Diagnostics& diagnostics, WallClock clock, std::function<void(End)> on_end)
    : loop_(loop),
      diagnostics_(diagnostics),
      keyring_(keyring),
      sink_(sink),
      options_(std::move(options)),
      clock_(std::move(clock)),
      on_end_(std::move(on_end)),
      lines_(options_.format),
      window_(remembered_messages),
      refusals_(diagnostics),
      ticker_(loop.every(tick, [this] { on_tick(); })),
      alive_(std::make_shared<bool>(true)),
      writer_(sink, [this, &loop, alive = std::weak_ptr<bool>(alive_)] {
          loop.post([this, alive] {
              if (alive.lock()) on_written();
          });
      }) {
    spare_.reserve(most_spare);
}

Receiver::~Receiver() = default;

net::Response Receiver::refuse(unsigned status, std::string_view reason, const std::string& peer,
                               std::string_view text) {
    refusals_.refused(reason, fmt::format("refused a request from {}: {} ({})", peer, text, status),
                      std::chrono::steady_clock::now());
    auto response = status == 503 ? busy() : plain(status);
    if (status == 405) response.headers = {{"Allow", "POST"}};
    return response;
}

void Receiver::on_refused(net::Refusal refusal, const std::string& peer) {
    refusals_.refused(refusal, peer, std::chrono::steady_clock::now());
}

std::optional<net::Response> Receiver::on_head(const net::RequestHead& head,
                                               const std::string& peer) {
    judged_head_ = &head;
    judged_ = judge(head, options_.rules);
    const auto& judgement = judged_;
    switch (judgement.kind) {
        case Judgement::Kind::event:
            return std::nullopt;
        case Judgement::Kind::health:
            return healthy();
        case Judgement::Kind::wrong_path:
            return refuse(404, "path", peer, "nothing is at its path");
        case Judgement::Kind::wrong_method: {
            auto response = refuse(405, "method", peer, "its method is not POST");
            if (head.path() == health_path) response.headers = {{"Allow", "GET, HEAD"}};
            return response;
        }
        case Judgement::Kind::handshake:
        case Judgement::Kind::bad_challenge:
        case Judgement::Kind::unsigned_:
            break;
    }
    return answer_unsigned(judgement, peer);
}

/// The answer where no signature counts: absent, malformed or wrong.
net::Response Receiver::answer_unsigned(const Judgement& judgement, const std::string& peer) {
    switch (judgement.challenge.kind) {
        case Challenge::Kind::signable:
            return handshake(judgement, peer);
        case Challenge::Kind::refused:
            return refuse(400, "challenge", peer,
                          fmt::format("its challenge code is not signed, because {}",
                                      judgement.challenge.why));
        case Challenge::Kind::none:
            break;
    }
    return refuse(401, "signature", peer,
                  judgement.why.empty() ? "its signature does not match" : judgement.why);
}

net::Response Receiver::handshake(const Judgement& judgement, const std::string& peer) {
    const auto& code = judgement.challenge.code;
    const auto answer = keyring_.answer(code);
    if (!answer)
        return refuse(503, "no-secret", peer, "there is no secret yet to answer a handshake with");
    ++summary_.handshakes;
    diagnostics_.detail(fmt::format("answered a handshake from {}", peer));
    auto response = plain(200);
    response.content_type = "application/json";
    response.body = preservica::challenge_answer(code, *answer);
    return response;
}

net::Response Receiver::healthy() const {
    const bool accepts =
        !closing_ && !blocked_ && !keyring_.empty() && !sink_.gone() && sink_.accepting();
    auto response = accepts ? plain(200) : busy();
    response.content_type = "text/plain";
    response.body = accepts ? "ok\n" : "not accepting events\n";
    return response;
}

void Receiver::on_request(const net::RequestHead& head, std::string& body, net::Reply reply) {
    try {
        decide(head, body, reply);
    } catch (const std::bad_alloc&) {
        reply(refuse(503, "overload", reply.peer(), "there is no memory for it"));
    }
}

void Receiver::decide(const net::RequestHead& head, std::string& body, const net::Reply& reply) {
    // Most bodies come with their head, so that no other head was judged in between.
    const bool judged = std::exchange(judged_head_, nullptr) == &head;
    const auto judgement = judged ? std::move(judged_) : judge(head, options_.rules);
    if (keyring_.verify(body, judgement.signature)) return accept(body, reply);
    if (keyring_.empty() && judgement.challenge.kind == Challenge::Kind::none) {
        return reply(
            refuse(503, "no-secret", reply.peer(), "there is no secret yet to verify it with"));
    }
    reply(answer_unsigned(judgement, reply.peer()));
}

void Receiver::accept(std::string& body, const net::Reply& reply) {
    static const auto done = plain(200);
    const auto digest = crypto::sha256(body);
    std::array<char, std::tuple_size_v<crypto::Digest> * 2> hex{};
    text::put_hex(digest, hex.data());
    const std::string_view message_id(hex.data(), hex.size());
    auto id = digest;
    if (options_.deduplicate) {
        if (is_repeat(id, reply)) return;
    } else {
        ++sequence_;
        std::memcpy(id.data(), &sequence_, sizeof sequence_);
    }
    if (!lines_.read(body)) {
        return reply(
            refuse(400, "not-json", reply.peer(),
                   fmt::format("its signature is right, but its body (SHA-256 {}) is not JSON",
                               message_id)));
    }
    if (lines_.trigger() == preservica::check_trigger) {
        ++summary_.checks;
        return reply(done);
    }
    if (!is_wanted(lines_.trigger())) {
        ++summary_.filtered;
        return reply(done);
    }
    const bool enough = options_.max_events > 0 && events_taken_ >= options_.max_events;
    if (closing_ || ended_ || enough) return reply(busy());
    if (blocked_ || bytes_in_hand_ > max_bytes_in_hand) {
        return reply(
            refuse(503, "overload", reply.peer(), "what was accepted is not taken off our hands"));
    }
    auto delivery = blank_delivery();
    delivery->id = id;
    delivery->message_id = digest;
    delivery->received = clock_();
    if (!fill(*delivery, message_id, body)) {
        return reply(refuse(413, "too-large", reply.peer(),
                            "its events would make lines of more than 64 MiB"));
    }
    take(std::move(delivery), reply);
}

/// Gives it what the sink needs of the message that was read. False when its lines would be too
/// long.
bool Receiver::fill(Delivery& delivery, std::string_view message_id, std::string& body) {
    delivery.events = lines_.events();
    if (sink_.needs_lines()) {
        Lines lines{std::move(delivery.lines), 0};
        if (!lines_.write(timestamp(delivery.received), message_id, lines)) return false;
        delivery.lines = std::move(lines.text);
        return true;
    }
    if (!lines_.fits()) return false;
    delivery.trigger = lines_.trigger();
    delivery.subscription = lines_.subscription();
    delivery.reference_keys.clear();
    append_reference_keys(lines_, delivery.reference_keys);
    delivery.body.swap(body);
    return true;
}

std::shared_ptr<Delivery> Receiver::blank_delivery() {
    if (spare_.empty()) return std::make_shared<Delivery>();
    auto delivery = std::move(spare_.back());
    spare_.pop_back();
    delivery->state = Delivery::State::waiting;
    return delivery;
}

/// What is done with keeps its buffers for the next, unless they are large.
void Receiver::recycle(std::shared_ptr<Delivery> delivery) {
    constexpr std::size_t worth_keeping = 4096;
    const auto size = delivery->lines.capacity() + delivery->body.capacity();
    if (delivery.use_count() == 1 && size <= worth_keeping && spare_.size() < most_spare)
        spare_.push_back(std::move(delivery));
}

void Receiver::take(std::shared_ptr<Delivery> delivery, const net::Reply& reply) {
    delivery->bytes = delivery->body.size() + delivery->lines.size();
    delivery->since = std::chrono::steady_clock::now();
    delivery->replies.push_back(reply);
    events_taken_ += delivery->events;
    bytes_in_hand_ += delivery->bytes;
    in_hand_.emplace(delivery->id, delivery);
    by_age_.push_back(delivery);
    fresh_.push_back(std::move(delivery));
    if (fresh_.size() > 1) return;
    loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.lock()) submit_fresh();
    });
}

/// Runs after the requests that are ready now: one write for all of them is what makes batches.
void Receiver::submit_fresh() {
    bool done = false;
    try {
        done = writer_.submit(fresh_);
    } catch (const std::bad_alloc&) {
        return;  // the next tick tries again
    }
    fresh_.clear();
    if (done) on_written();
}

bool Receiver::is_repeat(const crypto::Digest& id, const net::Reply& reply) {
    if (window_.contains(id)) {
        ++summary_.repeated;
        reply(plain(200));
        return true;
    }
    const auto found = in_hand_.find(id);
    if (found == in_hand_.end()) return false;
    ++summary_.repeated;
    found->second->replies.push_back(reply);
    return true;
}

bool Receiver::is_wanted(const std::string& trigger) const {
    const auto& wanted = options_.triggers;
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), trigger) != wanted.end();
}

std::string_view Receiver::timestamp(WallTime now) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    if (ms != timestamp_ms_) {
        timestamp_ms_ = ms;
        timestamp_ = text::rfc3339(now);
    }
    return timestamp_;
}

/// All who wait for a message get the same answer. A client that sends ahead may ask for the same
/// once more meanwhile.
void Receiver::answer_all(Delivery& delivery, const net::Response& response) {
    std::vector<net::Reply> replies;
    replies.swap(delivery.replies);
    if (response.status != 200) refusals_.count("unwritten", replies.size());
    for (const auto& reply : replies) reply(response);
    replies.clear();
    if (delivery.replies.empty()) replies.swap(delivery.replies);  // its memory is used again
}

void Receiver::finish(const std::shared_ptr<Delivery>& delivery) {
    static const auto done = plain(200);
    const bool safe = delivery->state == Delivery::State::safe;
    bytes_in_hand_ -= delivery->bytes;
    in_hand_.erase(delivery->id);
    if (safe) {
        ++summary_.messages;
        summary_.events += delivery->events;
        if (options_.deduplicate) window_.insert(delivery->id);
    } else {
        events_taken_ -= delivery->events;
    }
    // Last: what is answered may be asked for again at once, and is not in hand any more.
    answer_all(*delivery, safe ? done : busy());
}

void Receiver::on_written() {
    auto collected = writer_.collect();
    for (const auto& delivery : collected.finished) finish(delivery);
    while (!by_age_.empty() && !is_in_hand(by_age_.front())) by_age_.pop_front();
    for (auto& delivery : collected.finished) recycle(std::move(delivery));
    blocked_ = false;
    if (collected.closed) return end(End::closed);
    if (options_.max_events > 0 && summary_.events >= options_.max_events) end(End::enough);
}

bool Receiver::is_in_hand(const std::shared_ptr<Delivery>& delivery) const {
    const auto found = in_hand_.find(delivery->id);
    return found != in_hand_.end() && found->second == delivery;
}

void Receiver::give_up_waiting(Time now) {
    bool abandoned = false;
    for (const auto& delivery : by_age_) {
        if (now - delivery->since < longest_wait) break;
        if (!std::exchange(blocked_, true) && !delivery->replies.empty()) {
            diagnostics_.warning(
                "what was accepted could not be written for 10 seconds: events are "
                "answered 503 until it can",
                "see whether the reader of stdout, or a disk, holds it up");
        }
        if (writer_.abandon(*delivery)) {
            bytes_in_hand_ -= delivery->bytes;
            events_taken_ -= delivery->events;
            in_hand_.erase(delivery->id);
            abandoned = true;
        }
        answer_all(*delivery, busy());
    }
    if (abandoned)
        std::erase_if(by_age_, [this](const auto& delivery) { return !is_in_hand(delivery); });
}

void Receiver::on_tick() {
    const auto now = std::chrono::steady_clock::now();
    keyring_.refresh();
    if (!fresh_.empty()) submit_fresh();
    give_up_waiting(now);
    refusals_.tick(now);
    sink_.note_refusals(refusals_.counts());
    if (sink_.gone()) end(End::closed);
}

void Receiver::end(End how) {
    if (std::exchange(ended_, true)) return;
    on_end_(how);
}

bool Receiver::stop(std::chrono::milliseconds patience) {
    closing_ = true;
    submit_fresh();
    sink_.note_refusals(refusals_.counts());
    const bool stopped = writer_.stop(patience);
    for (const auto& delivery : writer_.collect().finished) finish(delivery);
    for (const auto& [id, delivery] : in_hand_) {
        answer_all(*delivery, busy());
    }
    in_hand_.clear();
    by_age_.clear();
    return stopped;
}

}  // namespace pwh::receiver
