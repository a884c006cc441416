# Functions for making Debian systems in folders, with debootstrap and chroot but no mount that
# stays. Sourced by debian_image.sh and azure_image.sh after disk.sh; packages come from this
# machine's apt sources.

# open_trees CACHE_DIR LOG: comes first; downloaded packages are kept in CACHE_DIR.
open_trees() {
  cache=$1 log=$2
  (($(id -u) == 0)) || die "needs root, for debootstrap and chroot"
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(RELEASE)|$(COMPONENT)|$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' | sed -n "s/^$codename|main|//p" | head -n 1)
  [[ -n $mirror ]] || die "no $codename main archive in the apt sources; run apt-get update"
  mkdir -p "$cache/first" "$cache/archives/partial"
  # In a chroot the root is no mount point, and its propagation cannot be changed.
  propagation=private
  unshare --mount --propagation private true 2>>"$log" || propagation=unchanged
}

# In a chroot whose mounts and processes end with it.
inside() {  # TREE COMMAND...
  local tree=$1
  shift
  unshare --mount --pid --fork --kill-child --propagation $propagation bash -ec '
    tree=$1 archives=$2
    shift 2
    trap "umount \"$tree/var/cache/apt/archives\" \"$tree/proc\"" EXIT
    mount -t proc proc "$tree/proc"
    mount --bind "$archives" "$tree/var/cache/apt/archives"
    chroot "$tree" "$@"' \
    inside "$tree" "$cache/archives" "$@" >>"$log" 2>&1 || die "failed: $* (see $log)"
}

add_packages() {  # TREE PACKAGE...
  inside "$1" apt-get -q -y -o Dpkg::Options::=--force-unsafe-io \
    -o Binary::apt-get::APT::Keep-Downloaded-Packages=true \
    install --no-install-recommends "${@:2}"
}

# The smallest Debian, ready for add_packages; services that come with packages are not started.
first_tree() {  # TREE
  local tree=$1
  debootstrap --variant=minbase --cache-dir="$cache/first" "$codename" "$tree" "$mirror" \
    >>"$log" 2>&1 || die "debootstrap failed (see $log)"
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod 755 "$tree/usr/sbin/policy-rc.d"
  cp --remove-destination /etc/resolv.conf "$tree/etc/resolv.conf"
  apt-config dump Acquire | grep -i ::proxy >"$tree/etc/apt/apt.conf.d/00build" || true
  inside "$tree" apt-get -q update
}
