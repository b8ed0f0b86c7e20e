#!/bin/sh
# The demo of the README: a container from the embedded image, on the bridge, its record and its log.
set -eu
if [ "$(id -u)" != 0 ]; then
	echo "The demo runs a container, which needs root: sudo sh $0" >&2
	exit 1
fi
# In a network namespace of its own, if unshare(1) is there: the bridge and its rules go with it.
if [ -z "${NANOCONTAINER_DEMO:-}" ] && command -v unshare >/dev/null; then
	NANOCONTAINER_DEMO=1 exec unshare --net sh "$0"
fi
dir=$(mktemp -d /tmp/nanocontainer-demo.XXXXXX)
nc() { ./NanoContainer --root "$dir/root" --run "$dir/run" "$@"; }
tidy() {
	nc ps -aq | while read -r id; do nc rm -f "$id" >/dev/null; done
	rm -rf "$dir"
}
trap tidy EXIT
show() {
	echo
	echo "\$ NanoContainer $*"
	nc "$@"
}
show run --name demo nanocontainer/busybox sh -c 'echo "Hello from PID $$ on $(hostname)"; ip -4 -o addr show eth0; ps'
show ps -a
show logs demo
show version
echo
echo "Every system call of it, with its reason:  sudo ./NanoContainer run --rm --explain nanocontainer/busybox true"
