// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <functional>
#include <memory>
#include <optional>

namespace pwh::net {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

namespace {

std::string_view standard(string_view text) {
    return {text.data(), text.size()};
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool digits_only(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7F';
    });
}

/// Beast joins folded lines in a buffer of its own, or skips an empty first line: either way the
/// value does not stand on the line of its name.
bool folded(std::string_view input, std::string_view name, std::string_view value) {
    const std::less<> before;
    const char* const end = input.data() + input.size();
    if (before(value.data(), input.data()) || before(end, value.data())) return true;
    return std::find(name.data() + name.size(), value.data(), '\n') != value.data();
}

/// Where lines wait for more, one that ends without CR would wait for ever.
bool has_bare_line_feed(std::string_view lines) {
    for (auto at = lines.find('\n'); at != std::string_view::npos; at = lines.find('\n', at + 1)) {
        if (at == 0 || lines[at - 1] != '\r') return true;
    }
    return false;
}

/// True when a request line has another version than those that Beast takes.
bool names_other_version(std::string_view line) {
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return false;
    const auto version = line.substr(second + 1, 8);
    return version.size() == 8 && version.starts_with("HTTP/") &&
           digits_only(version.substr(5, 1)) && version[6] == '.' &&
           digits_only(version.substr(7, 1)) && version != "HTTP/1.0" && version != "HTTP/1.1";
}

Malformed classify(const error_code& error) {
    if (error == http::error::bad_version) return Malformed::version;
    if (error == http::error::header_limit) return Malformed::head_too_large;
    if (error == http::error::body_limit) return Malformed::body_too_large;
    return Malformed::framing;
}

}  // namespace

bool RequestHead::same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

RequestHead::Piece RequestHead::keep(std::string_view text) {
    const Piece piece{static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(text.size())};
    text_.append(text);
    return piece;
}

void RequestHead::clear() {
    text_.clear();
    fields_.clear();
    method_ = {};
    target_ = {};
}

std::string_view RequestHead::path() const {
    auto rest = target();
    if (!rest.empty() && rest.front() != '/') {
        const auto authority = rest.find("://");
        if (authority == std::string_view::npos) return rest.substr(0, rest.find('?'));
        const auto slash = rest.find_first_of("/?", authority + 3);
        if (slash == std::string_view::npos || rest[slash] == '?') return "/";
        rest.remove_prefix(slash);
    }
    return rest.substr(0, rest.find('?'));
}

std::string_view RequestHead::query() const {
    const auto mark = target().find('?');
    return mark == std::string_view::npos ? std::string_view{} : target().substr(mark + 1);
}

std::string_view RequestHead::field(std::string_view name) const {
    for (const auto& entry : fields_) {
        if (same_name(view(entry.name), name)) return view(entry.value);
    }
    return {};
}

class RequestParser::Beast final : public http::basic_parser<true> {
  public:
    explicit Beast(RequestParser& owner) noexcept : owner_(owner) {
        header_limit(static_cast<std::uint32_t>(owner.limits_.head_bytes));
        body_limit(owner.limits_.body_bytes);
    }

    std::size_t put_bytes(std::string_view bytes, error_code& error) {
        input_ = bytes;
        return put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    }

  private:
    void on_request_impl(http::verb, string_view method, string_view target, int version,
                         error_code&) override {
        auto& head = owner_.head_;
        head.method_ = head.keep(standard(method));
        head.target_ = head.keep(standard(target));
        head.version_ = static_cast<unsigned>(version);
    }

    void on_response_impl(int, string_view, int, error_code&) override {}

    void on_field_impl(http::field, string_view name, string_view value,
                       error_code& error) override {
        if (folded(input_, standard(name), standard(value))) {
            error = http::error::bad_value;
            return;
        }
        if (owner_.head_complete_) return;  // a trailer says nothing that counts
        if (!owner_.take_field(standard(name), standard(value))) error = http::error::bad_value;
    }

    void on_header_impl(error_code& error) override {
        owner_.head_.keep_alive_ = keep_alive();
        if (!owner_.framing_is_clear()) {
            error = http::error::bad_field;
            return;
        }
        owner_.head_complete_ = true;
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

    std::size_t on_body_impl(string_view bytes, error_code&) override { return take_body(bytes); }

    /// Beast takes any byte within the quotes of an extension, and white space before it.
    void on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& error) override {
        const auto text = standard(extensions);
        if (has_control_characters(text) || !(text.empty() || text.front() == ';')) {
            error = http::error::bad_chunk_extension;
        }
    }

