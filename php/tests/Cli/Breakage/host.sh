#!/usr/bin/env bash
# A host with everything where docs/install.md has it, above the one that the tests run on: /etc, /usr/local and /var are
# changed in memory only, and php-fpm is Debian's own. In namespaces of its own; php-fpm ends with them.
#
#   host.sh CHECKOUT DIRECTORY PHPVERSION set-up
#       installs and configures everything, and keeps it in DIRECTORY/host
#   host.sh CHECKOUT DIRECTORY PHPVERSION breakage CODE
#       starts from that, runs DIRECTORY/break, asks the doctor, runs the remedy of the finding CODE as it stands, and asks again;
#       before.json, remedy and after.json are the answers. An editor in a remedy is DIRECTORY/edit, PAYLOAD a file
set -euo pipefail
checkout=$1 directory=$2 php=$3 action=$4 code=${5:-}
places=(etc usr/local var srv)
etc=/etc/secure-outbound
kept=$directory/host

mount --make-rprivate /
mount -t tmpfs none /mnt
for place in "${places[@]}"; do
    mkdir -p "/mnt/upper/$place" "/mnt/work/$place"
    below=/$place
    [ "$action" = set-up ] || below="$kept/$place:$below"
    mount -t overlay none -o "lowerdir=$below,upperdir=/mnt/upper/$place,workdir=/mnt/work/$place" "/$place"
done
mount -t tmpfs none /run
mkdir -p /run/php /mnt/bin
ip link set lo up

program() {
    cat >"/mnt/bin/$1"
    chmod 0755 "/mnt/bin/$1"
}

export PATH=/mnt/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO=/mnt/bin/cargo EDITOR=$directory/edit
cd "$checkout"

# There is no systemd in here. A reload is over when no worker is left that began before it.
program systemctl <<SYSTEMCTL
#!/bin/bash
set -eu
pid=/run/php/php$php-fpm.pid
master=\$(cat \$pid 2>/dev/null || echo none)
case "\$*" in
    "reload php$php-fpm")
        workers=\$(cat "/proc/\$master/task/\$master/children")
        kill -USR2 "\$master"
        for worker in \$workers; do
            while [ -d "/proc/\$worker" ]; do sleep 0.02; done
        done ;;
    "stop php$php-fpm" | "restart php$php-fpm")
        if [ -d "/proc/\$master" ]; then
            kill -TERM "\$master"
            while [ -d "/proc/\$master" ]; do sleep 0.02; done
        fi
        [ "\$1" = stop ] || php-fpm$php --daemonize ;;
    *) echo "systemctl \$*: not known here" >&2; exit 1 ;;
esac
SYSTEMCTL
# The library is built already.
program cargo <<<'#!/bin/true'

doctor() {
    secure-outbound doctor --format=json "--fpm-socket=/run/php/php$php-fpm.sock" --config=$etc/transport.json \
        --registry=$etc/services.json --credentials=$etc/vault --audit-log=/var/log/secure-outbound/audit.jsonl || true
}

# seal [PAYLOAD]: the credential of the service.
seal() {
    local payload=${1:-'{"type": "bearer", "token": "t", "binding": {"hosts": ["api.example.com"]}}'}
    secure-outbound seal my_api_key --config=$etc/transport.json <<<"$payload" >$etc/vault/my_api_key
}

