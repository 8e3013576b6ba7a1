// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/file.hpp"
#include "net/curl_library.hpp"
#include "net/transport_failure.hpp"
#include "net/url.hpp"

namespace pwh::net {

namespace {

struct FreeEasy {
    void operator()(CURL* easy) const { curl_library().easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_library().slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [lower](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Gathers one exchange's answer. Nothing may be thrown through libcurl.
class Exchange {
  public:
    Exchange(const ClientRequest& request, const ClientOptions& options)
        : request_(request), options_(options) {}

    ClientResponse response;
    bool sent = false;
    bool too_large = false;
    bool cancelled = false;

    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<Exchange*>(self)->take(data, size * count, &Exchange::add_header);
    }

    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<Exchange*>(self)->take(data, size * count, &Exchange::add_body);
    }

    static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) {
        auto& exchange = *static_cast<Exchange*>(self);
        const auto rest = std::string_view(exchange.request_.body).substr(exchange.uploaded_);
        const auto length = std::min(rest.size(), size * count);
        std::memcpy(buffer, rest.data(), length);
        exchange.uploaded_ += length;
        return length;
    }

    static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        auto& exchange = *static_cast<Exchange*>(self);
        exchange.cancelled = exchange.options_.cancelled();
        return exchange.cancelled ? 1 : 0;
    }

    /// Called when a connection is there and the request is about to go out. libcurl repeats a
    /// request by itself when a kept connection turns out to be closed; what is no GET may have
    /// been acted on by then, and whoever repeats it has to know.
    static int on_ready(void* self, char*, char*, int, int) {
        auto& exchange = *static_cast<Exchange*>(self);
        if (exchange.sent && exchange.request_.method != "GET") return CURL_PREREQFUNC_ABORT;
        exchange.sent = true;
        exchange.uploaded_ = 0;
        return CURL_PREREQFUNC_OK;
    }

  private:
    std::size_t take(const char* data, std::size_t length,
                     void (Exchange::*add)(std::string_view)) noexcept {
        if (length > options_.max_response_bytes - received_) {
            too_large = true;
            return 0;
        }
        received_ += length;
        try {
            (this->*add)({data, length});
        } catch (const std::bad_alloc&) {
            return 0;
        }
        return length;
    }

    void add_header(std::string_view line) {
        if (line.starts_with("HTTP/")) {  // a new head: what came before was an interim answer
            response.headers.clear();
            return;
        }
        const auto colon = line.find(':');
        // What follows the body is a trailer, and not to be taken for a header.
        if (colon == std::string_view::npos || !response.body.empty()) return;
        response.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }

    void add_body(std::string_view piece) { response.body.append(piece); }

    const ClientRequest& request_;
    const ClientOptions& options_;
    std::size_t received_ = 0;
    std::size_t uploaded_ = 0;
};

void append(HeaderList& list, const std::string& line) {
    auto* longer = curl_library().slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    // The list's first element stays where it is; only the first append makes it.
    if (!list) list.reset(longer);
}

bool breaks_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

HeaderList header_list(const ClientRequest& request) {
    HeaderList list;
    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
        if (breaks_line(name) || breaks_line(value)) {
            throw Error(ExitCode::failure, "a header of the request holds a line break");
        }
        has_type = has_type || same_name(name, "Content-Type");
        append(list, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    }
    if (!has_type) append(list, "Content-Type:");
    append(list, "Expect:");
    if (request.chunked) append(list, "Transfer-Encoding: chunked");
    return list;
}

long to_milliseconds(std::chrono::milliseconds time) {
    constexpr auto most = std::chrono::milliseconds(std::numeric_limits<std::int32_t>::max());
    // To libcurl, 0 is no limit at all.
    return static_cast<long>(std::clamp(time, std::chrono::milliseconds(1), most).count());
}

class CurlClient : public HttpClient {
  public:
    explicit CurlClient(ClientOptions options) : options_(std::move(options)) {
        static const CURLcode ready = curl_.global_init(CURL_GLOBAL_DEFAULT);
        easy_.reset(ready == CURLE_OK ? curl_.easy_init() : nullptr);
        if (!easy_) throw Error(ExitCode::failure, "libcurl cannot be started");
    }

