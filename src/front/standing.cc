// Headers of every answer.
#include "front/standing.h"

#include <fmt/format.h>

#include "arm/arm.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::front {
namespace {

// Requests that Azure allows in three minutes and in thirty.
struct Budget {
  std::string_view method, type, name;
  int three, thirty;
};

constexpr Budget budgets[] = {
    {"PUT", "galleries", "CreateUpdateGallery", 50, 300},
    {"PATCH", "galleries", "CreateUpdateGallery", 50, 300},
    {"DELETE", "galleries", "DeleteGallery", 50, 300},
    {"GET", "galleries", "GetGallery", 350, 2500},
    {"PUT", "galleries/images", "CreateUpdateGalleryImage", 150, 750},
    {"PATCH", "galleries/images", "CreateUpdateGalleryImage", 150, 750},
    {"DELETE", "galleries/images", "DeleteGalleryImage", 50, 300},
    {"GET", "galleries/images", "GetGalleryImage", 600, 3000},
    {"PUT", "galleries/images/versions", "CreateUpdateGalleryImageVersion", 375, 1200},
    {"PATCH", "galleries/images/versions", "CreateUpdateGalleryImageVersion", 375, 1200},
    {"DELETE", "galleries/images/versions", "DeleteGalleryImageVersion", 150, 1000},
    {"GET", "galleries/images/versions", "GetGalleryImageVersion", 2000, 10000},
};

// Nothing is rationed here, so that what remains is always all but this one.
void add_remaining(http::Reply& reply, const provider::Call& call) {
  const bool of_subscription = istarts_with(call.path, "/subscriptions/");
  const bool reads = call.method == "GET" || call.method == "HEAD";
  const bool deletes = call.method == "DELETE";
  reply.headers.add(
      fmt::format("x-ms-ratelimit-remaining-{}-{}", of_subscription ? "subscription" : "tenant",
                  reads     ? "reads"
                  : deletes ? "deletes"
                            : "writes"),
      reads     ? "11999"
      : deletes ? "14999"
                : "1199");
  if (!call.id.is_resource() || !iequals(call.id.provider, "Microsoft.Compute")) return;
  const auto type = call.id.type();
  for (const auto& each : budgets) {
    if (each.method != call.method || each.type != type) continue;
    reply.headers.add("x-ms-ratelimit-remaining-resource",
                      fmt::format("Microsoft.Compute/{0}3Min;{1},Microsoft.Compute/{0}30Min;{2}",
                                  each.name, each.three - 1, each.thirty - 1));
  }
}

}  // namespace

std::string correlation_of(const http::Request& request, std::string_view id) {
  const auto given = request.headers.get("x-ms-correlation-request-id");
  return std::string(arm::is_guid(given) ? given : id);
}

void add_standing_headers(http::Reply& reply, const http::Request& request,
                          const provider::Call& call, std::string_view id) {
  reply.headers.add("x-ms-request-id", std::string(id));
  reply.headers.add("x-ms-correlation-request-id", correlation_of(request, id));
  reply.headers.add(
      "x-ms-routing-request-id",
      fmt::format("PINACO:{}:{}", to_iso8601(call.model.clock().now()).substr(0, 19), id));
  const auto client_id = request.headers.get("x-ms-client-request-id");
  if (!client_id.empty() && iequals(request.headers.get("x-ms-return-client-request-id"), "true")) {
    reply.headers.add("x-ms-client-request-id", std::string(client_id.substr(0, 128)));
  }
  add_remaining(reply, call);
  reply.headers.add("Cache-Control", "no-cache");
  reply.headers.add("Pragma", "no-cache");
  reply.headers.add("Expires", "-1");
  reply.headers.add("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  reply.headers.add("X-Content-Type-Options", "nosniff");
}

void log_request(const http::Request& request, const http::Reply& reply) {
  if (!log_enabled(Level::debug)) return;
  const std::string_view target = request.target;
  const auto question = target.find('?');
  std::string_view version = request.headers.get("x-ms-version");
  if (question != std::string_view::npos) {
    for (const auto pair : split(target.substr(question + 1), '&')) {
      if (istarts_with(pair, "api-version=")) version = pair.substr(12);
    }
  }
  auto path = target.substr(0, question);
  path = path.substr(0, path.find("/exports/"));  // who knows an export's name may read it
  LOG(debug, "front", "request {} {} {} {} {}", request.method, path.substr(0, 1000),
      version.empty() ? "-" : version.substr(0, 40), reply.status,
      request.headers.get("User-Agent").substr(0, 500));
}

}  // namespace pinaco::front
