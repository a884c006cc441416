// A small server for tests of the command line: as much of ARM and page blobs as push and pull
// touch, in memory, over plain HTTP. Operations end at the second look. Tests may break requests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "app/client.h"
#include "app/page_blob.h"
#include "arm/arm.h"
#include "base/text.h"
#include "format/format.h"
#include "http/http.h"
#include "store/store.h"

namespace pinaco::app {

class FakeServer {
 public:
  using Hook = std::function<std::optional<http::Reply>(const http::Request&)>;

  FakeServer() {
    auto server = http::serve({}, [this](http::Request& request) { return answer(request); });
    if (!server) ADD_FAILURE() << server.error().message;
    server_ = std::move(*server);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  Login login() const {
    return {.endpoint = url(),
            .tenant = "t",
            .subscription = "s",
            .client_id = "id",
            .client_secret = "secret"};
  }
  // Looks at each request first; what it returns is the reply.
  void set_hook(Hook hook) {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }

  // --- what tests look at and change, while no request is under way ---
  Bytes& blob() { return blob_; }
  std::set<std::uint64_t>& arrived() { return arrived_; }  // offsets of pages put, whole
  std::vector<std::uint64_t> puts() const { return puts_; }
  std::map<std::string, Json>& resources() { return resources_; }  // by lower-case path
  std::string& digest_told() { return digest_told_; }              // instead of the true one
  int tokens() const { return tokens_; }

 private:
  static http::Reply json(int status, const Json& body) {
    http::Reply reply{.status = status, .body = to_text(body)};
    reply.headers.add("Content-Type", "application/json");
    return reply;
  }
  static http::Reply error(int status, const char* code) {
    return json(status, JsonObject{{"error", JsonObject{{"code", code}, {"message", "No."}}}});
  }

  http::Reply answer(http::Request& request) {
    const std::lock_guard lock(mutex_);
    if (hook_) {
      if (auto reply = hook_(request)) return std::move(*reply);
    }
    const auto question = request.target.find('?');
    const std::string path = to_lower(request.target.substr(0, question));
    const std::string query =
        question == std::string::npos ? "" : request.target.substr(question + 1);
    if (path == "/blob") return blob_answer(request, query);
    if (path.ends_with("/token")) {
      ++tokens_;
      return json(200, JsonObject{{"access_token", "token"}, {"expires_in", 3600}});
    }
    if (request.headers.get("Authorization") != "Bearer token") return error(401, "Unauthorized");
    if (path.starts_with("/operation")) return operation(path);
    if (path.starts_with("/pinaco/v1/")) return ours(path);
    if (path.ends_with("/begingetaccess")) {
      return json(200, JsonObject{{"accessSAS", url() + "/blob?sig=1"}});
    }
    if (path.ends_with("/endgetaccess")) {
      set_path(resources_[path.substr(0, path.rfind('/'))], "properties.diskState", "Unattached");
      return started({});
    }
    return resource(request, path);
  }

  http::Reply operation(const std::string& path) {
    const bool done = ++looks_[path] > 1;
    JsonObject body{{"status", done ? "Succeeded" : "InProgress"}};
    if (!done) body["percentComplete"] = 50;
    return json(200, body);
  }

  http::Reply started(const Json& body) {
    auto reply = json(202, body);
    reply.headers.add("Azure-AsyncOperation",
                      fmt::format("https://elsewhere/operation/{}", ++operations_));
    return reply;
  }

  http::Reply resource(const http::Request& request, const std::string& path) {
    const auto found = resources_.find(path);
    if (request.method == "PUT") {
      Json body = *parse_json(request.body);
      body.as_object()["id"] = path;
      set_path(body, "properties.provisioningState", "Succeeded");
      if (path.find("/disks/") != std::string::npos) {
        set_path(body, "properties.diskState", "ReadyToUpload");
        blob_.assign(
            static_cast<std::size_t>(int_at(body, "properties.creationData.uploadSizeBytes")), 0);
      }
      resources_[path] = body;
      return started(body);
    }
    if (found == resources_.end()) return error(404, "ResourceNotFound");
    if (request.method == "DELETE") {
      resources_.erase(found);
      return http::Reply{.status = 200};
    }
    return json(200, found->second);
  }

  std::string true_digest() const {
    auto opened = format::open_uploaded_vhd(format::in_memory(blob_));
    if (!opened) return "not a VHD: " + opened.error().message;
    return store::image_digest(*opened->disk, 1, {})->hex();
  }

  http::Reply ours(const std::string& path) {
    if (path.ends_with("/regions")) {
      JsonArray value;
      for (const char* name : {"westeurope", "northeurope"}) {
        value.push_back(JsonObject{{"name", name}});
      }
      return json(200, JsonObject{{"value", value}});
    }
    const std::string digest = digest_told_.empty() ? true_digest() : digest_told_;
    return json(200, JsonObject{{"accessSAS", url() + "/blob?sig=1"},
                                {"sizeBytes", blob_.size() - 512},
                                {"imageDigest", digest}});
  }

  http::Reply blob_answer(const http::Request& request, std::string_view query) {
    if (request.headers.has("Authorization")) return error(400, "TokenWentToALink");
    if (query.ends_with("comp=pagelist")) {
      std::string xml = "<?xml version=\"1.0\"?><PageList>";
      for (const auto at : arrived_) {
        xml += fmt::format("<PageRange><Start>{}</Start><End>{}</End></PageRange>", at,
                           std::min<std::uint64_t>(at + page_bytes_max, blob_.size()) - 1);
      }
      http::Reply reply{.status = 200, .body = xml + "</PageList>"};
      reply.headers.add("x-ms-blob-content-length", std::to_string(blob_.size()));
      return reply;
    }
    const std::string range(request.headers.get("x-ms-range").substr(6));
    const auto ends = split(range, '-');
    const auto first = static_cast<std::size_t>(*parse_int(ends[0], 0, INT64_MAX));
    const auto last = static_cast<std::size_t>(*parse_int(ends[1], 0, INT64_MAX));
    if (last >= blob_.size() || last < first) return error(416, "InvalidPageRange");
    if (request.method == "PUT") {
      if (request.body.size() != last - first + 1) return error(400, "InvalidHeaderValue");
      std::ranges::copy(as_bytes(request.body), blob_.begin() + static_cast<std::ptrdiff_t>(first));
      arrived_.insert(first);
      puts_.push_back(first);
      return http::Reply{.status = 201};
    }
    return http::Reply{
        .status = 206,
        .body = std::string(as_text(ByteView(blob_).subspan(first, last - first + 1)))};
  }

  std::mutex mutex_;
  Hook hook_;
  Bytes blob_;
  std::set<std::uint64_t> arrived_;
  std::vector<std::uint64_t> puts_;
  std::map<std::string, Json> resources_;
  std::map<std::string, int> looks_;
  std::string digest_told_;
  int operations_ = 0;
  std::atomic<int> tokens_ = 0;
  std::unique_ptr<http::Server> server_;  // last: its threads use the rest
};

// A folder of the test's own, removed afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(testing::TempDir() + "pinaco-app-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp failed";
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace pinaco::app
