// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pwh::net {

/// A request's line and header fields. Names keep the case they came in; lookups ignore it.
class RequestHead {
  public:
    std::string_view method() const { return view(method_); }
    std::string_view target() const { return view(target_); }
    unsigned version() const { return version_; }  ///< 10 or 11
    bool keep_alive() const { return keep_alive_; }

    /// The target's path, without its query; also of a target in absolute form.
    std::string_view path() const;
    /// What follows the first `?`, without it.
    std::string_view query() const;

    /// The first field of that name; empty when there is none.
    std::string_view field(std::string_view name) const;
    /// Calls `use(value)` for every field of that name, in order.
    template <typename Use>
    void each_field(std::string_view name, Use&& use) const {
        for (const auto& entry : fields_) {
            if (same_name(view(entry.name), name)) use(view(entry.value));
        }
    }
    std::size_t field_count() const { return fields_.size(); }

  private:
    friend class RequestParser;
    struct Piece {
        std::uint32_t offset = 0;
        std::uint32_t size = 0;
    };
    struct Field {
        Piece name;
        Piece value;
    };
    static bool same_name(std::string_view a, std::string_view b);
    std::string_view view(Piece piece) const {
        return std::string_view(text_).substr(piece.offset, piece.size);
    }
    Piece keep(std::string_view text);
    void clear();

    std::string text_;
    Piece method_;
    Piece target_;
    std::vector<Field> fields_;
    unsigned version_ = 11;
    bool keep_alive_ = false;
};

/// Why a request was refused before anyone looked at its meaning.
enum class Malformed {
    none,
    framing,         ///< could be read in two ways, or is no HTTP: 400
    version,         ///< 505
    head_too_large,  ///< 431
    body_too_large,  ///< 413
};

/// Reads requests one after the other: bytes in, decisions out; it needs no socket. Built on
/// Beast's strict parser, and stricter: exactly one Host in HTTP/1.1, one Content-Length of digits,
/// no coding but one `chunked`, no folded lines; trailers are read and dropped.
class RequestParser {
  public:
    struct Limits {
        std::size_t head_bytes = 16U << 10U;
        std::size_t body_bytes = 1U << 20U;
    };
    enum class Progress {
        need_more,  ///< everything was taken that can be; keep the rest and add to it
        head,       ///< the head is complete (told once, also for a request without a body)
        complete,   ///< the whole request is in
        malformed,  ///< see malformed(); nothing more can be read from this connection
    };

    explicit RequestParser(const Limits& limits);
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;
    ~RequestParser();

    /// Reads on in `bytes`, which has to start with what an earlier call left, and adds to `used`
    /// what was taken.
    Progress feed(std::string_view bytes, std::size_t& used);
    /// Makes ready for the next request. Keeps its buffers.
    void next();
    /// Gives its buffers back while a connection is idle.
    void release();

    /// True once a byte of the request was taken.
    bool started() const;
    bool head_complete() const { return head_complete_; }
    Malformed malformed() const { return malformed_; }
    /// From the head on: drop the body's bytes instead of keeping them (they still count).
    void discard_body() { discard_ = true; }

    const RequestHead& head() const { return head_; }
    std::string& body() { return body_; }
    /// The body's length so far, kept or dropped.
    std::size_t body_size() const { return body_size_; }
    bool expects_continue() const;

  private:
    class Beast;
    struct FramingFields {
        unsigned host = 0;
        unsigned content_length = 0;
        unsigned transfer_encoding = 0;
    };
    bool take_field(std::string_view name, std::string_view value);
    bool framing_is_clear() const;
    bool only_begins_last_chunk(std::string_view bytes) const;

    Limits limits_;
    RequestHead head_;
    std::string body_;
    std::size_t head_size_ = 0;
    std::size_t body_size_ = 0;
    FramingFields framing_;
    Malformed malformed_ = Malformed::none;
    bool head_complete_ = false;
    bool head_told_ = false;
    bool discard_ = false;
    std::unique_ptr<Beast> beast_;
};

}  // namespace pwh::net
