// The way of an ARM request, on one page: id → row → version → token → right → body → handler →
// reply.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "front/blobs.h"
#include "front/body.h"
#include "front/front.h"
#include "front/links.h"
#include "front/metadata.h"
#include "front/own.h"
#include "front/standing.h"
#include "front/storage.h"
#include "front/target.h"

namespace pinaco::front {
namespace {

constexpr std::uint64_t body_max = 4 << 20;

Error bad_version(std::string_view type, std::string_view asked,
                  std::span<const std::string_view> known, const provider::Call& call) {
  std::vector<std::string> versions(known.begin(), known.end());
  std::vector<std::string> locations;
  for (const auto& location : call.world.locations) locations.push_back(location.name);
  return arm::error(Kind::invalid, "NoRegisteredProviderFound",
                    fmt::format("No registered resource provider found for location '{}' and API "
                                "version '{}' for type '{}'. The supported api-versions are '{}'. "
                                "The supported locations are '{}'.",
                                locations.empty() ? "" : locations.front(), asked.substr(0, 40),
                                type, join(versions, ", "), join(locations, ", ")));
}

bool knows(std::span<const std::string_view> versions, std::string_view asked) {
  if (versions.size() == 1 && versions[0] == "*") return true;
  return std::ranges::find(versions, asked) != versions.end();
}

// RFC 7234's form: 299 stays with what it is about, "-" is this server.
std::string warning_header(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c >= ' ' && c <= '~' ? c : '?';
  }
  return fmt::format("299 - \"{}\"", safe);
}

Error wrong_method(const provider::Call& call) {
  return arm::error(Kind::invalid, "HttpMethodNotSupported",
                    fmt::format("The method {} is not supported for '{}'.", call.method,
                                call.id.text().substr(0, 300)));
}

}  // namespace

Front::Front(Parts parts)
    : parts_(std::move(parts)), graph_(parts_.model, parts_.identity.directory(), parts_.access) {}
Front::~Front() = default;

Result<std::unique_ptr<Front>> Front::open(Parts parts) {
  std::unique_ptr<Front> front(new Front(std::move(parts)));
  front->blobs_ = std::make_unique<Blobs>(front->parts_);
  front->own_ = std::make_unique<OwnInterface>(front->parts_, *front->blobs_);
  front->storage_ = std::make_unique<Storage>(front->parts_);
  front->links_ = std::make_unique<Links>(front->parts_, *front->storage_);
  TRY(front->own_->restore_exports());
  return front;
}

std::uint64_t Front::body_bytes_max(const http::Request&) {
  return body_max;
}

http::Reply Front::answer(http::Request& request) {
  auto reply = answer_any(request);
  log_request(request, reply);
  return reply;
}

http::Reply Front::answer_any(http::Request& request) {
  const auto target = parse_target(request, parts_.scheme);
  if (!target) return error_reply(target.error());
  if (auto reply = answer_metadata(request, *target, parts_)) return std::move(*reply);
  if (auto reply = parts_.identity.answer(request, target->base_url)) return std::move(*reply);
  if (!target->segments.empty() && target->segments[0] == "blob") {
    return blobs_->answer(request, *target);
  }
  if (Storage::is_for(*target)) return storage_->answer(request, *target);
  return answer_arm(request, *target);
}

provider::Call Front::call_for(std::string method, const Target& target) {
  return {.method = std::move(method),
          .path = target.path,
          .id = {},
          .api_version = {},
          .query = target.query,
          .model = parts_.model,
          .world = parts_.world,
          .access = parts_.access,
          .base_url = target.base_url,
          .sign = [this, base = target.base_url](std::string_view subscription,
                                                 std::string_view grant) {
            return blobs_->sign(base, subscription, grant);
          }};
}

// What a deployment sends: like a request, but from inside, as a caller who was let in before.
Result<provider::Outcome> Front::perform(const deploy::Request& request) {
  Target target{.path = request.path, .base_url = request.base_url};
  for (const auto part : split(std::string_view(request.path).substr(1), '/')) {
    target.segments.emplace_back(part);
  }
  target.query["api-version"] = request.api_version;
  auto call = call_for(request.method, target);
  call.caller = request.caller;
  call.body = request.body;
  call.deployments = request.deployments;
  call.deployed_by = request.deployed_by;
  std::optional<access::OneView> view;
  if (request.method == "GET") {
    view.emplace(parts_.access);
    return dispatch(call, target);
  }
  auto outcome = dispatch(call, target);
  parts_.workers.kick();
  if (request.method == "DELETE") own_->look_after_exports();
  record(call, outcome ? outcome->status : arm::http_status(outcome.error()),
         outcome ? to_text(outcome->body) : to_text(arm::envelope(outcome.error())),
         request.correlation.empty() ? parts_.model.random().uuid() : request.correlation);
  return outcome;
}

