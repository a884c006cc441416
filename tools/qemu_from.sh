# For scripts that want guests of a server to read their disks from somewhere else: sourced, after
# $work is there and before the server starts. A program called like QEMU comes first in PATH; it
# starts the real one with the first layer of each disk changed, and all else as it was.
#
#   disks_from store           as the server says (also without a call)
#   disks_from file FILE       a raw file
#   disks_from socket SOCKET   the export "" of another NBD server
#   started_at                 when the last one started, in ns since 1970

qemu_name=qemu-system-x86_64
real_qemu=$(command -v $qemu_name)
mkdir -p "$work/bin"
cat >"$work/bin/$qemu_name" <<END
#!/bin/bash
arguments=()
if [[ \$* == *-blockdev* && -s "$work/disks_from" ]]; then
  for each; do
    if [[ \$each == '{"driver":"nbd"'* ]]; then
      each=\$(jq -c --slurpfile from "$work/disks_from" \
        '\$from[0] + {"node-name": .["node-name"], "read-only": true}' <<<"\$each")
    fi
    arguments+=("\$each")
  done
  set -- "\${arguments[@]}"
fi
[[ \$* != *smbios* ]] || date +%s%N >"$work/started_at"
exec "$real_qemu" "\$@"
END
chmod 755 "$work/bin/$qemu_name"
export PATH=$work/bin:$PATH

disks_from() {
  case $1 in
    store) rm -f "$work/disks_from" ;;
    file)
      jq -n --arg path "$2" '{driver: "raw", file: {driver: "file", filename: $path,
        "read-only": true}}' >"$work/disks_from"
      ;;
    socket)
      jq -n --arg path "$2" '{driver: "nbd", export: "", server: {type: "unix", path: $path}}' \
        >"$work/disks_from"
      ;;
  esac
}
started_at() { cat "$work/started_at"; }
