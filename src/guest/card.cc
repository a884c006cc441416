// The card: one thread moves frames between QEMU's socket and the user network. On the socket each
// frame comes after its length, four bytes, big-endian (QEMU's net/stream.c).
#include <condition_variable>

#include "base/log.h"
#include "guest/dhcp.h"
#include "guest/services.h"
#include "guest/user_network.h"
#include "os/poll.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t waiting_bytes_max = 4 << 20;
constexpr std::size_t stream_frame_bytes_max = 64 << 10;
constexpr std::size_t length_bytes = 4;
constexpr std::size_t read_bytes = 64 << 10;

class CardImpl final : public Card {
 public:
  CardImpl(os::Socket qemu, os::Waker waker, std::unique_ptr<Services> services, Layout layout)
      : qemu_(std::move(qemu)),
        waker_(std::move(waker)),
        services_(std::move(services)),
        layout_(layout) {}
  ~CardImpl() override;

  Result<> start();
  Result<> change(Facts facts) override;

 private:
  Result<> open_network();  // with the mutex held
  void run();
  bool turn(std::vector<pollfd>& all);  // false at the end of the guest's side
  bool read_frames();
  void take_frame(MutableBytes frame);
  void queue(ByteView frame);
  bool write_frames();

  const os::Socket qemu_;
  const os::Waker waker_;
  const std::unique_ptr<Services> services_;

  std::mutex mutex_;  // for all below
  Layout layout_;
  std::unique_ptr<UserNetwork> network_;
  std::uint64_t networks_ = 0;  // opened so far: what was waited for may be another's
  Bytes in_;                    // the beginning of a frame
  Bytes out_;                   // whole frames with their lengths; out_from_ of it is sent
  std::size_t out_from_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t turns_ = 0;  // of the thread that waits for sockets
  std::condition_variable turned_;
  bool at_once_ = false;  // the next turn does not wait
  bool ending_ = false;
  bool ended_ = false;
  std::thread thread_;
};

CardImpl::~CardImpl() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

Result<> CardImpl::start() {
  const std::lock_guard lock(mutex_);
  TRY(open_network());
  TRY(network_->set_forwards(services_->facts()->forwards));
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<> CardImpl::open_network() {
  network_.reset();  // lets go of the addresses that the next may want
  const UserNetwork::Services at = {.metadata_path = services_->metadata_path(),
                                    .wire_path = services_->wire_path()};
  network_ = TRY(UserNetwork::open(layout_, at, [this](const Bytes& frame) { queue(frame); }));
  ++networks_;
  return {};
}

Result<> CardImpl::change(Facts facts) {
  TRY(check_facts(facts));
  const auto layout = TRY(layout_of(facts));
  std::unique_lock lock(mutex_);
  if (ended_) return fail(Kind::unavailable, "The guest has closed its network card.");
  if (facts.id != services_->facts()->id) {
    return fail(Kind::invalid, "A card stays with its guest: the id may not change.");
  }
  const auto forwards = facts.forwards;
  services_->set_facts(std::move(facts));
  if (!(layout == layout_) || !network_) {
    layout_ = layout;
    TRY(open_network());
  }
  auto done = network_->set_forwards(forwards);
  // A socket that was closed goes on listening while a thread still waits for it.
  const auto before = turns_;
  waker_.wake();
  turned_.wait_for(lock, Seconds(1), [&] { return turns_ != before || ended_; });
  return done;
}

void CardImpl::run() {
  os::ignore_broken_pipes_of_this_thread();
  std::vector<pollfd> all;
  while (turn(all)) {
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  network_.reset();
  if (dropped_ > 0) LOG(info, "guest", "a guest was too slow for {} frames", dropped_);
}

bool CardImpl::turn(std::vector<pollfd>& all) {
  Milliseconds wait = Seconds(10);
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return false;
    const short wanted = out_.empty() ? POLLIN : POLLIN | POLLOUT;
    all = {{.fd = waker_.descriptor(), .events = POLLIN, .revents = 0},
           {.fd = qemu_.descriptor(), .events = wanted, .revents = 0}};
    if (network_) wait = network_->prepare(all);
    if (std::exchange(at_once_, false)) wait = Milliseconds(0);
    number = networks_;
  }
  if (auto waited = os::wait_descriptors(all, wait); !waited) {
    LOG(error, "guest", "a network card ends: {}", waited.error().message);
    return false;
  }
  const std::lock_guard lock(mutex_);
  turns_++;
  turned_.notify_all();
  if (all[0].revents != 0) waker_.clear();
  if (network_ && number == networks_) network_->handle(all);
  if ((all[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_frames()) return false;
  return write_frames();
}

bool CardImpl::read_frames() {
  const auto before = in_.size();
  in_.resize(before + read_bytes);
  const auto got = qemu_.read_some(MutableBytes(in_).subspan(before), Milliseconds(0));
  if (!got || *got == 0) return false;
  in_.resize(before + *got);
  std::size_t from = 0;
  while (in_.size() - from >= length_bytes) {
    const std::size_t length = load_be<std::uint32_t>(in_, from);
    if (length > stream_frame_bytes_max) {
      LOG(warning, "guest", "a network card ends: a frame of {} bytes", length);
      return false;
    }
    if (in_.size() - from - length_bytes < length) break;
    take_frame(MutableBytes(in_).subspan(from + length_bytes, length));
    from += length_bytes + length;
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(from));
  return true;
}

void CardImpl::take_frame(MutableBytes frame) {
  switch (admit(frame, layout_)) {
    case Verdict::drop:
      return;
    case Verdict::dhcp:
      if (const auto answer = answer_dhcp(frame, layout_)) queue(*answer);
      return;
    case Verdict::pass:
      if (network_) network_->input(frame);
      // libslirp sends what waited for the guest's hardware address when it is asked next.
      if (load_be<std::uint16_t>(frame, 12) == 0x0806) at_once_ = true;
  }
}

void CardImpl::queue(ByteView frame) {
  if (out_.size() - out_from_ + length_bytes + frame.size() > waiting_bytes_max) {
    ++dropped_;
    return;
  }
  std::uint8_t length[length_bytes];
  store_be(length, 0, static_cast<std::uint32_t>(frame.size()));
  append(out_, length);
  append(out_, frame);
}

bool CardImpl::write_frames() {
  while (out_from_ < out_.size()) {
    const ByteView part[] = {ByteView(out_).subspan(out_from_)};
    const auto sent = qemu_.try_write(part);
    if (!sent) return false;
    if (*sent == 0) break;
    out_from_ += *sent;
  }
  if (out_from_ == out_.size()) {
    out_.clear();
    out_from_ = 0;
  } else if (out_from_ > waiting_bytes_max / 2) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_from_));
    out_from_ = 0;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Card>> Card::attach(os::Socket qemu, Facts facts,
                                           std::function<void(const Report&)> on_report) {
  TRY(check_facts(facts));
  const auto layout = TRY(layout_of(facts));
  auto waker = TRY(os::Waker::open());
  auto services = TRY(Services::start(std::move(facts), std::move(on_report)));
  auto card =
      std::make_unique<CardImpl>(std::move(qemu), std::move(waker), std::move(services), layout);
  TRY(card->start());
  return card;
}

}  // namespace pinaco::guest