ini=/etc/php/$php/fpm/conf.d/99-secure-outbound.ini
# setting NAME [VALUE]: another line of the ini file, or none.
setting() {
    sed -i "/^$1 *=/d" "$ini"
    [ $# -eq 1 ] || echo "$1 = $2" >>"$ini"
}

# in_services CODE, in_configuration CODE: changes $service, the entry of the registry, or $config, in PHP.
in_services() {
    in_json $etc/services.json '$service = &$document["services"]["my-api"]; '"$1"
}

in_configuration() {
    in_json $etc/transport.json '$config = &$document; '"$1"
}

in_json() {
    php -r '$document = json_decode(file_get_contents($argv[1]), true);
        eval($argv[2]);
        file_put_contents($argv[1], json_encode($document, JSON_UNESCAPED_SLASHES));' "$1" "$2"
}

# editor COMMAND…: what a person does to the file that a remedy opens.
editor() {
    {
        echo '#!/bin/bash'
        declare -p etc
        declare -f in_services in_json
        printf '%q ' "$@"
    } >"$EDITOR"
    chmod 0755 "$EDITOR"
}

# of_musl FILE: a library that asks for musl, and finds none.
of_musl() {
    local musl=/mnt/libc.musl-x86_64.so.1
    echo >/mnt/empty.c
    cc -shared -nostdlib -Wl,-soname,libc.musl-x86_64.so.1 -o "$musl" /mnt/empty.c
    cc -shared -Wl,--no-as-needed -o "$1" /mnt/empty.c "$musl"
    rm "$musl"
}

# without_exec DIRECTORY: the same on a mount of its own.
without_exec() {
    cp -a "$1" /mnt/below
    mount -t tmpfs -o noexec,mode=755 none "$1"
    cp -a /mnt/below/. "$1"
}

sealed_by_another_key() {
    cp -a $etc /mnt/another
    head -c 32 /dev/urandom | base64 -w0 >/mnt/another/vault.key
    sed -i s#$etc#/mnt/another# /mnt/another/transport.json
    secure-outbound seal my_api_key --config=/mnt/another/transport.json <"$PAYLOAD" >$etc/vault/my_api_key
}

# One that uses its key before this one does, in the same worker.
another_site() {
    cp -a $etc /srv/another
    head -c 32 /dev/urandom | base64 -w0 >/srv/another/vault.key
    sed -i s#$etc#/srv/another# /srv/another/transport.json
    cat >/srv/another/call.php <<'CALL'
<?php
require '/usr/local/share/secure-outbound/php/autoload.php';
$config = json_decode(file_get_contents(__DIR__ . '/transport.json'), true);
(new Netresearch\NrVault\Transport\Rust\RustFfiTransport($config))->open();
CALL
    systemctl restart "php$php-fpm"
    SCRIPT_FILENAME=/srv/another/call.php REQUEST_METHOD=GET cgi-fcgi -bind -connect "/run/php/php$php-fpm.sock"
}

set_up() {
    make --no-print-directory install PREFIX=/usr/local
    secure-outbound init $etc --cache=/var/cache/secure-outbound
    in_services '$service = ["base_url" => "https://api.example.com/v1",
        "policy" => ["allowed_methods" => ["GET", "POST"], "allowed_paths" => ["/v1/resources/{id}"]],
        "credentials" => [["identifier" => "vault:my_api_key", "type" => "bearer"]]];'
    seal
    touch "$ini"
    setting ffi.enable preload
    setting ffi.preload /usr/local/include/secure_outbound.h
    setting opcache.preload /usr/local/share/secure-outbound/php/preload.php
    setting opcache.preload_user www-data
    sed -i 's/^;process_control_timeout *=.*/process_control_timeout = 10s/' "/etc/php/$php/fpm/php-fpm.conf"
    # One worker, so that it is the one that was asked before.
    sed -i -e 's/^pm = .*/pm = static/' -e 's/^pm.max_children = .*/pm.max_children = 1/' "/etc/php/$php/fpm/pool.d/www.conf"
    "php-fpm$php" -t && systemctl restart "php$php-fpm"
    doctor >"$directory/host.json"
    systemctl stop "php$php-fpm"
    mkdir "$kept"
    for place in "${places[@]}"; do
        mkdir -p "$kept/$place"
        cp -a "/mnt/upper/$place/." "$kept/$place"
    done
}

breakage() {
    PAYLOAD=$directory/payload.json
    echo '{"type": "bearer", "token": "t", "binding": {"hosts": ["api.example.com"]}}' >"$PAYLOAD"
    systemctl restart "php$php-fpm"
    # shellcheck source=/dev/null
    . "$directory/break"
    doctor >"$directory/before.json"
    php -r '$told = json_decode(file_get_contents($argv[1]), true)["findings"];
        $finding = array_column($told, null, "code")[$argv[2]] ?? exit("echo no finding; exit 1");
        echo $finding["remedy"];' "$directory/before.json" "$code" >"$directory/remedy"
    (sed "s#PAYLOAD#$PAYLOAD#" "$directory/remedy" | bash -euxo pipefail) || exit 3
    doctor >"$directory/after.json"
}

case $action in
    set-up) set_up ;;
    breakage) breakage ;;
esac