    ClientResponse perform(const ClientRequest& request) override {
        const auto url = parse_url(request.url);
        if (!url || (url->scheme != "http" && url->scheme != "https")) {
            throw TransportError(TransportError::Kind::broken, false,
                                 "the address to ask is no http or https URL",
                                 "check --server, or the URL");
        }
        if (options_.on_request) options_.on_request(request);
        Exchange exchange(request, options_);
        const auto headers = header_list(request);
        curl_.easy_reset(easy_.get());
        set_connection(*url);
        set_request(request, exchange, headers);
        const auto code = curl_.easy_perform(easy_.get());
        if (code != CURLE_OK) throw explain_transport(code, facts(*url, exchange));
        curl_.easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &exchange.response.status);
        if (options_.on_response) options_.on_response(exchange.response);
        return std::move(exchange.response);
    }

  private:
    template <typename Value>
    void set(CURLoption option, Value value) {
        const auto code = curl_.easy_setopt(easy_.get(), option, value);
        if (code != CURLE_OK) {
            throw Error(ExitCode::failure, fmt::format("libcurl cannot do what pwh needs: {}",
                                                       curl_.easy_strerror(code)));
        }
    }

    void set_connection(const Url& url) {
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_QUICK_EXIT, 1L);  // a name that resolves slowly must not outlast the timeout
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_CONNECTTIMEOUT_MS, to_milliseconds(options_.connect_timeout));
        set(CURLOPT_TIMEOUT_MS, to_milliseconds(options_.request_timeout));
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        set(CURLOPT_SSL_VERIFYPEER, 1L);
        set(CURLOPT_SSL_VERIFYHOST, 2L);
        if (!options_.ca_file.empty()) {
            set(CURLOPT_CAINFO, options_.ca_file.c_str());
            set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        }
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (is_loopback(url.host)) set(CURLOPT_PROXY, "");
    }

    void set_request(const ClientRequest& request, Exchange& exchange, const HeaderList& headers) {
        set(CURLOPT_URL, request.url.c_str());
        set(CURLOPT_PATH_AS_IS, 1L);
        set(CURLOPT_USERAGENT, "pwh/" PWH_VERSION);
        set(CURLOPT_HTTPHEADER, headers.get());
        set_method(request, exchange);
        if (options_.cancelled) {
            set(CURLOPT_NOPROGRESS, 0L);
            set(CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
            set(CURLOPT_XFERINFODATA, &exchange);
        }
        set(CURLOPT_PREREQFUNCTION, &Exchange::on_ready);
        set(CURLOPT_PREREQDATA, &exchange);
        set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
        set(CURLOPT_HEADERDATA, &exchange);
        set(CURLOPT_WRITEFUNCTION, &Exchange::on_body);
        set(CURLOPT_WRITEDATA, &exchange);
    }

    void set_method(const ClientRequest& request, Exchange& exchange) {
        if (request.method == "HEAD") {
            set(CURLOPT_NOBODY, 1L);
        } else if (request.method == "POST" || !request.body.empty()) {
            set_body(request, exchange);
        } else {
            set(CURLOPT_HTTPGET, 1L);
        }
        if (request.method != "HEAD") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }

    void set_body(const ClientRequest& request, Exchange& exchange) {
        set(CURLOPT_POST, 1L);
        if (request.chunked) {
            // Each read makes one chunk, as long as this buffer has room for it.
            constexpr long largest_buffer = 2L * 1024 * 1024;
            set(CURLOPT_UPLOAD_BUFFERSIZE, largest_buffer);
            set(CURLOPT_READFUNCTION, &Exchange::on_read);
            set(CURLOPT_READDATA, &exchange);
        } else {
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
            set(CURLOPT_POSTFIELDS, request.body.c_str());
        }
    }

    FailedExchange facts(const Url& url, const Exchange& exchange) const {
        FailedExchange failed;
        failed.url = url;
        failed.sent = exchange.sent;
        failed.too_large = exchange.too_large;
        failed.cancelled = exchange.cancelled;
        curl_.easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &failed.verify_result);
        curl_.easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &failed.proxy_status);
        failed.proxy_variable = proxy_variable(url, process_environment());
        failed.ca_file = options_.ca_file;
        failed.connect_timeout = options_.connect_timeout;
        failed.request_timeout = options_.request_timeout;
        failed.max_response_bytes = options_.max_response_bytes;
        return failed;
    }

    const CurlLibrary& curl_ = curl_library();
    ClientOptions options_;
    std::unique_ptr<CURL, FreeEasy> easy_;
};

}  // namespace

std::string_view ClientResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) return value;
    }
    return {};
}

std::unique_ptr<HttpClient> make_http_client(ClientOptions options) {
    if (!options.ca_file.empty()) {
        const UniqueFd file(::open(options.ca_file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file) {
            throw UsageError(fmt::format("cannot read the CA certificates {}: {}", options.ca_file,
                                         errno_text(errno)),
                             "check --cacert");
        }
    }
    return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace pwh::net