http::Reply Front::answer_arm(const http::Request& request, const Target& target) {
  std::optional<access::OneView> view;
  const bool reads = request.method == "GET" || request.method == "HEAD" ||
                     istarts_with(target.path, "/providers/Microsoft.ResourceGraph/");
  auto call = call_for(request.method, target);
  http::Reply reply;
  if (auto caller = parts_.identity.authenticate(request); !caller) {
    // Trouble of ours is no reason to throw a good token away.
    reply = caller.error().kind == Kind::denied ? refuse_caller(caller.error(), target)
                                                : error_reply(caller.error());
  } else {
    call.caller = std::move(*caller);
    if (reads) view.emplace(parts_.access);
    auto body = parse_body(request, target.path.contains("/deployments/"));
    if (!body) {
      reply = error_reply(body.error());
    } else {
      call.body = std::move(*body);
      if (target.segments.size() >= 2 && target.segments[0] == "pinaco") {
        reply = own_->answer(call, target);
      } else if (graph::is_path(target.segments)) {
        reply = answer_graph(call, target);
      } else {
        auto outcome = dispatch(call, target);
        reply = !outcome && outcome.error().code == "InvalidAuthenticationTokenTenant"
                    ? refuse_caller(outcome.error(), target)
                    : reply_to(call, std::move(outcome));
      }
    }
  }
  if (request.method != "GET" && request.method != "HEAD" && reply.status < 300) {
    parts_.workers.kick();
    if (request.method == "DELETE") own_->look_after_exports();
  }
  const std::string id = parts_.model.random().uuid();
  record(call, reply.status, reply.body, correlation_of(request, id));
  add_standing_headers(reply, request, call, id);
  if (reply.status >= 500) {
    LOG(error, "front", "{} {} answered {}: {}", request.method, target.path, reply.status,
        reply.body.substr(0, 500));
  }
  return reply;
}

// Microsoft Graph's part of it: cloud metadata names this server for it as well.
http::Reply Front::answer_graph(const provider::Call& call, const Target& target) {
  return graph_.answer(call.caller, {.method = call.method,
                                     .path = target.segments,
                                     .query = call.query,
                                     .body = call.body,
                                     .base_url = call.base_url});
}

// Into the activity log. A request that was done is not failed because nobody wrote it down.
void Front::record(const provider::Call& call, int status, std::string_view answer,
                   const std::string& correlation) const {
  if (call.method == "GET" || call.method == "HEAD" || call.caller.object_id.empty()) return;
  const provider::Event event{.correlation = correlation, .status = status, .answer = answer};
  if (const auto done = provider::record_activity(call, event); !done) {
    LOG(error, "front", "the activity log lacks {} {}: {}", call.method, call.path,
        done.error().message);
  }
}

// 401, and where to log in: at the tenant of the subscription that was asked for.
http::Reply Front::refuse_caller(const Error& error, const Target& target) const {
  auto reply = error_reply(error);
  reply.status = 401;
  std::string tenant;
  if (target.segments.size() >= 2 && iequals(target.segments[0], "subscriptions")) {
    const auto everybody = parts_.identity.directory().roster();
    const auto* subscription =
        everybody ? (*everybody)->find_subscription(target.segments[1]) : nullptr;
    if (subscription != nullptr) tenant = subscription->tenant;
  }
  reply.headers.add("WWW-Authenticate", parts_.identity.challenge(target.base_url, tenant, error));
  return reply;
}

Result<provider::Outcome> Front::dispatch(provider::Call& call, const Target& target) {
  const auto version = call.query.find("api-version");
  if (version == call.query.end() || version->second.empty()) {
    return fail(arm::error(Kind::invalid, "MissingApiVersionParameter",
                           "The api-version query parameter (?api-version=) is required for all "
                           "requests."));
  }
  call.api_version = version->second;

  // The platform's own operations first: their paths are not all resource ids.
  for (const auto& route : provider::routes()) {
    if (!iequals(route.method, call.method) ||
        !matches(route.pattern, target.segments, call.parts)) {
      continue;
    }
    if (const auto part = call.parts.find("subscription"); part != call.parts.end()) {
      part->second = TRY(own_->check_subscription(call.caller, part->second));
    }
    if (!knows(route.api_versions, call.api_version)) {
      return fail(bad_version(route.about, call.api_version, route.api_versions, call));
    }
    if (!route.right.empty()) {
      TRY(parts_.access.may(call.caller, route.right, target.path));
      if (!iequals(call.method, "GET") && !iequals(call.method, "HEAD")) {
        TRY(parts_.access.check_locks(target.path, call.method == "DELETE"));
      }
    }
    return route.handler(call);
  }
  if (auto outcome = parts_.deployments.answer(call)) return std::move(*outcome);
  if (auto outcome = dispatch_extension(call, target)) return std::move(*outcome);
  auto id = arm::ResourceId::parse(target.path);
  if (!id || id->subscription.empty()) {
    return fail(arm::error(Kind::not_found, "InvalidResourceType",
                           fmt::format("There is nothing at '{}'.", target.path.substr(0, 300))));
  }
  call.id = std::move(*id);
  call.id.subscription = TRY(own_->check_subscription(call.caller, call.id.subscription));
  return dispatch_type(call);
}

