#!/bin/bash
# Installs what wherry needs from Debian:  tools/install-deps.sh run|build|test ...
#
#   run    to run it: shared libraries, the container runtime, nftables, and the system user `wherry`
#   build  to compile it
#   test   to test it: test libraries, sanitizers and fuzzers, and the programs it is tested against
#
# Idempotent: when nothing is missing it does nothing, and asks the network nothing.  Debian 12 lacks two libraries (JSON
# and HTTP parsing); there the next release becomes a source of the lowest priority with just those packages raised.  Its
# mirror and keyring are those that the machine's own configuration names for its own release.
set -euo pipefail

readonly SOURCE=/etc/apt/sources.list.d/wherry-next.sources
readonly PREFERENCES=/etc/apt/preferences.d/wherry-next

# One entry a package; a|b means either (Debian 13 renamed the libraries that count seconds in 64 bits).
readonly RUN=(crun nftables iproute2 busybox-static ca-certificates 'libssl3|libssl3t64' libyyjson0 libwslay1 libmnl0
	libnfnetlink0 libnetfilter-conntrack3)
readonly BUILD=(gcc libc6-dev make meson ninja-build pkg-config python3 git libssl-dev libyyjson-dev libmnl-dev
	libnetfilter-conntrack-dev libnfnetlink-dev libwslay-dev libuv1-dev libnghttp2-dev libllhttp-dev libyaml-dev
	zlib1g-dev libzstd-dev libarchive-dev libpcre2-dev libnftnl-dev libldns-dev)
readonly TEST=(libcmocka-dev python3-pytest python3-pytest-xdist python3-kubernetes python3-yaml clang libclang-rt-dev clang-format
	iproute2 busybox-static docker-registry skopeo openssl nghttp2-client nghttp2-server hyperfine bind9-dnsutils curl
	etcd-server etcd-client runc conntrack procps util-linux)

die()
{
	echo "install-deps: $*" >&2
	exit 1
}

installed()
{
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

# The first name of an entry that is installed, or else that this release has.
choose()
{
	local name names
	IFS='|' read -ra names <<<"$1"
	for name in "${names[@]}"; do
		if installed "$name"; then echo "$name"; return; fi
	done
	for name in "${names[@]}"; do
		if apt-cache show --no-all-versions "$name" 2>/dev/null | grep -q '^Version:'; then echo "$name"; return; fi
	done
	echo "${names[0]}"
}

# Prints "URI", and then the Signed-By field if there is one, of the source that gives this machine its own release.
own_source()
{
	local codename=$1 uri entry file
	read -r uri entry < <(apt-get indextargets --format '$(REPO_URI) $(SOURCESENTRY) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
		awk -v release="$codename" '$3 == release && $4 == "main" && $5 == "Packages" { print $1, $2; exit }') ||
		die "apt knows no source of $codename main: add one to /etc/apt/sources.list.d"
	echo "URIs: ${uri%/}"
	file=${entry%:*}
	case $file in
	*.sources)
		# The stanza that names the release; a key may be written out in lines that start with a space.
		awk -v release="$codename" '
			function flush() { if (mine && key != "") { printf "%s", key; done = 1; exit } mine = 0; key = "" }
			/^[[:space:]]*$/ { flush(); next }
			/^#/ { next }
			/^[^[:space:]]/ { in_key = 0 }
			tolower($1) == "suites:" { for (i = 2; i <= NF; i++) if ($i == release) mine = 1 }
			tolower($1) == "signed-by:" { in_key = 1 }
			in_key { key = key $0 "\n" }
			END { if (!done && mine) printf "%s", key }' "$file" ;;
	*)
		sed -nE "s/^deb .*\[.*signed-by=([^] ]+).*\].* $codename .*/Signed-By: \1/p" "$file" | head -n 1 ;;
	esac
}

# Writes standard input to a file unless it holds that already; true when it changed.
write_if_new()
{
	local text
	text=$(cat)
	if [ -f "$1" ] && [ "$(cat "$1")" = "$text" ]; then return 1; fi
	printf '%s\n' "$text" >"$1"
}

# Makes the next release's two libraries available; true when the configuration changed.
add_next_release()
{
	local codename=$1 next=$2 changed=1 own
	own=$(own_source "$codename") || exit 1
	write_if_new "$SOURCE" <<-END && changed=0
		Types: deb
		$(head -n 1 <<<"$own")
		Suites: $next
		Components: main
		$(tail -n +2 <<<"$own")
	END
	write_if_new "$PREFERENCES" <<-END && changed=0
		Package: *
		Pin: release n=$next
		Pin-Priority: 1

		Package: libyyjson* libllhttp*
		Pin: release n=$next
		Pin-Priority: 500
	END
	return "$changed"
}

install_missing()
{
	local entry name missing=()
	for entry in "$@"; do
		name=$(choose "$entry")
		installed "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "install-deps: installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null ||
		die "apt-get could not install ${missing[*]}; its message is above"
	# The tests start servers of their own; on a machine with systemd the packages have just started the system's.
	for name in etcd-server docker-registry; do
		if [ -d /run/systemd/system ] && [[ " ${missing[*]} " == *" $name "* ]]; then
			systemctl disable --now --quiet "${name%-server}.service" || true
		fi
	done
}

any_missing()
{
	local entry name names
	for entry in "$@"; do
		IFS='|' read -ra names <<<"$entry"
		for name in "${names[@]}"; do
			installed "$name" && continue 2
		done
		return 0
	done
	return 1
}

main()
{
	local wanted=() part VERSION_ID='' VERSION_CODENAME='' ID=''
	[ $# -gt 0 ] || die 'say what for: run, build, test'
	[ -r /etc/os-release ] && . /etc/os-release
	[ "$ID" = debian ] || die "this is ${ID:-an unknown system}; the packages are known for Debian 12 and 13"
	for part in "$@"; do
		case $part in
		run) wanted+=("${RUN[@]}") ;;
		build) wanted+=("${BUILD[@]}") ;;
		test)
			wanted+=("${TEST[@]}")
			# npm fetches real clients.  Debian's conflicts with a Node.js from elsewhere, which brings its own.
			command -v npm >/dev/null || wanted+=(npm) ;;
		*) die "unknown part $part: run, build, test" ;;
		esac
	done
	if any_missing "${wanted[@]}"; then
		[ "$(id -u)" = 0 ] || die "packages are missing; run it as root"
		if [ "$VERSION_ID" = 12 ]; then add_next_release "$VERSION_CODENAME" trixie || true; fi
		echo 'install-deps: reading the package lists'
		apt-get update -qq -o DPkg::Lock::Timeout=300 >/dev/null || die 'apt-get update failed; its message is above'
		install_missing "${wanted[@]}"
	fi
	if [[ " $* " == *' run '* ]] && ! getent passwd wherry >/dev/null; then
		[ "$(id -u)" = 0 ] || die "the user wherry is missing; run it as root"
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wherry
		echo 'install-deps: made the user wherry'
	fi
}

main "$@"
