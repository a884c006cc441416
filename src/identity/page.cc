#include "identity/page.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"

namespace pinaco::identity {
namespace {

constexpr std::string_view style =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;margin:.3rem 0;font:inherit}"
    "input,button{padding:.5rem}.problem{color:#a00}";

}  // namespace

http::Reply page_reply(int status, const Page& page) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<style>{1}</style></head>\n<body><h1>{0}</h1>\n",
      markup_escape(page.title), style);
  if (!page.text.empty()) html += fmt::format("<p>{}</p>\n", markup_escape(page.text));
  if (!page.problem.empty()) {
    html +=
        fmt::format("<p class=\"problem\" role=\"alert\">{}</p>\n", markup_escape(page.problem));
  }
  if (!page.action.empty()) {
    html += fmt::format("<form method=\"post\" action=\"{}\">\n", markup_escape(page.action));
    for (const auto& [name, value] : page.hidden) {
      html += fmt::format("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", markup_escape(name),
                          markup_escape(value));
    }
    for (const auto& [name, label] : page.inputs) {
      html += fmt::format("<label>{}<input name=\"{}\" type=\"{}\" autocomplete=\"{}\"></label>\n",
                          markup_escape(label), markup_escape(name),
                          name == "password" ? "password" : "text",
                          name == "password"   ? "current-password"
                          : name == "username" ? "username"
                                               : "off");
    }
    for (const Button& button : page.buttons) {
      html += button.name.empty()
                  ? fmt::format("<button>{}</button>\n", markup_escape(button.text))
                  : fmt::format("<button name=\"{}\" value=\"{}\">{}</button>\n",
                                markup_escape(button.name), markup_escape(button.value),
                                markup_escape(button.text));
    }
    html += "</form>\n";
  }
  http::Reply reply;
  reply.status = status;
  reply.body = html + "</body></html>\n";
  reply.headers.add("Content-Type", "text/html; charset=utf-8");
  reply.headers.add("Cache-Control", "no-store");
  // Browsers hold the redirect that answers a form to form-action as well.
  reply.headers.add(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; style-src 'sha256-{}'; form-action 'self'{}{}; "
                  "frame-ancestors 'none'; base-uri 'none'",
                  to_base64(Digest::of(as_bytes(style)).bytes), page.origin.empty() ? "" : " ",
                  page.origin));
  reply.headers.add("X-Frame-Options", "DENY");
  reply.headers.add("X-Content-Type-Options", "nosniff");
  reply.headers.add("Referrer-Policy", "no-referrer");
  reply.headers.add("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  return reply;
}

}  // namespace pinaco::identity
