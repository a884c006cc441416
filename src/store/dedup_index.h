// The dedup index: which blocks a region has and where. A cache, never a truth: built from the
// samples of the packs, it may miss blocks, and then they are stored again.
//
//   hint     a block is looked for first behind where the one before it was found
//   table    all blocks of the packs whose index is loaded, the last used ones
//   samples  one block in 32 names the pack whose index to load (sparse_index.h)
//
// A DedupSession is one import. Its own new blocks are in the table from the moment they are
// placed, but only it finds them until their pack is durable.
//
// Threads: any; one mutex, never held over I/O. Lifetime: the index outlives its sessions.
// Limits: memory_bytes for table and loaded indexes, and what sparse_index.h says.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "store/manifest.h"
#include "store/pack.h"
#include "store/pins.h"
#include "store/sparse_index.h"

namespace pinaco::store {

class DedupSession;

class DedupIndex {
 public:
  explicit DedupIndex(std::uint64_t memory_bytes);

  // A pack that is in the region, and one that is leaving it.
  void add(const Digest& pack, std::span<const std::uint64_t> samples);
  void remove(const Digest& pack);
  // Puts the blocks of a known pack in the table; an unknown one is ignored.
  void load(const Digest& pack, std::shared_ptr<const PackIndex> index);
  bool knows(const Digest& pack) const;
  bool is_loaded(const Digest& pack) const;
  std::size_t packs_loaded_max() const { return packs_max_; }
  std::size_t memory_bytes() const;

 private:
  friend class DedupSession;

  static constexpr std::uint32_t none = 0xffffffff;

  struct Pack {
    Digest name;
    bool alive = false;
    std::uint32_t shelf = none;
  };
  // A loaded index, or an open pack of a session.
  struct Shelf {
    std::shared_ptr<const PackIndex> index;  // null while the pack is open
    Digests digests;
    std::uint32_t number = none;
    DedupSession* owner = nullptr;
    std::uint32_t ref = no_pack;  // the owner's
    std::uint64_t used = 0;
    bool taken = false;
  };
  struct Hit {
    std::uint32_t shelf = 0;
    std::uint32_t slot = 0;
  };

  std::uint32_t add_pack(const Digest& pack, std::span<const std::uint64_t> samples);
  std::uint32_t take_shelf();
  void fill_shelf(std::uint32_t shelf);
  void clear_shelf(std::uint32_t shelf);
  bool evict_one();
  std::size_t home_of(const Digest& digest) const;
  const Digest& digest_of(std::uint64_t entry) const;
  bool insert(const Digest& digest, Hit at);
  void erase(const Digest& digest, Hit at);
  std::optional<Hit> find(const Digest& digest, const DedupSession* session) const;

  const std::size_t packs_max_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> table_;  // tag, shelf + 1, slot; 0: free
  std::size_t table_used_ = 0;
  std::vector<Shelf> shelves_;
  std::size_t shelves_public_ = 0;
  std::uint64_t tick_ = 0;
  std::vector<Pack> packs_;  // by number
  std::unordered_map<Digest, std::uint32_t> numbers_;
  SparseIndex sparse_;
};

class DedupSession {
 public:
  DedupSession(DedupIndex& index, std::shared_ptr<PinSet> pins)
      : index_(index), pins_(std::move(pins)) {}
  ~DedupSession();
  DedupSession(const DedupSession&) = delete;
  DedupSession& operator=(const DedupSession&) = delete;

  // The packs to load before `digests` are placed.
  std::vector<Digest> wanted(std::span<const Digest> digests) const;

  // A pack that is being filled; only place() may append to its digests.
  struct Open {
    std::uint32_t shelf = 0;
    std::uint32_t ref = no_pack;
    std::shared_ptr<std::vector<Digest>> digests;
  };
  Open open(std::shared_ptr<std::vector<Digest>> digests);

  // Remembers where the last block was found.
  struct Hint {
    std::shared_ptr<const PackIndex> index;
    std::uint32_t ref = no_pack;
    std::uint32_t next = 0;
  };
  struct Placed {
    std::uint32_t ref = no_pack;
    std::uint32_t slot = 0;
    bool fresh = false;
  };
  // Places digests from the front, new ones behind the last of `open`, until `fresh_max` were
  // new or all are placed; appends to `placed`. What is found is pinned.
  std::size_t place(std::span<const Digest> digests, std::size_t fresh_max, Open& open, Hint& hint,
                    std::vector<Placed>& placed);

  // The pack got its name.
  void seal(const Open& open, const Digest& name, std::shared_ptr<const PackIndex> index);
  // The sealed pack is durable: everybody may find it.
  void publish(const Open& open);
  // The pack is done with: its blocks are found no more.
  void give_up(const Open& open);
  void name_ref(std::uint32_t ref, const PackLine& line);
  PackLine line_of(std::uint32_t ref) const;

 private:
  std::uint32_t find_ref(const DedupIndex::Shelf& shelf);

  DedupIndex& index_;
  const std::shared_ptr<PinSet> pins_;
  // Under the index's mutex.
  std::vector<PackLine> lines_;                                   // by ref
  std::unordered_map<std::uint32_t, std::uint32_t> number_refs_;  // pack number → ref
};

}  // namespace pinaco::store
