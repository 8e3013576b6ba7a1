// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

namespace pwh::net {

/// libcurl's functions, by their names without `curl_`.
struct CurlLibrary {
    decltype(&curl_global_init) global_init;
    decltype(&curl_easy_init) easy_init;
    decltype(&curl_easy_cleanup) easy_cleanup;
    decltype(&curl_easy_reset) easy_reset;
    decltype(&curl_easy_setopt) easy_setopt;
    decltype(&curl_easy_perform) easy_perform;
    decltype(&curl_easy_getinfo) easy_getinfo;
    decltype(&curl_easy_strerror) easy_strerror;
    decltype(&curl_slist_append) slist_append;
    decltype(&curl_slist_free_all) slist_free_all;
    decltype(&curl_url) url;
    decltype(&curl_url_cleanup) url_cleanup;
    decltype(&curl_url_get) url_get;
    decltype(&curl_url_set) url_set;
    decltype(&curl_free) free;
    decltype(&curl_getdate) getdate;
};

/// Loads libcurl at the first call, for as long as the process runs. Throws Error when it is
/// missing.
const CurlLibrary& curl_library();

}  // namespace pwh::net