    std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
        return take_body(bytes);
    }

    void on_finish_impl(error_code&) override {}

    std::size_t take_body(string_view bytes) {
        owner_.body_size_ += bytes.size();
        if (!owner_.discard_) owner_.body_.append(bytes.data(), bytes.size());
        return bytes.size();
    }

    RequestParser& owner_;
    std::string_view input_;
};

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;

bool RequestParser::take_field(std::string_view name, std::string_view value) {
    head_.fields_.push_back({head_.keep(name), head_.keep(value)});
    if (RequestHead::same_name(name, "Host")) ++framing_.host;
    if (RequestHead::same_name(name, "Content-Length")) {
        ++framing_.content_length;
        return digits_only(value);
    }
    if (RequestHead::same_name(name, "Transfer-Encoding")) {
        ++framing_.transfer_encoding;
        return RequestHead::same_name(value, "chunked");
    }
    return true;
}

bool RequestParser::framing_is_clear() const {
    if (framing_.host > 1 || (framing_.host == 0 && head_.version() == 11)) return false;
    if (framing_.transfer_encoding > 0 && head_.version() == 10) return false;
    return framing_.content_length + framing_.transfer_encoding <= 1;
}

/// Beast asserts that a last chunk whose first line it has seen comes back with at least five
/// bytes.
bool RequestParser::only_begins_last_chunk(std::string_view bytes) const {
    constexpr std::size_t shortest_last_chunk = 5;
    return head_complete_ && framing_.transfer_encoding > 0 && bytes.size() < shortest_last_chunk &&
           bytes.starts_with('0');
}

RequestParser::Progress RequestParser::feed(std::string_view bytes, std::size_t& used) {
    if (!beast_) beast_ = std::make_unique<Beast>(*this);
    for (;;) {
        if (beast_->is_done() || (head_complete_ && !head_told_)) {
            if (!head_told_) {
                head_told_ = true;
                return Progress::head;
            }
            return Progress::complete;
        }
        // Beast sees no more at once than a head, or a chunk's line or the trailers, may have: so
        // it does not matter to a limit how the bytes arrive.
        const auto room = limits_.head_bytes - (head_complete_ ? 0 : head_size_);
        const auto window = bytes.substr(used, room);
        if (only_begins_last_chunk(window) && !has_bare_line_feed(window))
            return Progress::need_more;
        error_code error;
        const auto taken = beast_->put_bytes(window, error);
        if (!head_complete_) head_size_ += taken;
        used += taken;
        const auto left = window.substr(taken);
        const bool told = !head_complete_ || head_told_;
        if (error == http::error::need_more ||
            (!error && left.empty() && !beast_->is_done() && told)) {
            const bool full = window.size() == room;
            error = {};
            if (has_bare_line_feed(left)) {
                error = http::error::bad_line_ending;
            } else if (full && !head_complete_) {
                error = http::error::header_limit;
            } else if (full && taken == 0) {
                error = http::error::bad_chunk;
            } else if (!full || used == bytes.size()) {
                return Progress::need_more;
            }
        }
        if (!error) continue;
        malformed_ = classify(error);
        if (malformed_ == Malformed::version && !names_other_version(left))
            malformed_ = Malformed::framing;
        return Progress::malformed;
    }
}

void RequestParser::next() {
    if (beast_) {
        // Begins anew where it is: Beast's parser can't be reset, and this spares a request
        // malloc().
        std::destroy_at(beast_.get());
        std::construct_at(beast_.get(), *this);
    }
    head_.clear();
    body_.clear();
    head_size_ = 0;
    body_size_ = 0;
    framing_ = {};
    malformed_ = Malformed::none;
    head_complete_ = false;
    head_told_ = false;
    discard_ = false;
}

void RequestParser::release() {
    if (!started()) beast_.reset();
    head_ = {};
    body_ = {};
}

bool RequestParser::started() const {
    return beast_ && beast_->got_some();
}

bool RequestParser::expects_continue() const {
    return head_.version() == 11 && RequestHead::same_name(head_.field("Expect"), "100-continue");
}

}  // namespace pwh::net
