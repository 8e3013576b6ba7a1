// SPDX-License-Identifier: Apache-2.0
#include "net/curl_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace pwh::net {

namespace {

constexpr const char* file_name = "libcurl.so.4";

[[noreturn]] void fail() {
    const char* reason = ::dlerror();
    throw Error(ExitCode::failure,
                fmt::format("cannot load libcurl: {}", reason != nullptr ? reason : file_name),
                "install it: sudo apt-get install libcurl4");
}

template <typename Function>
void find(void* library, const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(::dlsym(library, name));
    if (function == nullptr) fail();
}

// libcurl brings thirty libraries. Linked, they would cost every start of pwh a few milliseconds,
// and a receiver, which asks nobody for anything, more than a quarter of its memory. Loaded with
// RTLD_LOCAL, none of their names can stand in for one of pwh's, and pwh, which exports none,
// stands in for none of theirs; OpenSSL is the one copy that pwh is linked with. It is never
// unloaded: libraries below it have threads' data and functions to call at the exit.
CurlLibrary load() {
    void* library = ::dlopen(file_name, RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) fail();
    CurlLibrary curl{};
    find(library, "curl_global_init", curl.global_init);
    find(library, "curl_easy_init", curl.easy_init);
    find(library, "curl_easy_cleanup", curl.easy_cleanup);
    find(library, "curl_easy_reset", curl.easy_reset);
    find(library, "curl_easy_setopt", curl.easy_setopt);
    find(library, "curl_easy_perform", curl.easy_perform);
    find(library, "curl_easy_getinfo", curl.easy_getinfo);
    find(library, "curl_easy_strerror", curl.easy_strerror);
    find(library, "curl_slist_append", curl.slist_append);
    find(library, "curl_slist_free_all", curl.slist_free_all);
    find(library, "curl_url", curl.url);
    find(library, "curl_url_cleanup", curl.url_cleanup);
    find(library, "curl_url_get", curl.url_get);
    find(library, "curl_url_set", curl.url_set);
    find(library, "curl_free", curl.free);
    find(library, "curl_getdate", curl.getdate);
    return curl;
}

}  // namespace

const CurlLibrary& curl_library() {
    static const CurlLibrary library = load();
    return library;
}

}  // namespace pwh::net
