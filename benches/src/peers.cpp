// Peers in C and C++, as a child process of the benchmark.
//
// The argument is a file with a stream. Each line on the standard input names a contender; it does
// its work once, and its processor time in nanoseconds is the answer.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <expat.h>
#include <pugixml.hpp>

namespace {

struct Node {
    std::string name; // The namespace and the local name; empty for text.
    std::string text;
    std::vector<std::pair<std::string, std::string>> attrs;
    std::vector<std::unique_ptr<Node>> children;
};

struct Builder {
    std::vector<Node*> open;
    std::unique_ptr<Node> stanza;
    size_t depth = 0;
    size_t stanzas = 0;
};

void start(void* data, const XML_Char* name, const XML_Char** attrs) {
    auto& builder = *static_cast<Builder*>(data);
    if (builder.depth++ == 0) {
        return;
    }
    auto node = std::make_unique<Node>();
    node->name = name;
    for (; *attrs != nullptr; attrs += 2) {
        node->attrs.emplace_back(attrs[0], attrs[1]);
    }
    Node* place = node.get();
    if (builder.open.empty()) {
        builder.stanza = std::move(node);
    } else {
        builder.open.back()->children.push_back(std::move(node));
    }
    builder.open.push_back(place);
}

void end(void* data, const XML_Char*) {
    auto& builder = *static_cast<Builder*>(data);
    builder.depth--;
    if (builder.open.empty()) {
        return;
    }
    builder.open.pop_back();
    if (builder.open.empty()) {
        builder.stanzas++;
        builder.stanza.reset();
    }
}

void text(void* data, const XML_Char* bytes, int len) {
    auto& builder = *static_cast<Builder*>(data);
    if (builder.open.empty()) {
        return;
    }
    auto& children = builder.open.back()->children;
    if (children.empty() || !children.back()->name.empty()) {
        children.push_back(std::make_unique<Node>());
    }
    children.back()->text.append(bytes, static_cast<size_t>(len));
}

// A tree for each stanza, with namespaces, from reads of 16 KiB.
size_t tree(const std::string& stream) {
    Builder builder;
    XML_Parser parser = XML_ParserCreateNS("UTF-8", '\x1f');
    XML_SetUserData(parser, &builder);
    XML_SetElementHandler(parser, start, end);
    XML_SetCharacterDataHandler(parser, text);
    for (size_t at = 0; at < stream.size(); at += 16384) {
        const size_t len = std::min<size_t>(16384, stream.size() - at);
        if (XML_Parse(parser, stream.data() + at, static_cast<int>(len), 0) != XML_STATUS_OK) {
            std::abort();
        }
    }
    XML_ParserFree(parser);
    return builder.stanzas;
}

// A document of the whole stream, from a copy of the input. pugixml knows no namespaces, and checks
// neither names nor UTF-8.
size_t dom(const std::string& stream) {
    pugi::xml_document document;
    const auto options = pugi::parse_default | pugi::parse_ws_pcdata;
    if (!document.load_buffer(stream.data(), stream.size(), options, pugi::encoding_utf8)) {
        std::abort();
    }
    size_t stanzas = 0;
    for (auto stanza : document.document_element()) {
        stanzas += stanza.type() == pugi::node_element;
    }
    return stanzas;
}

long long now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

} // namespace

int main(int, char** args) {
    std::ifstream file(args[1], std::ios::binary);
    const std::string stream(std::istreambuf_iterator<char>(file), {});
    const std::string document = stream + "</stream:stream>";
    for (std::string line; std::getline(std::cin, line);) {
        const long long before = now();
        const size_t stanzas = line == "libexpat" ? tree(stream) : dom(document);
        const long long after = now();
        std::cout << after - before << ' ' << stanzas << std::endl;
    }
}
