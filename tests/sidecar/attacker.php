<?php

/**
 * Code in a worker that plays the attacker, with FFI on, as a user who is a caller: php -d ffi.enable=1 -- SOCKET PID FILE…
 *
 * It prints what it reached, and everything that the daemon said.
 */

declare(strict_types=1);

[, $path, $pid] = $argv;
$pid = (int) $pid;
$reached = [];
$tried = 0;
$try = static function (string $what, bool $isReached) use (&$reached, &$tried): void {
    $tried++;
    if ($isReached) {
        $reached[] = $what;
    }
};

// What is in files, and what the kernel shows of the process.
$files = array_slice($argv, 3);
foreach (['mem', 'environ', 'maps', 'smaps', 'auxv', 'syscall', 'stack', 'fd/0', 'map_files', 'io'] as $name) {
    $files[] = "/proc/$pid/$name";
}
foreach ($files as $file) {
    $bytes = @file_get_contents($file, false, null, 0, 64);
    $try($file, is_string($bytes) && $bytes !== '');
}
foreach (['exe', 'cwd', 'root', 'fd/0'] as $name) {
    $try("link $name", @readlink("/proc/$pid/$name") !== false);
}

// What C can ask the kernel for.
$c = FFI::cdef('
    struct iovec { void *base; size_t length; };
    long syscall(long number, ...);
    long ptrace(long request, int pid, void *address, void *data);
    ssize_t process_vm_readv(int pid, struct iovec *own, unsigned long n, struct iovec *other, unsigned long m, unsigned long flags);
    ssize_t process_vm_writev(int pid, struct iovec *own, unsigned long n, struct iovec *other, unsigned long m, unsigned long flags);
    int kill(int pid, int signal);
    int prlimit(int pid, int resource, void *new_limit, void *old_limit);
', 'libc.so.6');
foreach (['attach' => 16, 'seize' => 0x4206] as $name => $request) {
    $try("ptrace $name", $c->ptrace($request, $pid, null, null) !== -1);
}
$buffer = FFI::new('char[64]');
$own = $c->new('struct iovec');
$own->base = FFI::cast('void *', FFI::addr($buffer));
$own->length = 64;
$other = $c->new('struct iovec');
$other->base = FFI::cast('void *', FFI::cast('size_t *', FFI::addr($c->new('size_t'))));
$other->length = 64;
$try('process_vm_readv', $c->process_vm_readv($pid, FFI::addr($own), 1, FFI::addr($other), 1, 0) !== -1);
$try('process_vm_writev', $c->process_vm_writev($pid, FFI::addr($own), 1, FFI::addr($other), 1, 0) !== -1);
foreach ([SIGUSR1, SIGABRT, SIGSEGV, SIGHUP, SIGKILL] as $signal) {
    $try("signal $signal", $c->kill($pid, $signal) !== -1);
}
$limit = $c->new('size_t[2]');
$try('prlimit', $c->prlimit($pid, 4, FFI::addr($limit), null) !== -1);
// pidfd_open may succeed; a descriptor of the daemon by it may not.
$handle = $c->syscall(434, $pid, 0);
for ($descriptor = 0; $descriptor < 16 && $handle >= 0; $descriptor++) {
    $try("pidfd_getfd $descriptor", $c->syscall(438, $handle, $descriptor, 0) !== -1);
}

// What the socket gives.
$said = '';
$frame = static fn (int $kind, int $id, string $payload, int $flags = 1): string
    => pack('CCnNJ', 1, $kind, $flags, strlen($payload), $id) . $payload;
$hello = $frame(1, 0, '{"version":1,"client":"attacker"}');
$connect = static function () use ($path) {
    $stream = stream_socket_client('unix://' . $path);
    stream_set_timeout($stream, 60);
    return $stream;
};
$all = static function (string $bytes) use ($connect, &$said): string {
    $stream = $connect();
    @fwrite($stream, $bytes);
    @stream_socket_shutdown($stream, STREAM_SHUT_WR);
    $rest = (string) @stream_get_contents($stream);
    $said .= $rest;
    return $rest;
};
$call = static fn (int $id, string $service, array $request, array $more = []): string => $frame(2, $id, (string) json_encode(
    $more + ['version' => 1, 'service_id' => $service, 'body_bytes' => 0, 'request' => $request + ['version' => 1, 'method' => 'GET']],
));
$body = static fn (int $id): string => $frame(5, $id, '');
$id = hrtime(true);

// Every kind of frame that there is not, or that is not for callers, before and after a greeting.
for ($kind = 0; $kind < 256; $kind++) {
    $all($frame($kind, 1, '{"version":1}'));
    if ($kind !== 2) {
        $all($hello . $frame($kind, ++$id, '{"version":1,"identifier":"shop-token"}'));
    }
}
foreach (['{"list":true}', '{"version":1,"get":"shop-token"}', '{"version":1,"service_id":"shop","verb":"credential"}'] as $document) {
    $all($hello . $frame(2, ++$id, $document) . $body($id));
}
// Services that are not its own, and things that are the daemon's.
foreach (['other', '', 'shop/../other', "shop\0other", 'shop-token', '*'] as $service) {
    $all($hello . $call(++$id, $service, ['path' => '/notes']) . $body($id));
}
$owned = [
    'policy' => ['allowed_methods' => ['GET'], 'allowed_hosts' => ['*']], 'base_url' => 'https://localhost/', 'service_id' => 'other',
    'credentials' => [['identifier' => 'shop-token', 'type' => 'bearer']], 'idempotency_header' => 'x', 'alternatives' => [],
];
foreach ($owned as $key => $value) {
    $all($hello . $call(++$id, 'shop', ['path' => '/notes', $key => $value]) . $body($id));
    if ($key !== 'service_id') {
        $all($hello . $call(++$id, 'shop', ['path' => '/notes'], [$key => $value]) . $body($id));
    }
}
foreach (['http://169.254.169.254/', 'https://localhost/elsewhere', 'https://evil.test/v1/', 'file:///etc/passwd'] as $url) {
    $all($hello . $call(++$id, 'shop', ['url' => $url]) . $body($id));
}
foreach (['/../../admin', '/notes/../../x', '//evil.test/'] as $walk) {
    $all($hello . $call(++$id, 'shop', ['path' => $walk]) . $body($id));
}
foreach (['Authorization' => 'Bearer x', 'Host' => 'evil.test', 'Transfer-Encoding' => 'chunked', "a\r\nb" => 'c'] as $name => $value) {
    $all($hello . $call(++$id, 'shop', ['path' => '/notes', 'headers' => [[$name, $value]]]) . $body($id));
}
// Envelopes for a service whose envelopes are the daemon's.
$all($hello . $call(++$id, 'shop', ['path' => '/notes']) . $frame(4, $id, 'nrv1:x') . $body($id));

// A descriptor with the greeting: the daemon's ones must not grow by it.
for ($count = 0; $count < 50; $count++) {
    $socket = socket_create(AF_UNIX, SOCK_STREAM, 0);
    socket_connect($socket, $path);
    $control = [['level' => SOL_SOCKET, 'type' => SCM_RIGHTS, 'data' => [fopen('/dev/null', 'r'), fopen('/dev/zero', 'r')]]];
    @socket_sendmsg($socket, ['iov' => [$hello], 'control' => $control]);
    $said .= (string) @socket_read($socket, 4096);
    socket_close($socket);
}

// The control: a call of its own is made. The same id once more ends the connection.
$made = $call(++$id, 'shop', ['path' => '/notes']) . $body($id);
$stream = $connect();
fwrite($stream, $hello . $made);
$response = '';
while (!str_contains($response, '"status":200') && ($bytes = fread($stream, 65536)) !== false && $bytes !== '') {
    $response .= $bytes;
}
@fwrite($stream, $made);
$response .= (string) @stream_get_contents($stream);
$said .= $response;

echo json_encode([
    'tried' => $tried,
    'reached' => $reached,
    'control' => str_contains($response, '"status":200'),
    'said' => base64_encode($said),
], JSON_THROW_ON_ERROR);
