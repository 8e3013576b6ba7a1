#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the .deb of a release build and tries it: `try.sh BUILD [--short]`. Needs dpkg-dev, lintian and systemd; without
# --short also debootstrap, root, and the package mirror that apt uses: it is installed in a clean Debian, used there,
# removed and purged, and nothing may stay.
set -euo pipefail
build=$(realpath "$1")
short=${2-}
here=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n-- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

step "the package"
(cd "$work" && cpack --config "$build/CPackConfig.cmake" -B "$work" >"$work/cpack.log") || { cat "$work/cpack.log"; fail cpack; }
package=$(echo "$work"/pwh_*.deb)
dpkg -I "$package"
ls -l "$package"
version=$(dpkg-deb -f "$package" Version)
[[ $version == "$("$build/pwh" --version | cut -d ' ' -f 2)-1" ]] || fail "its version is $version"
[[ $(dpkg-deb -f "$package" Depends) == *libcurl4*libc6* ]] || fail "dependencies: $(dpkg-deb -f "$package" Depends)"

step "lintian"
lintian --fail-on error --allow-root "$package"

step "what is in it"
dpkg-deb -x "$package" "$work/root"
dpkg-deb -e "$package" "$work/control"
for path in usr/bin/pwh usr/share/doc/pwh/{copyright,README.md,changelog.Debian.gz} \
    usr/share/bash-completion/completions/pwh usr/share/zsh/vendor-completions/_pwh \
    usr/share/fish/vendor_completions.d/pwh.fish lib/systemd/system/pwh-{listen,nightly,status}.service \
    lib/systemd/system/pwh-listen.socket lib/systemd/system/pwh-{nightly,status}.timer; do
    [[ -f $work/root/$path ]] || fail "there is no $path"
done
for page in "$here"/man/*.1; do
    gzip -t "$work/root/usr/share/man/man1/$(basename "$page").gz" || fail "no page $page"
done
(cd "$work/root" && md5sum --quiet -c "$work/control/md5sums") || fail md5sums
[[ $(find "$work/root" -type f | wc -l) == $(wc -l <"$work/control/md5sums") ]] || fail "md5sums does not name every file"
dpkg-deb -c "$package" | grep -v ' root/root ' && fail "somebody else's files"
find "$work/root" -mindepth 1 \( -perm /022 -o ! -perm -004 \) | grep . && fail "modes"
readelf -S "$work/root/usr/bin/pwh" | grep -q '\.symtab' && fail "it is not stripped"

step "systemd-analyze"
for unit in "$work"/root/lib/systemd/system/*.service; do
    line=$(systemd-analyze security --offline=true --no-pager "$unit" | tail -n 1)
    echo "$line"
    [[ $line =~ :\ ([0-9])\.[0-9] && ${BASH_REMATCH[1]} -lt 2 ]] || fail "$unit is exposed"
done
verify() { systemd-analyze verify --man=no --root="$1" pwh-{listen,nightly,status}.service pwh-listen.socket pwh-{nightly,status}.timer 2>&1; }

if [[ $short == --short ]]; then
    echo "passed (short)"
    exit 0
fi

step "a clean Debian"
root=$work/debian
source_of() { apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | grep ' main$' | head -n 1; }
read -r mirror suite _ < <(source_of)
debootstrap --variant=minbase --include=systemd "$suite" "$root" "$mirror" >"$work/debootstrap.log" || { tail "$work/debootstrap.log"; fail debootstrap; }
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp "$package" "$root/tmp/pwh.deb"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root "$@"; }
inside apt-get -qq update
inside apt-get -qq satisfy -y --no-install-recommends "$(dpkg-deb -f "$package" Depends)" >/dev/null

listing() { (cd "$root" && find . -xdev \( -path ./tmp -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./var/log -o -path ./var/cache \
    -o -path './var/lib/dpkg' -o -path ./var/lib/apt \) -prune -o -printf '%p %y %m %U:%G\n' | sort); }
listing >"$work/before"

step "install"
inside dpkg -i /tmp/pwh.deb
inside pwh --version
inside pwh sandbox --emit 20 -- pwh listen --listen 127.0.0.1:0 --subscribe indexed --max-events 2
inside sh -c 'pwh list --server localhost:1 --username u --no-input' && fail "a list of nothing"
found=$(verify "$root") || fail "systemd-analyze verify: $found"
[[ -z $found ]] || fail "systemd-analyze verify says: $found"

step "remove and purge"
# What the service would have left behind.
[[ -d $root/var/lib/private ]] || fail "systemd has no /var/lib/private"
install -d -m 700 "$root/var/lib/private/pwh"
ln -s private/pwh "$root/var/lib/pwh"
echo secret >"$root/var/lib/private/pwh/secrets.json"
inside systemctl enable pwh-listen.socket pwh-listen.service pwh-nightly.timer >/dev/null 2>&1 || fail "systemctl enable"
inside dpkg -r pwh
[[ -f $root/var/lib/private/pwh/secrets.json ]] || fail "removing forgot the state, which only a purge may"
inside dpkg -P pwh
listing >"$work/after"
diff "$work/before" "$work/after" || fail "something stays"
inside dpkg -s pwh >/dev/null 2>&1 && fail "it is still known"

echo "passed"
