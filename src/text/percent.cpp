// SPDX-License-Identifier: Apache-2.0
#include "text/percent.hpp"

#include <array>

#include "text/hex.hpp"

namespace pwh::text {

std::optional<std::string> form_decode(std::string_view encoded) {
    std::string decoded;
    decoded.reserve(encoded.size());
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded[i] == '+') {
            decoded += ' ';
        } else if (encoded[i] == '%') {
            std::array<unsigned char, 1> byte{};
            if (!from_hex(encoded.substr(i + 1, 2), byte)) return std::nullopt;
            decoded += static_cast<char>(byte[0]);
            i += 2;
        } else {
            decoded += encoded[i];
        }
    }
    return decoded;
}

std::string form_encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '*';
        if (plain) {
            encoded += c;
        } else if (c == ' ') {
            encoded += '+';
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += '%';
            encoded += digits[byte >> 4U];
            encoded += digits[byte & 0xFU];
        }
    }
    return encoded;
}

FormFields parse_form(std::string_view form) {
    FormFields fields;
    while (!form.empty()) {
        const auto end = form.find('&');
        const auto pair = form.substr(0, end);
        form.remove_prefix(end == std::string_view::npos ? form.size() : end + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        const auto name = pair.substr(0, equals);
        const auto value =
            equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        fields.emplace_back(form_decode(name).value_or(std::string(name)),
                            form_decode(value).value_or(std::string(value)));
    }
    return fields;
}

std::string encode_form(const FormFields& fields) {
    std::string form;
    for (const auto& [name, value] : fields) {
        if (!form.empty()) form += '&';
        form += form_encode(name);
        form += '=';
        form += form_encode(value);
    }
    return form;
}

}  // namespace pwh::text
