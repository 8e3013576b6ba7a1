// SPDX-License-Identifier: Apache-2.0
#include "net/http_connection.hpp"

#include <sys/socket.h>

#include <new>
#include <utility>

namespace pwh::net {

namespace {

/// How much of what a client still sends is read and dropped so that it gets its answer.
constexpr std::size_t linger_bytes = 4U << 20U;
/// How many buffers one connection may fill before it is the others' turn.
constexpr unsigned most_reads = 16;

std::string_view reason(unsigned status) {
    switch (status) {
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Unknown";
    }
}

Response refusal_response(Refusal refusal) {
    Response response;
    response.close = true;
    switch (refusal) {
        case Refusal::framing:
            response.status = 400;
            break;
        case Refusal::version:
            response.status = 505;
            break;
        case Refusal::head_too_large:
            response.status = 431;
            break;
        case Refusal::body_too_large:
            response.status = 413;
            break;
        case Refusal::timeout:
            response.status = 408;
            break;
        case Refusal::no_room:
        case Refusal::connections:
            response.status = 503;
            response.headers = {{"Retry-After", "5"}};
            break;
    }
    return response;
}

Refusal refusal_for(Malformed malformed) {
    switch (malformed) {
        case Malformed::version:
            return Refusal::version;
        case Malformed::head_too_large:
            return Refusal::head_too_large;
        case Malformed::body_too_large:
            return Refusal::body_too_large;
        case Malformed::none:
        case Malformed::framing:
            break;
    }
    return Refusal::framing;
}

}  // namespace

Connection::Connection(ConnectionPool& pool, UniqueFd socket, std::unique_ptr<Transport> transport,
                       std::string peer)
    : pool_(pool),
      socket_(std::move(socket)),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      parser_(pool.limits.request),
      since_(std::chrono::steady_clock::now()) {}

Connection::~Connection() = default;

bool Connection::enter(ConnectionPool::List& list) {
    if (!pool_.poller.add(socket_.get(), *this)) return false;
    place_ = list.insert(list.end(), shared_from_this());
    in_pool_ = true;
    return true;
}

void Connection::start() {
    enter(pool_.idle);
}

void Connection::turn_away() {
    become(State::waiting);
    if (enter(pool_.busy)) refuse(Refusal::connections);
}

void Connection::on_ready(const Poller::Ready& ready) {
    const auto self = shared_from_this();
    ended_ = ended_ || ready.ended;
    readable_ = readable_ || ready.readable;
    if (ready.writable && std::exchange(read_waits_for_room_, false)) readable_ = true;
    // The answer to one that is turned away may wait for its part of a TLS handshake.
    if (write_waits_ && (ready.writable || ready.readable)) write_out();
    read_on();
}

bool Connection::wants_input() const {
    return state_ == State::idle || state_ == State::reading || state_ == State::lingering;
}

void Connection::read_on() {
    for (unsigned reads = 0; readable_ && wants_input(); ++reads) {
        if (reads == most_reads) return pool_.poller.again(socket_.get(), *this);
        const auto result = transport_->read(pool_.scratch.data(), pool_.scratch.size());
        switch (result.kind) {
            case Transport::Result::Kind::wait_readable:
                readable_ = false;
                return;
            case Transport::Result::Kind::wait_writable:
                readable_ = false;
                read_waits_for_room_ = true;
                return;
            case Transport::Result::Kind::closed:
                return close();
            case Transport::Result::Kind::done:
                break;
        }
        readable_ = ended_ || !result.drained;
        if (state_ != State::lingering) {
            consume({pool_.scratch.data(), result.size});
            // The rest of a request is worth a look, however oddly it was sent.
            if (state_ == State::reading) readable_ = true;
            continue;
        }
        lingered_ += result.size;
        if (lingered_ > linger_bytes) return close();
    }
}

void Connection::consume(std::string_view bytes) {
    try {
        if (pending_.empty()) {
            const auto used = process(bytes);
            if (used < bytes.size()) pending_.assign(bytes.substr(used));
        } else {
            pending_.append(bytes);
            pending_.erase(0, process(pending_));
        }
    } catch (const std::bad_alloc&) {
        run_out_of_memory();
    }
}

/// Only this request suffers: what it holds is freed before it is refused.
void Connection::run_out_of_memory() {
    processing_ = false;
    early_.reset();
    pending_ = {};
    parser_.release();
    if (state_ == State::closed) return;
    refuse(Refusal::no_room);
}

std::size_t Connection::process(std::string_view bytes) {
    processing_ = true;
    std::size_t used = 0;
    while ((state_ == State::idle && used < bytes.size()) || state_ == State::reading) {
        if (state_ == State::idle) begin_request();
        const auto progress = parser_.feed(bytes, used);
        if (!charge_body()) {
            refuse(Refusal::no_room);
        } else if (progress == RequestParser::Progress::need_more) {
            break;
        } else if (progress == RequestParser::Progress::head) {
            on_head();
        } else if (progress == RequestParser::Progress::complete) {
            on_complete();
        } else {
            refuse(refusal_for(parser_.malformed()));
        }
    }
    processing_ = false;
    // After a refusal the rest can't be told from a request: it is dropped.
    return state_ == State::lingering || state_ == State::closed ? bytes.size() : used;
}

void Connection::begin_request() {
    become(State::reading);
    since_ = std::chrono::steady_clock::now();
}

void Connection::on_head() {
    early_ = pool_.handler.on_head(parser_.head(), peer_);
    if (early_) parser_.discard_body();
    if (!parser_.expects_continue()) return;
    if (early_) {
        early_->close = true;
        return send(*early_);
    }
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    transport_->write(go_on.data(), go_on.size());  // one that does not get it sends all the same
}

void Connection::on_complete() {
    become(State::waiting);
    ++request_;
    if (early_) {
        const auto response = std::move(*early_);
        early_.reset();
        return send(response);
    }
    pool_.handler.on_request(parser_.head(), parser_.body(), Reply(shared_from_this(), request_));
}

bool Connection::charge_body() {
    const auto size = early_ ? 0 : parser_.body_size();
    if (size > charged_) {
        pool_.body_bytes += size - charged_;
        charged_ = size;
    }
    return charged_ == 0 || pool_.body_bytes <= pool_.limits.total_body_bytes;
}

void Connection::refuse(Refusal refusal) {
    pool_.handler.on_refused(refusal, peer_);
    send(refusal_response(refusal));
}

void Connection::answer(std::uint64_t request, const Response& response) {
    if (state_ == State::waiting && request == request_) send(response);
}

void Connection::send(const Response& response) {
    const bool head_known = parser_.head_complete();
    const bool keep =
        head_known && parser_.head().keep_alive() && !response.close && !pool_.draining;
    close_after_ = !keep;
    // By hand: a formatter takes longer than the rest of an answer.
    out_.assign("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    out_.append(reason(response.status)).append("\r\nDate: ").append(pool_.date).append("\r\n");
    const auto add_field = [this](std::string_view name, std::string_view value) {
        out_.append(name).append(": ").append(value).append("\r\n");
    };
    if (response.status != 204) {
        add_field("Content-Length",
                  response.body.empty() ? "0" : std::to_string(response.body.size()));
    }
    if (!response.content_type.empty()) add_field("Content-Type", response.content_type);
    for (const auto& [name, value] : response.headers) add_field(name, value);
    if (close_after_) {
        out_ += "Connection: close\r\n";
    } else if (parser_.head().version() == 10) {
        out_ += "Connection: keep-alive\r\n";
    }
    out_ += "\r\n";
    if (!head_known || parser_.head().method() != "HEAD") out_ += response.body;
    out_sent_ = 0;
    become(State::writing);
    write_out();
}

void Connection::write_out() {
    if (state_ != State::writing) return;
    while (out_sent_ < out_.size()) {
        const auto result = transport_->write(out_.data() + out_sent_, out_.size() - out_sent_);
        out_sent_ += result.size;
        if (result.kind == Transport::Result::Kind::closed) return close();
        if (result.kind != Transport::Result::Kind::done) {
            if (!std::exchange(write_waits_, true)) since_ = std::chrono::steady_clock::now();
            return;
        }
    }
    answered();
}

void Connection::answered() {
    write_waits_ = false;
    pool_.body_bytes -= charged_;
    charged_ = 0;
    out_.clear();
    if (close_after_) return linger();
    parser_.next();
    become(State::idle);
    since_ = std::chrono::steady_clock::now();
    // Within process() its loop goes on by itself.
    if (processing_) return;
    if (!pending_.empty()) consume({});
    read_on();
}

void Connection::linger() {
    transport_->end_sending();
    become(State::lingering);
    since_ = std::chrono::steady_clock::now();
    pending_.clear();
    if (!processing_) read_on();
}

void Connection::check_deadline(Time now) {
    const auto& limits = pool_.limits;
    const auto passed = now - since_;
    switch (state_) {
        case State::idle:
            if (passed > limits.idle_time || pool_.draining) return close();
            if (!transport_->established() && passed > limits.head_time) return close();
            if (pending_.empty()) parser_.release();
            break;
        case State::reading:
            if (passed > limits.request_time ||
                (passed > limits.head_time && !parser_.head_complete())) {
                refuse(Refusal::timeout);
            }
            break;
        case State::writing:
            if (passed > limits.write_time) close();
            break;
        case State::lingering:
            if (passed > limits.linger_time) close();
            break;
        case State::waiting:
        case State::closed:
            break;
    }
}

bool Connection::has_input() {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Connection::become(State state) {
    const bool was_idle = state_ == State::idle;
    const bool is_idle = state == State::idle;
    state_ = state;
    if (!in_pool_ || was_idle == is_idle) return;
    auto& from = is_idle ? pool_.busy : pool_.idle;
    auto& to = is_idle ? pool_.idle : pool_.busy;
    to.splice(to.end(), from, place_);
}

void Connection::close() {
    if (state_ == State::closed) return;
    const auto self = shared_from_this();
    leave_pool();
    state_ = State::closed;
    pool_.body_bytes -= charged_;
    charged_ = 0;
    pool_.poller.remove(socket_.get(), *this);
    socket_.reset();
}

void Connection::leave_pool() {
    if (!in_pool_) return;
    in_pool_ = false;
    (state_ == State::idle ? pool_.idle : pool_.busy).erase(place_);
}

}  // namespace pwh::net
