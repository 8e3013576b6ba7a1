// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "net/event_loop.hpp"
#include "net/http_server.hpp"
#include "receiver/judgement.hpp"
#include "receiver/keyring.hpp"
#include "receiver/lines.hpp"
#include "receiver/refusal_log.hpp"
#include "receiver/repeat_window.hpp"
#include "receiver/writer.hpp"

namespace pwh::receiver {

struct ReceiverOptions {
    Rules rules;
    LineFormat format = LineFormat::event;
    std::vector<std::string> triggers;  ///< API names to print; empty: all
    std::uint64_t max_events = 0;       ///< 0: no end
    bool deduplicate = true;
};

struct Summary {
    std::uint64_t messages = 0;  ///< made safe, and answered 200
    std::uint64_t events = 0;    ///< in them
    std::uint64_t repeated = 0;
    std::uint64_t filtered = 0;
    std::uint64_t checks = 0;
    std::uint64_t handshakes = 0;
};

/// Decides what becomes of each request: verifies, recognises repeats, hands what is accepted to
/// the writer and answers when it is safe. Lives on the loop's thread.
class Receiver final : public net::RequestHandler {
  public:
    enum class End {
        enough,  ///< max_events were made safe
        closed,  ///< the sink is gone
    };

    /// `on_end` is called once.
    Receiver(net::EventLoop& loop, Keyring& keyring, Sink& sink, ReceiverOptions options,
             const Diagnostics& diagnostics, WallClock clock, std::function<void(End)> on_end);
    ~Receiver() override;

    std::optional<net::Response> on_head(const net::RequestHead& head,
                                         const std::string& peer) override;
    void on_request(const net::RequestHead& head, std::string& body, net::Reply reply) override;
    void on_refused(net::Refusal refusal, const std::string& peer) override;

    /// Takes a message for one that was accepted already. Before the loop runs.
    void remember(const crypto::Digest& id) { window_.insert(id); }
    /// How many messages it remembers at least.
    static constexpr std::size_t remembered_messages = 32768;

    /// From now on new messages are answered 503.
    void close() { closing_ = true; }
    /// Messages that wait for the writer.
    std::size_t in_hand() const { return in_hand_.size(); }
    /// Ends the writer, and answers 503 to what is still in hand. False as Writer::stop().
    bool stop(std::chrono::milliseconds patience);

    const Summary& summary() const { return summary_; }
    const RefusalLog& refusals() const { return refusals_; }

  private:
    using Time = std::chrono::steady_clock::time_point;
    struct IdHash {
        std::size_t operator()(const crypto::Digest& id) const;
    };

    net::Response refuse(unsigned status, std::string_view reason, const std::string& peer,
                         std::string_view text);
    net::Response answer_unsigned(const Judgement& judgement, const std::string& peer);
    net::Response handshake(const Judgement& judgement, const std::string& peer);
    net::Response healthy() const;
    void decide(const net::RequestHead& head, std::string& body, const net::Reply& reply);
    void accept(std::string& body, const net::Reply& reply);
    bool fill(Delivery& delivery, std::string_view message_id, std::string& body);
    void take(std::shared_ptr<Delivery> delivery, const net::Reply& reply);
    std::shared_ptr<Delivery> blank_delivery();
    void recycle(std::shared_ptr<Delivery> delivery);
    bool is_repeat(const crypto::Digest& id, const net::Reply& reply);
    bool is_wanted(const std::string& trigger) const;
    bool is_in_hand(const std::shared_ptr<Delivery>& delivery) const;
    void answer_all(Delivery& delivery, const net::Response& response);
    void finish(const std::shared_ptr<Delivery>& delivery);
    std::string_view timestamp(WallTime now);
    void submit_fresh();
    void on_written();
    void on_tick();
    void give_up_waiting(Time now);
    void end(End how);

    net::EventLoop& loop_;
    const Diagnostics& diagnostics_;
    Keyring& keyring_;
    Sink& sink_;
    ReceiverOptions options_;
    WallClock clock_;
    std::function<void(End)> on_end_;
    LineWriter lines_;
    const net::RequestHead* judged_head_ = nullptr;  ///< the last one, of judged_
    Judgement judged_;
    RepeatWindow window_;
    RefusalLog refusals_;
    Summary summary_;
    std::unordered_map<crypto::Digest, std::shared_ptr<Delivery>, IdHash> in_hand_;
    std::deque<std::shared_ptr<Delivery>> by_age_;
    Batch spare_;                     ///< done with, to be used again
    Batch fresh_;                     ///< taken, and not yet with the writer
    std::uint64_t events_taken_ = 0;  ///< made safe or in hand
    std::size_t bytes_in_hand_ = 0;   ///< of bodies and lines
    std::uint64_t sequence_ = 0;      ///< tells messages apart where repeats are not recognised
    std::string timestamp_;
    std::int64_t timestamp_ms_ = -1;
    bool blocked_ = false;
    bool closing_ = false;
    bool ended_ = false;
    net::EventLoop::Timer ticker_;
    std::shared_ptr<bool> alive_;
    Writer writer_;
};

}  // namespace pwh::receiver
