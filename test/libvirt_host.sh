# For scripts that need a libvirt host: sourced after server.sh. A daemon of its own in $work, which
# sees folders and accounts of its own, reached in three ways:
#
#   $by_socket, $by_tls, $by_ssh   URIs; the last is empty without sshd
#   $disks_port                    a free port
#   ask_host ARGUMENTS             virsh
#   host_settings URI              the settings of [machines] for a server with this host

(($(id -u) == 0)) || skip "a libvirt daemon of our own needs root"
for tool in libvirtd virsh virt-ssh-helper unshare ss openssl; do
  command -v $tool >/dev/null || skip "$tool is missing (./dev setup)"
done
home=$work/libvirt by_socket="qemu+unix:///system?socket=$work/libvirt/run/libvirt-sock" by_ssh=''
mkdir -p "$home"/{etc,run,lib,log,cache,pool,keys}
chmod 755 "$work" "$home"

free_port() {
  local port
  until port=$((RANDOM % 20000 + 20000)) && [[ -z $(ss -Hltn "sport = :$port") ]]; do :; done
  echo $port
}
disks_port=$(free_port) tls_port=$(free_port)

certificate() {  # NAME EXTENSION, signed by ours
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$home/keys/$1key.pem" \
    -out "$home/keys/request" 2>/dev/null
  openssl x509 -req -in "$home/keys/request" -CA "$home/keys/cacert.pem" -CAcreateserial \
    -CAkey "$home/keys/cakey.pem" -days 1 -extfile <(echo "$2") \
    -out "$home/keys/$1cert.pem" 2>/dev/null
}
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 1 -keyout "$home/keys/cakey.pem" \
  -out "$home/keys/cacert.pem" 2>/dev/null
certificate server subjectAltName=IP:127.0.0.1
certificate client extendedKeyUsage=clientAuth
by_tls="qemu+tls://127.0.0.1:$tls_port/system?pkipath=$home/keys"

# An account that may not use /dev/kvm would make libvirt ask QEMU anew at every call.
printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'namespaces = []' \
  'cgroup_controllers = []' 'stdio_handler = "file"' >"$home/etc/qemu.conf"
printf '%s\n' 'auth_unix_rw = "none"' "unix_sock_dir = \"$home/run\"" 'listen_tls = 1' \
  "tls_port = \"$tls_port\"" 'listen_addr = "127.0.0.1"' "ca_file = \"$home/keys/cacert.pem\"" \
  "cert_file = \"$home/keys/servercert.pem\"" "key_file = \"$home/keys/serverkey.pem\"" \
  >"$home/etc/libvirtd.conf"
# libvirt looks for its account even where it does not use it.
for file in passwd group; do
  grep -v ^libvirt-qemu: /etc/$file >"$home/etc/$file"
done
echo 'libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin' >>"$home/etc/passwd"
echo 'libvirt-qemu:x:64055:' >>"$home/etc/group"
host_sees() {  # COMMAND: becomes it, with the host's folders and accounts
  exec unshare -m bash -c '
    set -e
    for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt \
      cache:/var/cache/libvirt; do
      mkdir -p "${pair#*:}"
      mount --bind "$0/${pair%%:*}" "${pair#*:}"
    done
    for file in passwd group; do mount --bind "$0/etc/$file" /etc/$file; done
    exec "$@"' "$home" "$@"
}
host_sees libvirtd --listen -f "$home/etc/libvirtd.conf" -p "$home/run/pid" \
  >"$home/log/libvirtd" 2>&1 &
libvirtd=$! sshd=''

if [[ -x /usr/sbin/sshd ]]; then
  for name in host me; do ssh-keygen -q -t ed25519 -N '' -f "$home/keys/$name"; done
  ssh_port=$(free_port)
  mkdir -p /run/sshd
  host_sees /usr/sbin/sshd -D -f /dev/null -p "$ssh_port" -h "$home/keys/host" \
    -o ListenAddress=127.0.0.1 -o AuthorizedKeysFile="$home/keys/me.pub" -o StrictModes=no \
    -o PidFile=none -o UsePAM=no -o PermitRootLogin=yes >"$home/log/sshd" 2>&1 &
  sshd=$!
  # The account's own list of hosts stays as it is.
  printf '#!/bin/sh\nexec ssh -F none -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"\n' \
    >"$home/ssh"
  chmod 755 "$home/ssh"
  by_ssh="qemu+ssh://root@127.0.0.1:$ssh_port/system?keyfile=$home/keys/me&no_verify=1&no_tty=1"
  by_ssh+="&command=$home/ssh"
fi

ask_host() { virsh -q -c "$by_socket" "$@"; }
end_host() {
  for id in $(ask_host list --uuid 2>/dev/null); do ask_host destroy "$id" >/dev/null || true; done
  kill $libvirtd $sshd 2>/dev/null || true
  wait $libvirtd $sshd 2>/dev/null || true
}
trap 'end_guests; stop_server KILL; end_host; rm -rf "$work"' EXIT

until ask_host version >/dev/null 2>&1; do
  kill -0 $libvirtd 2>/dev/null || fail "libvirtd ended: $(cat "$home/log/libvirtd")"
  sleep 0.1
done
ask_host pool-define-as default dir --target "$home/pool" >/dev/null

host_settings() {
  printf '\ndriver = "libvirt"\ndisks_port = %d\n[[machines.host]]\nname = "far"\nuri = "%s"\n' \
    "$disks_port" "$1"
  printf 'memory_mib = 4096\naccelerator = "tcg"\n'
}
