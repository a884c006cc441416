#include "graph/graph.h"

#include <fmt/format.h>

#include "arm/arm.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/call.h"

namespace pinaco::graph {
namespace {

int status_of(const Error& error) {
  switch (error.kind) {
    case Kind::invalid:
      return 400;
    case Kind::denied:
    case Kind::quota:
      return 403;
    case Kind::not_found:
      return 404;
    case Kind::conflict:
      return 409;
    case Kind::busy:
      return 429;
    case Kind::unavailable:
    case Kind::cancelled:
      return 503;
    case Kind::corrupt:
      break;
  }
  return 500;
}

std::string code_of(const Error& error) {
  if (!error.code.empty()) return error.code;
  switch (status_of(error)) {
    case 400:
      return "Request_BadRequest";
    case 403:
      return "Authorization_RequestDenied";
    case 404:
      return "Request_ResourceNotFound";
    case 409:
      return "Request_MultipleObjectsWithSameKeyValue";
    case 429:
      return "TooManyRequests";
    case 503:
      return "serviceNotAvailable";
    default:
      return "InternalServerError";
  }
}

// "applications(appId='x')" as "applications", "(appId='x')", and "users('x')" as "users", "x".
std::vector<std::string> without_brackets(const std::vector<std::string>& path) {
  std::vector<std::string> plain;
  for (std::size_t i = 1; i < path.size(); i++) {
    const std::string_view segment = path[i];
    const auto open = segment.find("('");
    const auto key = segment.find("(appId='");
    if (open != std::string_view::npos && open > 0 && segment.ends_with("')")) {
      plain.emplace_back(segment.substr(0, open));
      plain.emplace_back(segment.substr(open + 2, segment.size() - open - 4));
    } else if (key != std::string_view::npos && key > 0 && segment.ends_with("')")) {
      plain.emplace_back(segment.substr(0, key));
      plain.emplace_back(segment.substr(key));
    } else {
      plain.emplace_back(segment);
    }
  }
  return plain;
}

Result<Answer> dispatch(const Call& call) {
  if (call.path.empty()) return fail(no_such_path(call));
  const auto& first = call.path[0];
  if (iequals(first, "applications")) return answer_applications(call);
  if (iequals(first, "servicePrincipals")) return answer_service_principals(call);
  if (iequals(first, "users")) return answer_users(call);
  if (iequals(first, "groups")) return answer_groups(call);
  return answer_objects(call);
}

// "/users/$count" is the number of what "/users" lists.
Result<Answer> count_of(Call& call) {
  call.path.pop_back();
  std::map<std::string, std::string> query;
  if (const auto filter = call.query.find("$filter"); filter != call.query.end()) {
    query.insert(*filter);
  }
  query["$count"] = "true";
  const Call list{call.model,  call.directory, call.access,   call.caller,
                  call.method, call.version,   call.path,     query,
                  call.body,   call.base_url,  call.everybody};
  const auto answer = TRY(dispatch(list));
  const Json* count =
      answer.body.is_object() ? answer.body.get_object().if_contains("@odata.count") : nullptr;
  if (count == nullptr) return fail(no_such_path(call));
  return Answer{.text = to_text(*count)};
}

}  // namespace

bool is_path(const std::vector<std::string>& path) {
  return !path.empty() && (path[0] == "v1.0" || path[0] == "beta");
}

http::Reply Graph::answer(const identity::Caller& caller, Request request) {
  std::unique_lock changing(changing_, std::defer_lock);
  if (request.method == "HEAD") request.method = "GET";
  if (request.method != "GET") changing.lock();
  auto done = [&]() -> Result<Answer> {
    auto everybody = TRY(directory_.roster());
    if (everybody->find_tenant(caller.tenant) == nullptr) return fail(not_found(caller.tenant));
    Call call{model_,
              directory_,
              access_,
              caller,
              request.method,
              request.path.empty() ? "v1.0" : request.path[0],
              without_brackets(request.path),
              request.query,
              request.body,
              request.base_url,
              std::move(everybody)};
    const bool count = call.path.size() > 1 && call.path.back() == "$count";
    return count && call.method == "GET" ? count_of(call) : dispatch(call);
  }();
  http::Reply reply;
  const auto id = model_.random().uuid();
  reply.headers.add("request-id", id);
  reply.headers.add("OData-Version", "4.0");
  if (!done) {
    const auto& error = done.error();
    reply.status = status_of(error);
    reply.headers.add("Content-Type", "application/json; charset=utf-8");
    if (reply.status == 503 || reply.status == 429) reply.headers.add("Retry-After", "1");
    reply.body = to_text(JsonObject{
        {"error", JsonObject{{"code", code_of(error)},
                             {"message", error.message},
                             {"innerError",
                              JsonObject{{"date", to_iso8601(model_.clock().now()).substr(0, 19)},
                                         {"request-id", id}}}}}});
    return reply;
  }
  const bool question = request.path.back().starts_with("get") ||
                        request.path.back().starts_with("check");  // a POST that changes nothing
  if (request.method != "GET" && !question) {
    LOG(info, "graph", "{} {} by {} of {}", request.method, join(request.path, "/").substr(0, 300),
        caller.object_id, caller.tenant);
  }
  reply.status = done->status;
  if (!done->text.empty()) {
    reply.headers.add("Content-Type", "text/plain; charset=utf-8");
    reply.body = std::move(done->text);
  } else if (!done->body.is_null()) {
    reply.headers.add("Content-Type", "application/json; charset=utf-8");
    reply.body = to_text(done->body);
  }
  return reply;
}

}  // namespace pinaco::graph
