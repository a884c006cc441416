// A small cache of pieces: a read asks for its piece and the next ones that hold data, and waits
// for its own.
#include "app/link_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>

#include "os/lanes.h"

namespace pinaco::app {
namespace {

constexpr std::uint64_t piece_bytes = page_bytes_max;

struct Piece {
  bool ready = false;
  Result<Bytes> bytes = Bytes();
};

class LinkDisk final : public DiskReader {
 public:
  LinkDisk(std::shared_ptr<const PageBlob> blob, std::uint64_t size_bytes, std::vector<Extent> data,
           std::size_t lanes)
      : blob_(std::move(blob)),
        size_bytes_(size_bytes),
        data_(std::move(data)),
        ahead_(lanes),
        pieces_max_(3 * lanes),
        lanes_(lanes, pieces_max_) {}

  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t offset, MutableBytes into) const override;
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override;

 private:
  Result<> check(std::uint64_t offset, std::uint64_t length) const {
    if (offset <= size_bytes_ && length <= size_bytes_ - offset) return {};
    return fail(Kind::invalid, "A range goes past the end of the disk.");
  }
  // The first extent that ends after the offset.
  std::vector<Extent>::const_iterator data_at(std::uint64_t offset) const {
    return std::ranges::upper_bound(data_, offset, {},
                                    [](const Extent& e) { return e.offset + e.length; });
  }
  bool has_data(std::uint64_t index) const {
    const auto at = data_at(index * piece_bytes);
    return at != data_.end() && at->offset < (index + 1) * piece_bytes;
  }
  Result<std::shared_ptr<Piece>> piece(std::uint64_t index) const;
  void ask_for(std::uint64_t index) const;  // the mutex is held

  const std::shared_ptr<const PageBlob> blob_;
  const std::uint64_t size_bytes_;
  const std::vector<Extent> data_;
  const std::size_t ahead_;
  const std::size_t pieces_max_;
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  mutable std::map<std::uint64_t, std::shared_ptr<Piece>> pieces_;
  mutable std::deque<std::uint64_t> order_;  // of asking
  mutable os::Lanes lanes_;                  // last: its jobs use the rest
};

void LinkDisk::ask_for(std::uint64_t index) const {
  if (pieces_.contains(index)) return;
  while (order_.size() >= pieces_max_) {
    pieces_.erase(order_.front());
    order_.pop_front();
  }
  auto piece = std::make_shared<Piece>();
  const auto job = [this, index, piece] {
    const auto offset = index * piece_bytes;
    Bytes bytes(std::min<std::uint64_t>(piece_bytes, size_bytes_ - offset));
    const auto got = blob_->get(offset, bytes);
    const std::lock_guard lock(mutex_);
    piece->bytes = got ? Result<Bytes>(std::move(bytes)) : std::unexpected(got.error());
    piece->ready = true;
    came_.notify_all();
  };
  // When the lanes are full, a later read asks again.
  if (!lanes_.try_run(job)) return;
  pieces_[index] = piece;
  order_.push_back(index);
}

Result<std::shared_ptr<Piece>> LinkDisk::piece(std::uint64_t index) const {
  std::unique_lock lock(mutex_);
  std::shared_ptr<Piece> wanted;
  while (wanted == nullptr) {
    ask_for(index);
    const auto found = pieces_.find(index);
    if (found != pieces_.end()) {
      wanted = found->second;
    } else {
      came_.wait(lock);  // the lanes are full, so something will come
    }
  }
  const std::uint64_t pieces = (size_bytes_ + piece_bytes - 1) / piece_bytes;
  std::size_t asked = 0;
  for (auto at = data_at((index + 1) * piece_bytes); at != data_.end() && asked < ahead_; ++at) {
    const auto first = std::max(index + 1, at->offset / piece_bytes);
    const auto last = std::min(pieces - 1, (at->offset + at->length - 1) / piece_bytes);
    for (auto next = first; next <= last && asked < ahead_; ++next, ++asked) ask_for(next);
  }
  came_.wait(lock, [&] { return wanted->ready; });
  if (!wanted->bytes) {  // the next read asks again
    pieces_.erase(index);
    std::erase(order_, index);
    return std::unexpected(wanted->bytes.error());
  }
  return wanted;
}

Result<> LinkDisk::read(std::uint64_t offset, MutableBytes into) const {
  TRY(check(offset, into.size()));
  while (!into.empty()) {
    const auto index = offset / piece_bytes;
    const auto skip = static_cast<std::size_t>(offset % piece_bytes);
    const auto part = into.first(std::min<std::size_t>(into.size(), piece_bytes - skip));
    if (has_data(index)) {
      const auto found = TRY(piece(index));
      std::ranges::copy(ByteView(*found->bytes).subspan(skip, part.size()), part.begin());
    } else {
      std::ranges::fill(part, std::uint8_t{0});
    }
    offset += part.size();
    into = into.subspan(part.size());
  }
  return {};
}

Result<std::vector<Extent>> LinkDisk::extents(std::uint64_t offset, std::uint64_t length) const {
  TRY(check(offset, length));
  std::vector<Extent> result;
  const auto end = offset + length;
  for (auto at = data_at(offset); offset < end; ++at) {
    const auto data = at == data_.end() ? end : std::clamp(at->offset, offset, end);
    if (offset < data) result.push_back({.offset = offset, .length = data - offset, .zero = true});
    offset = data;
    if (at == data_.end() || offset == end) break;
    const auto stop = std::min(end, at->offset + at->length);
    result.push_back({.offset = offset, .length = stop - offset});
    offset = stop;
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<DiskReader>> open_link(std::shared_ptr<const PageBlob> blob,
                                              std::uint64_t size_bytes, std::size_t lanes) {
  auto pages = TRY(blob->list_pages());
  if (pages.size_bytes != 0 && pages.size_bytes != size_bytes &&
      pages.size_bytes != size_bytes + 512) {
    return fail(Kind::corrupt, fmt::format("The link serves {} bytes, but the disk has {}.",
                                           pages.size_bytes, size_bytes));
  }
  while (!pages.data.empty() && pages.data.back().offset >= size_bytes) pages.data.pop_back();
  if (!pages.data.empty()) {
    auto& last = pages.data.back();
    last.length = std::min(last.length, size_bytes - last.offset);
  }
  return std::make_unique<LinkDisk>(std::move(blob), size_bytes, std::move(pages.data), lanes);
}

}  // namespace pinaco::app
