// SPDX-License-Identifier: Apache-2.0
#include "strict_request.hpp"

#include <algorithm>
#include <vector>

namespace pwh::fuzz {

namespace {

bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '\t' || (byte >= 0x20 && byte != 0x7F);
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// A number in the given base, all digits, below 2^32.
std::optional<std::size_t> number(std::string_view text, unsigned base) {
    static constexpr std::string_view digits = "0123456789abcdef";
    if (text.empty()) return std::nullopt;
    std::size_t value = 0;
    for (const char c : lower(text)) {
        const auto digit = digits.substr(0, base).find(c);
        if (digit == std::string_view::npos || value >> 32U != 0) return std::nullopt;
        value = value * base + digit;
    }
    return value;
}

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    std::optional<StrictRequest> read() {
        // An empty line before a request is skipped, as RFC 9112 2.2 wants it.
        while (rest_.starts_with("\r\n")) rest_.remove_prefix(2);
        if (!start_line() || !fields(true) || !framing_is_clear()) return std::nullopt;
        const bool read = chunked_ > 0 ? chunks() : counted();
        if (!read || !rest_.empty()) return std::nullopt;
        return request_;
    }

  private:
    std::optional<std::string_view> line() {
        const auto end = rest_.find("\r\n");
        if (end == std::string_view::npos) return std::nullopt;
        const auto found = rest_.substr(0, end);
        rest_.remove_prefix(end + 2);
        if (!is_text(found)) return std::nullopt;
        return found;
    }

    bool start_line() {
        const auto text = line();
        if (!text) return false;
        const auto first = text->find(' ');
        const auto last = text->rfind(' ');
        if (first == std::string_view::npos || first == last) return false;
        request_.method = text->substr(0, first);
        request_.target = text->substr(first + 1, last - first - 1);
        version_ = text->substr(last + 1);
        return is_token(request_.method) && !request_.target.empty() &&
               request_.target.find_first_of(" \t") == std::string::npos &&
               (version_ == "HTTP/1.1" || version_ == "HTTP/1.0");
    }

    bool fields(bool head) {
        for (;;) {
            const auto text = line();
            if (!text) return false;
            if (text->empty()) return true;
            const auto colon = text->find(':');
            if (colon == std::string_view::npos || !is_token(text->substr(0, colon))) return false;
            if (!head) continue;
            ++request_.fields;
            if (!field(lower(text->substr(0, colon)), trim(text->substr(colon + 1)))) return false;
        }
    }

    bool field(std::string_view name, std::string_view value) {
        if (name == "host") ++hosts_;
        if (name == "content-length") {
            ++lengths_;
            const auto length = number(value, 10);
            if (!length) return false;
            length_ = *length;
        }
        if (name == "transfer-encoding") {
            ++chunked_;
            return lower(value) == "chunked";
        }
        return true;
    }

    bool framing_is_clear() const {
        const bool old = version_ == "HTTP/1.0";
        return hosts_ <= 1 && (old || hosts_ == 1) && lengths_ + chunked_ <= 1 &&
               !(old && chunked_ > 0);
    }

    bool counted() {
        if (rest_.size() < length_) return false;
        request_.body = rest_.substr(0, length_);
        rest_.remove_prefix(length_);
        return true;
    }

    bool chunks() {
        for (;;) {
            const auto text = line();
            if (!text) return false;
            auto size = text->substr(0, text->find(';'));
            if (size.size() < text->size()) size = trim(size);
            const auto length = number(size, 16);
            if (!length) return false;
            if (*length == 0) return fields(false);
            if (rest_.size() < *length + 2 || rest_.substr(*length, 2) != "\r\n") return false;
            request_.body += rest_.substr(0, *length);
            rest_.remove_prefix(*length + 2);
        }
    }

    std::string_view rest_;
    StrictRequest request_;
    std::string_view version_;
    unsigned hosts_ = 0;
    unsigned lengths_ = 0;
    unsigned chunked_ = 0;
    std::size_t length_ = 0;
};

}  // namespace

std::optional<StrictRequest> read_strictly(std::string_view bytes) {
    return Reader(bytes).read();
}

}  // namespace pwh::fuzz
