// Any bytes as a request to the proxy: it never crashes, and opens tunnels to its names only.
#include "app/proxy.h"

#include "app/clouds.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaco;
  static const std::vector<std::string> hosts = {"a.b", "*.c"};
  const auto answer = app::answer_connect(as_text(ByteView(data, size)), hosts);
  CHECK(answer.status == 200 || !answer.text.empty());
  if (answer.status == 200) CHECK(app::is_host_of(answer.host, hosts));
  return 0;
}
