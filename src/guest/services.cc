#include "guest/services.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>

#include "guest/metadata.h"
#include "guest/wire_server.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t connections_max = 32;
constexpr std::uint64_t body_bytes_max = 1 << 20;

http::ServerOptions options_at(const std::string& path) {
  return {.unix_path = path,
          .connections_max = connections_max,
          .body_bytes_max = [](const http::Request&) { return body_bytes_max; }};
}

Result<std::string> make_private_folder() {
  std::error_code failed;
  const auto parent = std::filesystem::temp_directory_path(failed);
  if (failed) return std::unexpected(system_error("finding the temporary folder", failed.value()));
  std::string path = (parent / "pinaco-guest-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return std::unexpected(system_error("making a folder like " + path, errno));
  }
  return path;
}

}  // namespace

Result<std::unique_ptr<Services>> Services::start(Facts facts,
                                                  std::function<void(const Report&)> on_report) {
  std::unique_ptr<Services> services(new Services(std::move(on_report)));
  services->set_facts(std::move(facts));
  services->folder_ = TRY(make_private_folder());
  auto* self = services.get();
  services->metadata_ =
      TRY(http::serve(options_at(services->metadata_path()), [self](http::Request& request) {
        return answer_metadata(*self->facts(), request);
      }));
  services->wire_ = TRY(http::serve(options_at(services->wire_path()), [self](auto& request) {
    auto answer = answer_wire(*self->facts(), request);
    self->take(answer.report);
    return std::move(answer.reply);
  }));
  return services;
}

Services::~Services() {
  metadata_.reset();
  wire_.reset();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::shared_ptr<const Facts> Services::facts() const {
  const std::lock_guard lock(facts_mutex_);
  return facts_;
}

void Services::set_facts(Facts facts) {
  auto next = std::make_shared<const Facts>(std::move(facts));
  const std::lock_guard lock(facts_mutex_);
  facts_ = std::move(next);
}

void Services::take(const Report& news) {
  const std::lock_guard lock(report_mutex_);
  bool changed = false;
  if (news.health != Health::unknown &&
      (news.health != report_.health || news.text != report_.text)) {
    report_.health = news.health;
    report_.text = news.text;
    changed = true;
  }
  // An agent's name alone says less than its name and version.
  if (!news.agent.empty() && !report_.agent.starts_with(news.agent)) {
    report_.agent = news.agent;
    changed = true;
  }
  if (changed && on_report_) on_report_(report_);
}

}  // namespace pinaco::guest
