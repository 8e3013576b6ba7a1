# SPDX-License-Identifier: Apache-2.0
# What the cases' scripts can use.

# start_listen ARGUMENTS…: a receiver in the background; sets $receiver (its process) and $url.
start_listen() {
    pwh listen --listen 127.0.0.1:0 "$@" >listen.out 2>listen.err &
    receiver=$!
    await listen.err 'listening on http'
    url=$(sed -n 's/^pwh: listening on //p' listen.err)
}

# stop_listen [SIGNAL]: ends it; $? is its exit code.
stop_listen() {
    kill -s "${1:-TERM}" "$receiver"
    wait "$receiver"
}

# start_receiver ARGUMENTS…: the peer in tests/support in the background; sets $receiver and $url.
start_receiver() {
    "$PYTHON" "$SUPPORT/receiver.py" "$@" >receiver.out 2>receiver.err &
    receiver=$!
    await receiver.err '^listening on http'
    url=$(sed -n 's/^listening on //p' receiver.err)
}

# start_fake ARGUMENTS…: a scripted Preservica in the background; sets $fake and PRESERVICA_*.
start_fake() {
    "$PYTHON" "$SUPPORT/fake_preservica.py" "$@" >fake.out 2>fake.err &
    fake=$!
    await fake.out '^port '
    PRESERVICA_SERVER=127.0.0.1:$(sed -n 's/^port //p' fake.out)
    export PRESERVICA_SERVER PWH_PROTOCOL=http PRESERVICA_USERNAME=user@example.com
    export PRESERVICA_PASSWORD=the-password PRESERVICA_TENANT=ACME
}

# await FILE EXPRESSION [COUNT]: until so many lines of it match; the runner's limit ends it.
await() {
    until [ -e "$1" ] && [ "$(grep -c "$2" "$1")" -ge "${3:-1}" ]; do sleep 0.05; done
}

# ids: the ids of all subscriptions, one a line.
ids() { pwh list -q -o tsv | cut -f1; }

# server_down: a server setting where nothing listens.
server_down() {
    PRESERVICA_SERVER=127.0.0.1:$("$PYTHON" "$SUPPORT/free_port.py")
    export PRESERVICA_SERVER PWH_PROTOCOL=http PRESERVICA_USERNAME=user@example.com
    export PRESERVICA_PASSWORD=the-password PRESERVICA_TENANT=ACME
}
