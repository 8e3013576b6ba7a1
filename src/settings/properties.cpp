// SPDX-License-Identifier: Apache-2.0
#include "settings/properties.hpp"

#include <fmt/format.h>

#include "settings/letters.hpp"
#include "text/utf8.hpp"

namespace pwh::settings {

namespace {

using Keys = std::map<std::string, std::string>;

/// Takes the lines one by one. A line goes on with the value above it when it is indented deeper
/// than the line that set the value's key; otherwise it is a section or a key of its own.
class Reader {
  public:
    void take(std::string_view line);
    Properties finish();

  private:
    void open_section(const std::string& name);
    void set_key(std::string_view line);
    [[noreturn]] void fail(const std::string& message) const {
        throw PropertiesError(line_, message);
    }

    std::size_t line_ = 0;
    std::size_t indentation_ = 0;
    Properties sections_;
    Keys defaults_;
    std::string section_name_;
    Keys* section_ = nullptr;
    std::string* value_ = nullptr;  ///< what a continuation line adds to
};

void Reader::take(std::string_view line) {
    ++line_;
    if (!text::is_utf8(line)) fail("the text is not UTF-8");
    const auto content = strip(line);
    if (content.empty()) {
        if (value_ != nullptr) *value_ += '\n';
        return;
    }
    if (content.front() == '#' || content.front() == ';') return;
    const auto depth = indentation(line);
    if (value_ != nullptr && depth > indentation_) {
        *value_ += '\n';
        *value_ += content;
        return;
    }
    indentation_ = depth;
    const auto bracket = content.rfind(']');
    if (content.front() == '[' && bracket != std::string_view::npos && bracket > 1) {
        open_section(std::string(content.substr(1, bracket - 1)));
    } else if (section_ == nullptr) {
        fail("there is no [section] above the first key");
    } else {
        set_key(content);
    }
}

void Reader::open_section(const std::string& name) {
    section_name_ = name;
    value_ = nullptr;
    if (name == "DEFAULT") {
        section_ = &defaults_;
        return;
    }
    const auto [place, added] = sections_.try_emplace(name);
    if (!added) fail(fmt::format("section [{}] is there already", name));
    section_ = &place->second;
}

void Reader::set_key(std::string_view line) {
    const auto delimiter = line.find_first_of("=:");
    if (delimiter == std::string_view::npos) fail("there is no '=' or ':' in the line");
    const auto key = lower(strip_end(line.substr(0, delimiter)));
    if (key.empty()) fail("there is no key before '=' or ':'");
    const auto [place, added] = section_->try_emplace(key, strip(line.substr(delimiter + 1)));
    if (!added) fail(fmt::format("key {} is there already in [{}]", key, section_name_));
    value_ = &place->second;
}

Properties Reader::finish() {
    const auto trim = [](Keys& keys) {
        for (auto& [key, value] : keys) value.resize(strip_end(value).size());
    };
    trim(defaults_);
    for (auto& [name, keys] : sections_) {
        trim(keys);
        keys.insert(defaults_.begin(), defaults_.end());
    }
    return std::move(sections_);
}

}  // namespace

Properties parse_properties(std::string_view text) {
    static constexpr std::string_view bom = "\xEF\xBB\xBF";
    if (text.starts_with(bom)) text.remove_prefix(bom.size());
    Reader reader;
    while (!text.empty()) {
        const auto end = text.find_first_of("\r\n");
        reader.take(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    return reader.finish();
}

}  // namespace pwh::settings
