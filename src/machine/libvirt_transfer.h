// Files on their way to volumes and back, as libvirt's streams ask for them piece by piece.
#pragma once

#include <libvirt/libvirt.h>

#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "os/files.h"

namespace pinaco::machine {

// A file that is sent to the host or comes from there, without its holes.
struct Transfer {
  os::File file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  // of the file; or the most that may come
  const std::function<bool()>& stopped;
  std::vector<os::File::Span> spans = {};  // of the file; some of them are done
  std::size_t span = 0;
  bool differs = false;
  std::optional<Error> error = {};

  bool keep(Result<> done);  // its error; whether it has none
  bool goes_on();
  bool has_room(std::uint64_t length);
};

// What virStreamSparseSendAll calls, with a Transfer of a file that is sent.
int send_some(virStreamPtr stream, char* into, std::size_t size, void* with);
int tell_section(virStreamPtr stream, int* is_data, long long* length, void* with);
int skip_section(virStreamPtr stream, long long length, void* with);
// What virStreamSparseRecvAll calls: for a file that is written, and for one that is compared.
int take_some(virStreamPtr stream, const char* data, std::size_t size, void* with);
int take_hole(virStreamPtr stream, long long length, void* with);
int compare_some(virStreamPtr stream, const char* data, std::size_t size, void* with);
int compare_hole(virStreamPtr stream, long long length, void* with);

}  // namespace pinaco::machine