// "<scope>/providers/Microsoft.Authorization/<type>[/<name>]", and the same of other extensions;
// nullopt when the path is not one.
std::optional<Result<provider::Outcome>> Front::dispatch_extension(provider::Call& call,
                                                                   const Target& target) {
  constexpr std::string_view marker = "/providers/";
  const auto at = to_lower(target.path).rfind(marker);
  if (at == std::string::npos) return std::nullopt;
  const auto parts = split(std::string_view(target.path).substr(at + marker.size()), '/');
  for (const auto& row : provider::extensions()) {
    if (parts.size() < 2 || parts.size() > 3 || !iequals(row.provider, parts[0]) ||
        !iequals(row.type, parts[1])) {
      continue;
    }
    if (!knows(row.api_versions, call.api_version)) {
      return fail(bad_version(row.type, call.api_version, row.api_versions, call));
    }
    call.parts = {{"name", std::string(parts.size() == 3 ? parts[2] : "")}};
    return run_extension(row, call, target.path.substr(0, at));
  }
  if (!iequals(parts[0], "Microsoft.Authorization")) return std::nullopt;
  return fail(arm::error(Kind::not_found, "InvalidResourceType",
                         fmt::format("The resource type could not be found in the namespace "
                                     "'Microsoft.Authorization' for api version '{}'.",
                                     call.api_version.substr(0, 40))));
}

Result<provider::Outcome> Front::run_extension(const provider::Extension& row, provider::Call& call,
                                               std::string_view scope_text) {
  const auto parts = split(scope_text, '/');
  if (parts.size() > 2 && iequals(parts[1], "subscriptions")) {
    TRY(own_->check_subscription(call.caller, parts[2]));
  }
  const auto scope = TRY(provider::normal_scope(call, scope_text));
  const auto name = call.parts.at("name");
  call.parts["scope"] = scope;
  const bool reads = call.method == "GET" || call.method == "HEAD";
  const bool deletes = call.method == "DELETE";
  provider::Handler handler = nullptr;
  if (name.empty()) {
    handler = reads ? row.list : nullptr;
  } else {
    handler = reads                     ? row.get
              : call.method == "PUT"    ? row.put
              : call.method == "PATCH"  ? row.patch
              : call.method == "DELETE" ? row.remove
                                        : nullptr;
  }
  if (handler == nullptr) {
    return fail(arm::error(Kind::invalid, "HttpMethodNotSupported",
                           fmt::format("The method {} is not supported for '{}/{}'.", call.method,
                                       row.provider, row.type)));
  }
  if (!reads || !row.own_reads) {
    TRY(parts_.access.may(call.caller,
                          fmt::format("{}/{}/{}", row.provider, row.type,
                                      reads     ? "read"
                                      : deletes ? "delete"
                                                : "write"),
                          scope));
  }
  if (!reads && row.locked) {
    TRY(parts_.access.check_locks(fmt::format("{}/providers/{}/{}/{}", scope == "/" ? "" : scope,
                                              row.provider, row.type, name),
                                  deletes));
  }
  return handler(call);
}

