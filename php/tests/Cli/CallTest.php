<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;

/**
 * `secure-outbound explain` and `send`, against an API on loopback.
 */
final class CallTest extends CommandTestCase
{
    private const SECRET = 'c4n4ry-e51b';

    private static Upstream $upstream;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
    }

    public function testExplainNamesUrlPatternAndCredentials(): void
    {
        $output = self::printed(['explain', 'crm', 'GET', 'echo/1 2', '--query=a[]=b c', ...$this->options()]);

        $base = self::$upstream->url();
        self::assertSame(
            "allowed: GET $base/echo/1%202?a%5B%5D=b%20c\npattern: /v1/echo/{id}\nHTTP: 2, 1.1\ncredentials: my_api_key (bearer)\n",
            $output,
        );
    }

    public function testExplainSaysThatItHasNoCircuits(): void
    {
        $with = $this->options(policy: ['breaker' => ['failures' => 1, 'open_ms' => 1000]]);
        $output = self::printed(['explain', 'crm', 'GET', '/echo', ...$with]);

        self::assertStringEndsWith("circuit: not known here; each worker has its own\n", $output);
        self::assertStringContainsString('circuits are kept by', self::printed(['explain', '--help']));
    }

    public function testExplainAnswersPrograms(): void
    {
        $arguments = ['explain', 'crm', 'GET', '/echo', '--format=json', ...$this->options()];
        $answer = json_decode(self::printed($arguments), true);

        self::assertSame([
            'version' => 1,
            'allowed' => true,
            'method' => 'GET',
            'url' => self::$upstream->url() . '/echo',
            'path_template' => '/v1/echo',
            'http_versions' => ['2', '1.1'],
            'credentials' => ['my_api_key'],
            'types' => ['bearer'],
            'signed' => null,
            'client_certificate' => null,
        ], $answer);
    }

    public function testExplainSaysThatHttp3IsNotThere(): void
    {
        $with = $this->options(policy: ['http3' => 'registered', 'http_versions' => ['3', '1.1']]);
        $output = self::printed(['explain', 'crm', 'GET', '/echo', ...$with]);

        self::assertStringContainsString("\nHTTP: 1.1 (3 is asked for, and not spoken here)\n", $output);
    }

    public function testExplainNamesAClientCertificate(): void
    {
        $with = $this->options(credentials: [
            ['identifier' => 'my_api_key', 'type' => 'bearer'], ['identifier' => 'my_certificate', 'type' => 'mtls'],
        ]);
        $output = self::printed(['explain', 'crm', 'GET', '/echo', ...$with]);
        self::assertStringEndsWith("credentials: my_api_key (bearer), my_certificate (mtls)\nclient certificate: my_certificate\n", $output);
        $answer = json_decode(self::printed(['explain', 'crm', 'GET', '/echo', '--format=json', ...$with]), true);
        self::assertSame('my_certificate', $answer['client_certificate']);
    }

    /**
     * There is no envelope of these credentials, so nothing of one can be in what is said.
     */
    public function testExplainSaysWhatIsSigned(): void
    {
        $options = $this->options();
        $parts = 'method, path, query, time, host, content-type, content-md5, x-amz-*, ';
        $signed = [
            'ses' => ['aws_sigv4', $parts . 'body'],
            's3' => ['aws_sigv4', $parts . 'body unless unsigned_payload is sealed'],
            'hook' => ['hmac', 'what the template says that is sealed'],
        ];
        foreach ($signed as $service => [$type, $says]) {
            $output = self::printed(['explain', $service, 'GET', 'a(b', ...$options]);
            self::assertStringContainsString("credentials: signer ($type)\nsigned: $says\n", $output);
            self::assertStringContainsString($service === 's3' ? '/a%28b' : '/a(b', $output);
            $json = json_decode(self::printed(['explain', $service, 'GET', 'a', '--format=json', ...$options]), true);
            self::assertSame([$type], $json['types']);
            self::assertSame($says, is_array($json['signed']) ? implode(', ', $json['signed']) : $json['signed']);
        }
    }

    /**
     * @dataProvider refusals
     * @param list<string> $call
     */
    public function testARefusalHasItsCodeAndWhatToDo(array $call, string $code, string $todo): void
    {
        $before = count(self::$upstream->nginx->seen());
        foreach (['explain', 'send'] as $command) {
            $result = self::command([$command, ...$call, ...$this->options()]);

            self::assertSame(1, $result['code'], $result['output']);
            self::assertStringContainsString($code . ': ', $result['output']);
            self::assertStringContainsString('what to do: ' . $todo, $result['output']);
            self::assertStringContainsString("sent: no\n", $result['output']);
        }
        self::assertCount($before, self::$upstream->nginx->seen());
    }

    /**
     * @return iterable<string, array{list<string>, string, string}>
     */
    public static function refusals(): iterable
    {
        yield 'unknown service' => [['nobody', 'GET', '/'], 'policy.service_unknown', 'add the service'];
        yield 'disabled service' => [['broken', 'GET', '/'], 'policy.service_disabled', 'correct the entry'];
        yield 'method' => [['crm', 'DELETE', '/echo'], 'policy.method_not_allowed', 'add the method'];
        yield 'path' => [['crm', 'GET', '/admin'], 'policy.path_not_allowed', 'add a pattern'];
        yield 'dot segment' => [['crm', 'GET', '/echo/../admin'], 'policy.path_not_canonical', 'write the path'];
        yield 'header' => [['crm', 'GET', '/echo', '--header=Host: x'], 'policy.header_not_allowed', 'leave'];
        yield 'credential header' => [
            ['crm', 'GET', '/echo', '--header=Proxy-Authorization: x'],
            'policy.header_not_allowed',
            'leave the header out',
        ];
    }

    public function testARefusalForPrograms(): void
    {
        $result = self::command(['explain', 'crm', 'PUT', '/echo', '--format=json', ...$this->options()]);
        $answer = json_decode($result['output'], true);

        self::assertSame(1, $result['code']);
        self::assertFalse($answer['allowed']);
        self::assertSame('policy.method_not_allowed', $answer['refusal']['code']);
        self::assertStringStartsWith('add the method', $answer['refusal']['remedy']);
    }

    public function testSendShowsTheAnswerAndTheRecord(): void
    {
        $call = ['send', 'crm', 'POST', '/echo', '--json', '--header=X-Trace: a', '--timeout=20', '--query=q=1'];
        $result = self::command([...$call, ...$this->options()], '{"a":1}');

        self::assertSame(0, $result['code'], $result['output']);
        self::assertMatchesRegularExpression('~^HTTP/2 200$~m', $result['output']);
        self::assertMatchesRegularExpression('~^content-type: application/json~m', $result['output']);
        self::assertStringContainsString('"uri":"/v1/echo?q=1"', $result['output']);
        self::assertStringContainsString('"body":"' . base64_encode('{"a":1}') . '"', $result['output']);
        self::assertStringContainsString('"x-trace":"a"', $result['output']);
        self::assertStringContainsString('"authorization":"Bearer ' . self::SECRET . '"', $result['output']);
        self::assertStringContainsString('"path_template":"/v1/echo"', $result['output']);
        self::assertStringContainsString('"actor_type":"cli"', $result['output']);
    }

    public function testTheRecordGoesToAFile(): void
    {
        $log = $this->directory->path . '/audit.jsonl';
        self::printed(['send', 'crm', 'GET', '/echo', '--audit-log=' . $log, ...$this->options()]);
        $lines = file($log, FILE_IGNORE_NEW_LINES);

        self::assertCount(1, $lines);
        self::assertSame(200, json_decode($lines[0], true)['status']);
        self::assertStringNotContainsString(self::SECRET, $lines[0]);
    }

    /**
     * @group root
     */
    public function testRootWritesTheRecordAsTheOwnerOfTheDirectory(): void
    {
        $options = $this->options();
        $directory = $this->directory->path . '/log';
        mkdir($directory) && chmod($directory, 0750) && chown($directory, 'www-data');
        $send = ['send', 'crm', 'GET', '/echo', '--audit-log=' . $directory . '/audit.jsonl', ...$options];
        self::printed($send);
        self::printed($send);

        $stat = stat($directory . '/audit.jsonl');
        self::assertSame([33, 33, 0640], [$stat['uid'], $stat['gid'], $stat['mode'] & 0777]);
        self::assertCount(2, (array) file($directory . '/audit.jsonl'));
        self::assertSame(33, fileowner($directory));
    }

    /**
     * While the command runs as the owner, it must not load a class: only root may be able to read the sources, as in a
     * checkout below /root.
     *
     * @group root
     */
    public function testTheOwnerOfTheDirectoryNeedNotBeAbleToReadTheSources(): void
    {
        $options = $this->options();
        $installation = new Installation($this->directory);
        chmod($installation->php, 0700);
        $program = $installation->php . '/bin/secure-outbound';
        $directory = $this->directory->path . '/log';
        mkdir($directory) && chown($directory, 'www-data');
        $send = ['send', 'crm', 'GET', '/echo', '--audit-log=' . $directory . '/audit.jsonl', ...$options];
        $sent = self::command($send, program: $program);
        self::assertSame(0, $sent['code'], $sent['output']);
        self::assertSame(33, fileowner($directory . '/audit.jsonl'), $sent['output']);

        unlink($directory . '/audit.jsonl');
        mkdir($directory . '/audit.jsonl');
        self::assertStringContainsString('the audit file is not a regular file', self::command($send, program: $program)['output']);
        rmdir($directory . '/audit.jsonl');
        chmod($directory, 0500);
        self::assertStringContainsString('Permission denied', self::command($send, program: $program)['output']);
    }

    /**
     * The directory belongs to the workers, and one of them may put a link there.
     *
     * @group root
     */
    public function testALinkInTheDirectoryLeadsRootToNothingOfRoots(): void
    {
        $options = $this->options();
        $mine = $this->directory->write('of-root', "kept\n", 0600);
        $directory = $this->directory->path . '/log';
        mkdir($directory) && chown($directory, 'www-data') && symlink($mine, $directory . '/audit.jsonl');
        $result = self::command(['send', 'crm', 'GET', '/echo', '--audit-log=' . $directory . '/audit.jsonl', ...$options]);

        self::assertSame("kept\n", file_get_contents($mine));
        self::assertSame(0, fileowner($mine));
        self::assertStringContainsString('the audit sink failed', $result['output']);
        self::assertStringContainsString('Permission denied', $result['output']);
    }

    /**
     * @group root
     * @testWith [1528, "www-data"]
     *           [1023, "root"]
     */
    public function testRootWritesNothingWhereOthersCanPutALinkBesideRootsFiles(int $mode, string $group): void
    {
        $options = $this->options();
        $before = count(self::$upstream->nginx->seen());
        $mine = $this->directory->write('of-root', "kept\n", 0600);
        $directory = $this->directory->path . '/log';
        mkdir($directory) && chgrp($directory, $group) && chmod($directory, $mode) && symlink($mine, $directory . '/audit.jsonl');
        $result = self::command(['send', 'crm', 'GET', '/echo', '--audit-log=' . $directory . '/audit.jsonl', ...$options]);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString("Others than root can write to $directory", $result['output']);
        self::assertStringContainsString('runuser -u USER -- secure-outbound send', $result['output']);
        self::assertSame("kept\n", file_get_contents($mine));
        self::assertCount($before, self::$upstream->nginx->seen());
    }

    /**
     * @group root
     */
    public function testRootWithoutPosixIsToldWhoseCommandItIs(): void
    {
        $options = $this->options();
        $before = count(self::$upstream->nginx->seen());
        $directory = $this->directory->path . '/log';
        mkdir($directory) && chown($directory, 'www-data');
        $send = ['send', 'crm', 'GET', '/echo', '--audit-log=' . $directory . '/audit.jsonl', ...$options];
        $result = self::command($send, php: ['-d', 'disable_functions=posix_seteuid']);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString('runuser -u www-data -- secure-outbound send', $result['output']);
        self::assertFileDoesNotExist($directory . '/audit.jsonl');
        self::assertCount($before, self::$upstream->nginx->seen());
    }

    public function testARecordThatCannotBeWrittenIsNotLostWithoutAWord(): void
    {
        $log = $this->directory->path . '/audit.jsonl';
        mkdir($log);
        $output = self::printed(['send', 'crm', 'GET', '/echo', '--audit-log=' . $log, ...$this->options()]);

        self::assertStringContainsString('secure-outbound: the audit sink failed', $output);
        self::assertStringContainsString('the audit file is not a regular file', $output);
        self::assertStringContainsString('service_id crm', $output);
    }

    public function testWithoutADirectoryForTheRecordNothingIsSent(): void
    {
        $options = $this->options();
        $before = count(self::$upstream->nginx->seen());
        $log = $this->directory->path . '/nowhere';
        $result = self::command(['send', 'crm', 'GET', '/echo', '--audit-log=' . $log . '/audit.jsonl', ...$options]);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString("There is no directory $log yet: mkdir -p $log", $result['output']);
        self::assertCount($before, self::$upstream->nginx->seen());
    }

    public function testAnyStatusIsAnAnswer(): void
    {
        $output = self::printed(['send', 'crm', 'GET', '/status/503', ...$this->options()]);

        self::assertStringContainsString('HTTP/2 503', $output);
    }

    public function testAnEnvelopeThatIsMissingIsNamed(): void
    {
        $options = $this->options();
        unlink($this->directory->path . '/vault/my_api_key');
        $result = self::command(['send', 'crm', 'GET', '/echo', ...$options]);

        self::assertSame(1, $result['code']);
        self::assertStringContainsString('credential.not_found: ', $result['output']);
    }

    public function testWithoutTheLibraryPhpMakesTheCall(): void
    {
        $result = self::command(['send', 'crm', 'GET', '/echo', ...$this->options()], php: ['-d', 'ffi.enable=0']);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertStringContainsString('"transport":"php"', $result['output']);
        $notice = 'secure-outbound: PHP opens the credentials itself: ';
        self::assertSame(1, substr_count($result['output'], $notice . 'ffi.enable is off'), $result['output']);

        // Where error_log is a file, the notice is printed on the terminal as well.
        $log = $this->directory->path . '/php.log';
        $php = ['-d', 'ffi.enable=0', '-d', 'error_log=' . $log];
        $result = self::command(['send', 'crm', 'GET', '/echo', ...$this->options()], php: $php);
        self::assertSame(1, substr_count($result['output'], $notice));
        self::assertStringContainsString($notice, (string) file_get_contents($log));
    }

    public function testWherePhpMayNotMakeTheCallNothingIsOpened(): void
    {
        $off = $this->options(['php_transport' => false]);
        foreach ([['crm', ['-d', 'ffi.enable=0']], ['by-php', []]] as [$service, $php]) {
            foreach (['explain', 'send'] as $command) {
                $result = self::command([$command, $service, 'GET', '/echo', ...$off], php: $php);
                self::assertSame(1, $result['code'], $result['output']);
                self::assertStringContainsString('configuration.transport_unavailable: ', $result['output']);
                self::assertStringContainsString('php_transport', $result['output']);
            }
        }
        $output = self::printed(['send', 'crm', 'GET', '/echo', ...$off]);
        self::assertStringContainsString('"transport":"rust-ffi"', $output);
    }

    public function testATransportThatIsNotBoundIsNamed(): void
    {
        $result = self::command(['explain', 'crm', 'GET', '/echo', ...$this->options()], php: ['-n']);

        self::assertSame(1, $result['code']);
        self::assertStringContainsString('configuration.transport_unavailable', $result['output']);
        self::assertStringContainsString('secure-outbound doctor names what is missing', $result['output']);
    }

    /**
     * @dataProvider calls
     * @param list<string> $arguments
     */
    public function testAWrongCallIsExplained(array $arguments, string $says): void
    {
        $result = self::command($arguments);

        self::assertSame(64, $result['code'], $result['output']);
        self::assertStringContainsString($says, $result['output']);
    }

    /**
     * @return iterable<string, array{list<string>, string}>
     */
    public static function calls(): iterable
    {
        yield 'no such command' => [['seel'], 'There is no such command'];
        yield 'no registry' => [['explain', 'crm', 'GET', '/'], '--registry is missing'];
        yield 'a word too few' => [['explain', 'crm', 'GET'], 'SERVICE METHOD PATH'];
        yield 'a query without a name' => [
            ['send', 'crm', 'GET', '/', '--registry=/x', '--query==a'],
            '--query is NAME=VALUE',
        ];
        yield 'an option that does not exist' => [['send', 'crm', 'GET', '/', '--token=' . self::SECRET], 'no option'];
    }

    public function testHelpNamesEveryCommand(): void
    {
        foreach ([['help'], ['--help'], []] as $arguments) {
            $output = self::printed($arguments);
            foreach (['seal IDENTIFIER', 'explain SERVICE', 'send SERVICE', 'doctor ['] as $command) {
                self::assertStringContainsString($command, $output);
            }
        }
        self::assertStringContainsString('--key-file=PATH', self::printed(['seal', '--help']));
    }

    /**
     * @param array<string, mixed> $more of the configuration
     * @param array<string, mixed> $policy of the service
     * @param list<array<string, string>> $credentials of the service, in place of the one that it has
     * @return list<string>
     */
    private function options(array $more = [], array $policy = [], array $credentials = []): array
    {
        $key = $this->directory->path . '/vault.key';
        if (!is_file($key)) {
            $this->keyFile();
            $payload = '{"type":"bearer","token":"' . self::SECRET . '","binding":{"hosts":["localhost:'
                . self::$upstream->nginx->port() . '"]}}';
            $envelope = self::printed(['seal', 'my_api_key', '--key-file=' . $key], $payload);
            $this->directory->write('vault/my_api_key', $envelope);
        }
        $config = self::$upstream->config($more + ['master_keys' => [['provider' => 'file', 'path' => $key]]]);
        $crm = [
            'base_url' => self::$upstream->url(),
            'policy' => $policy + [
                'allowed_methods' => ['GET', 'POST'],
                'allowed_paths' => ['/v1/echo', '/v1/echo/{id}', '/v1/status/**'],
            ],
            'credentials' => $credentials ?: [['identifier' => 'vault:my_api_key', 'type' => 'bearer']],
        ];
        $registry = ['version' => 1, 'services' => [
            'crm' => $crm,
            'by-php' => ['transport' => 'php'] + $crm,
            'broken' => ['base_url' => 'nowhere'],
            'ses' => self::signing(['type' => 'aws_sigv4']),
            's3' => self::signing(['type' => 'aws_sigv4', 'service' => 's3']),
            'hook' => self::signing(['type' => 'hmac']),
        ]];
        return [
            '--config=' . $this->json('config.json', $config),
            '--registry=' . $this->json('services.json', $registry),
            '--credentials=' . $this->directory->path . '/vault',
        ];
    }

    /**
     * @param array<string, string> $credential
     * @return array<string, mixed>
     */
    private static function signing(array $credential): array
    {
        return [
            'base_url' => self::$upstream->url(),
            'policy' => ['allowed_methods' => ['GET']],
            'credentials' => [['identifier' => 'signer'] + $credential],
        ];
    }
}