Result<provider::Outcome> Front::dispatch_type(provider::Call& call) {
  // ".../disks/d/beginGetAccess" reads as a collection below the disk: an action is told by POST.
  std::string action;
  if (call.method == "POST" && call.id.is_collection() && call.id.types.size() > 1) {
    action = call.id.types.back();
    call.id.types.pop_back();
  }
  const auto* type = provider::find_type(call.id.provider, call.id.type());
  if (type == nullptr) {
    for (const auto name : provider::namespaces()) {
      if (!iequals(name, call.id.provider)) continue;
      return fail(arm::error(Kind::not_found, "InvalidResourceType",
                             fmt::format("The resource type could not be found in the namespace "
                                         "'{}' for api version '{}'.",
                                         call.id.provider, call.api_version.substr(0, 40))));
    }
    return fail(
        arm::error(Kind::not_found, "InvalidResourceNamespace",
                   fmt::format("The resource namespace '{}' is invalid.", call.id.provider)));
  }
  if (!knows(type->api_versions, call.api_version)) {
    return fail(bad_version(type->type, call.api_version, type->api_versions, call));
  }
  call.id.provider = type->provider;
  const auto words = split(type->type, '/');
  for (std::size_t i = 0; i < words.size(); i++) call.id.types[i] = words[i];

  const auto right = [&](std::string_view verb) -> Result<> {
    TRY(parts_.access.may(call.caller, fmt::format("{}/{}/{}", type->provider, type->type, verb),
                          call.id.text()));
    if (verb == "read") return {};
    return parts_.access.check_locks(call.id.text(), verb == "delete");
  };
  if (!action.empty()) {
    for (const auto& each : type->actions) {
      if (!iequals(each.name, action) || call.api_version < each.since) continue;
      TRY(right(each.right));
      return each.handler(call);
    }
    return fail(arm::error(Kind::not_found, "InvalidResourceType",
                           fmt::format("'{}/{}' has no action '{}' on this server.", type->provider,
                                       type->type, action.substr(0, 80))));
  }
  const bool collection = call.id.is_collection();
  if (call.method == "GET" || call.method == "HEAD") {
    // A list shows what the caller may read, be it nothing.
    if (collection) return provider::list_resources(*type, call);
    TRY(right("read"));
    auto found = TRY(provider::get_resource(*type, call));
    if (call.method == "HEAD") found = {.status = 204};  // whether it is there
    return found;
  }
  if (collection) return fail(wrong_method(call));
  if (call.method == "PUT") {
    TRY(right("write"));
    return provider::put_resource(*type, call);
  }
  if (call.method == "PATCH" && call.api_version >= type->patch_since) {
    TRY(right("write"));
    return provider::patch_resource(*type, call);
  }
  if (call.method == "DELETE") {
    TRY(right("delete"));
    return provider::delete_resource(*type, call);
  }
  return fail(wrong_method(call));
}

http::Reply Front::reply_to(const provider::Call& call, Result<provider::Outcome> outcome) const {
  if (!outcome) {
    auto reply = error_reply(outcome.error());
    if (outcome.error().code == "HttpMethodNotSupported") reply.status = 405;
    return reply;
  }
  if (!outcome->next.empty()) {
    std::string link = call.base_url + call.id.text();
    if (call.id.types.empty()) link = call.base_url + call.path;
    link += fmt::format("?api-version={}&$skiptoken={}", call.api_version,
                        percent_encode(outcome->next));
    if (const auto top = call.query.find("$top"); top != call.query.end()) {
      link += "&$top=" + percent_encode(top->second);
    }
    if (const auto filter = call.query.find("$filter"); filter != call.query.end()) {
      link += "&$filter=" + percent_encode(filter->second);
    }
    outcome->body.get_object()["nextLink"] = link;
  }
  auto reply = json_reply(outcome->status, outcome->body);
  for (const auto& each : outcome->warnings) reply.headers.add("Warning", warning_header(each));
  if (outcome->operation) {
    const auto& operation = *outcome->operation;
    const bool plain = operation.surface == "operationresults";
    const std::string url =
        plain ? fmt::format("{}/subscriptions/{}/operationresults/{}?", call.base_url,
                            operation.resource.subscription, operation.id)
              : fmt::format("{}/subscriptions/{}/providers/{}/locations/{}/{}/{}?", call.base_url,
                            operation.resource.subscription, operation.resource.provider,
                            operation.location, operation.surface, operation.id);
    if (!plain) {
      reply.headers.add("Azure-AsyncOperation", url + "api-version=" + call.api_version);
    }
    if (outcome->location_header) {
      reply.headers.add("Location", fmt::format("{}{}api-version={}", url,
                                                plain ? "" : "monitor=true&", call.api_version));
    }
    // Without it clients wait 30 s and more between two polls.
    reply.headers.add("Retry-After", "1");
  } else if (!outcome->deployment.empty()) {
    reply.headers.add("Azure-AsyncOperation",
                      fmt::format("{}{}/operationStatuses/{}?api-version={}", call.base_url,
                                  call.path, outcome->deployment, call.api_version));
    reply.headers.add("Retry-After", "1");
  } else if (outcome->retry_after_s > 0) {
    reply.headers.add("Retry-After", std::to_string(outcome->retry_after_s));
  }
  return reply;
}

}  // namespace pinaco::front
