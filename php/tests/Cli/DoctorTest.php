<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\EngineState;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\PhpSettings;
use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * `secure-outbound doctor` names the one thing that is wrong on a machine, and nothing where nothing is wrong. What only
 * php-fpm can tell is in DoctorFpmTest.
 *
 * @group root
 */
final class DoctorTest extends CommandTestCase
{
    use DoctorFindings;

    private Installation $installation;

    protected function setUp(): void
    {
        parent::setUp();
        $this->installation = new Installation($this->directory);
    }

    public function testNothingIsWrong(): void
    {
        $report = $this->doctor();

        self::assertSame([], self::wrong($report));
        self::assertSame('ok', $report['verdict']);
        self::assertSame(0, $report['exit']);
    }

    public function testTheTextSaysTheSame(): void
    {
        $result = self::command(['doctor', ...$this->arguments()]);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertMatchesRegularExpression('/^ +ok +library\.abi +It is version \S+ and/m', $result['output']);
        self::assertMatchesRegularExpression('/^\d+ ok, 0 warnings, 0 critical$/m', $result['output']);
    }

    public function testTheCommandLineSaysThatItCannotKnowThePreloadState(): void
    {
        $report = $this->doctor(['no-fpm' => null]);

        self::assertSame(['fpm.unknown' => 'warning'], self::wrong($report));
        self::assertSame(1, $report['exit']);
        self::assertStringContainsString('cannot be known from the command line', self::finding($report)['message']);
        self::assertStringContainsString('--fpm-socket=', self::finding($report)['remedy']);
    }

    public function testAPhpWithoutExtensions(): void
    {
        $report = $this->doctor(php: ['-n']);

        self::assertSame('critical', self::wrong($report)['php.extension.ffi']);
        self::assertSame('critical', self::wrong($report)['library.file']);
        self::assertSame('critical', self::wrong($report)['config.unchecked']);
        self::assertSame(2, $report['exit']);
        self::assertStringContainsString('phpenmod -v ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION . ' ffi', self::finding($report, 'php.extension.ffi')['remedy']);
    }

    public function testAnOldPhp(): void
    {
        self::assertSame('critical', PhpSettings::version('php', '8.1.30')->verdict);
        self::assertSame('critical', PhpSettings::version('fpm', '7.4.33')->verdict);
        self::assertSame('ok', PhpSettings::version('php', '8.4.0RC1')->verdict);
    }

    public function testFfiThatIsOff(): void
    {
        $report = $this->doctor(php: ['-d', 'ffi.enable=0']);

        self::assertSame('critical', self::wrong($report)['php.ffi_enable']);
        self::assertStringStartsWith("echo 'ffi.enable = preload' >> /", self::finding($report, 'php.ffi_enable')['remedy']);
    }

    public function testFunctionsThatAreTakenAwayAreNamed(): void
    {
        $report = $this->doctor(php: ['-d', 'disable_functions=curl_multi_exec']);
        self::assertSame(['php.functions' => 'warning'], self::wrong($report));
        self::assertStringContainsString('takes away curl_multi_exec', self::finding($report)['message']);

        $report = $this->doctor(php: ['-d', 'disable_functions=http_build_query,curl_multi_exec']);
        self::assertSame('critical', self::wrong($report)['php.functions']);
        self::assertStringContainsString('takes away http_build_query.', self::finding($report, 'php.functions')['message']);
    }

    public function testWithoutThemItIsNotAnExtensionThatIsMissing(): void
    {
        unlink($this->installation->library);
        $report = $this->doctor(php: ['-d', 'disable_functions=curl_multi_exec']);

        self::assertSame('critical', self::wrong($report)['php.transport']);
        self::assertStringContainsString('disable_functions takes', self::finding($report, 'php.transport')['message']);
        self::assertStringNotContainsString('apt-get', self::finding($report, 'php.transport')['remedy']);
    }

    public function testFunctionsAreTakenOutOfTheFileThatHasThem(): void
    {
        $ini = $this->directory->write('conf.d/x.ini', "; disable_functions = a\ndisable_functions = exec,curl_multi_exec, system\n");
        $environment = ['PHP_INI_SCAN_DIR' => ':' . dirname($ini)];
        $report = $this->doctor(environment: $environment);

        self::assertSame(['php.functions' => 'warning'], self::wrong($report));
        self::assertSame(0, Process::run(['sh', '-c', self::finding($report)['remedy']])['code']);
        self::assertSame("; disable_functions = a\ndisable_functions = exec,system\n", file_get_contents($ini));
        self::assertSame([], self::wrong($this->doctor(environment: $environment)));
    }

    public function testAHeaderThatTheCommandLinePreloads(): void
    {
        $report = $this->doctor(php: ['-d', 'ffi.preload=' . $this->installation->header]);

        self::assertSame(['php.ffi_preload' => 'warning'], self::wrong($report));
        self::assertSame(1, $report['exit']);
    }

    public function testALibraryThatIsNotThere(): void
    {
        unlink($this->installation->library);
        $wrong = self::wrong($this->doctor());

        self::assertSame('critical', $wrong['library.file']);
        self::assertSame('critical', $wrong['header.ffi_lib']);
    }

    public function testWithoutALibraryItSaysWhoMakesTheCalls(): void
    {
        unlink($this->installation->library);
        $report = $this->doctor();
        self::assertSame('warning', self::wrong($report)['php.transport']);
        self::assertStringContainsString('go through PHP', self::finding($report, 'php.transport')['message']);
        self::assertSame('ok', self::finding($report, 'config.open')['verdict'], 'PHP reads the configuration');

        $report = $this->doctor(php: ['-n']);
        self::assertSame('critical', self::wrong($report)['php.transport']);
        self::assertArrayNotHasKey('php.transport', self::wrong($this->doctor([
            'library' => OtherLibrary::build($this->directory),
        ])), 'another version never leads to PHP');
    }

    public function testWherePhpMayNotMakeTheCallsItIsNotAskedForThem(): void
    {
        $registry = $this->registry();
        $registry['services']['by-php'] = ['transport' => 'php'] + $registry['services']['crm'];
        $files = [
            'config' => $this->json('config.json', ['php_transport' => false] + $this->config()),
            'registry' => $this->json('services.json', $registry),
        ];
        $report = $this->doctor($files);
        self::assertSame(['registry.unusable' => 'critical'], self::wrong($report));
        self::assertStringContainsString('"by-php"', self::finding($report)['message']);
        self::assertStringContainsString('php_transport', self::finding($report)['message']);

        unlink($this->installation->library);
        $report = $this->doctor($files);
        self::assertSame('critical', self::wrong($report)['php.transport']);
        self::assertStringContainsString('php_transport', self::finding($report, 'php.transport')['message']);
        self::assertSame('critical', self::wrong($report)['config.unchecked']);
    }

    public function testAFileThatIsNoLibrary(): void
    {
        $report = $this->doctor(['library' => $this->directory->write('lib/text.so', 'no library')]);

        self::assertSame('critical', self::wrong($report)['library.file']);
    }

    public function testALibraryOfAnotherAbiVersion(): void
    {
        $report = $this->doctor(['library' => OtherLibrary::build($this->directory)]);

        self::assertSame('critical', self::wrong($report)['library.abi']);
        self::assertStringContainsString('ABI version 2, this package 1', self::finding($report)['message']);
    }

    public function testTheEnvironmentNamesTheLibrary(): void
    {
        $environment = ['SECURE_OUTBOUND_LIBRARY' => $this->installation->library];
        $report = $this->doctor(['library' => null], environment: $environment);

        self::assertSame([], self::wrong($report));
    }

    /**
     * @dataProvider headers
     * @param array<string, string> $replace
     */
    public function testAWrongHeader(array $replace, string $code, string $verdict, string $says): void
    {
        $text = (string) file_get_contents($this->installation->header);
        $text = strtr($text, [$this->installation->library => 'LIBRARY']);
        $broken = (string) preg_replace(array_keys($replace), $replace, $text, count: $count);
        self::assertGreaterThan(0, $count);
        $this->directory->write('other.so', 'another');
        $paths = ['LIBRARY' => $this->installation->library, 'DIRECTORY' => $this->directory->path];
        $this->directory->write('include/secure_outbound.h', strtr($broken, $paths));
        $report = $this->doctor();

        self::assertSame([$code => $verdict], self::wrong($report));
        self::assertStringContainsString($says, self::finding($report)['message']);
    }

    /**
     * @return iterable<string, array{array<string, string>, string, string, string}>
     */
    public static function headers(): iterable
    {
        yield 'a name for the loader' => [
            ['/LIBRARY/' => 'libsecure_outbound.so'],
            'header.ffi_lib',
            'critical',
            'which is no absolute path',
        ];
        yield 'a path where nothing is' => [
            ['/LIBRARY/' => '/nonexistent/x.so'],
            'header.ffi_lib',
            'critical',
            'where nothing is',
        ];
        yield 'another library' => [
            ['/LIBRARY/' => 'DIRECTORY/other.so'],
            'header.ffi_lib',
            'warning',
            'the command line uses',
        ];
        yield 'a line before the two' => [['/\A/' => "\n"], 'header.ffi_lib', 'critical', 'does not begin with'];
        yield 'another ABI version' => [
            ['/secure-outbound, version 1/' => 'secure-outbound, version 2'],
            'header.abi',
            'critical',
            'ABI version 2, this package of 1',
        ];
        yield 'an older one' => [
            ['/secure_outbound_explain\(/' => 'something_else('],
            'header.abi',
            'critical',
            'does not declare secure_outbound_explain',
        ];
    }

    public function testAHeaderThatIsNotThere(): void
    {
        unlink($this->installation->header);

        self::assertSame(['header.file' => 'warning'], self::wrong($this->doctor()));
    }

    /**
     * @dataProvider owners
     * @param callable(Installation): mixed $break
     */
    public function testFilesThatOthersCanReplace(callable $break, string $code, string $verdict, string $says): void
    {
        $break($this->installation);
        $report = $this->doctor();

        self::assertSame([$code => $verdict], self::wrong($report));
        self::assertStringContainsString($says, self::finding($report)['message']);
    }

    /**
     * @return iterable<string, array{callable, string, string, string}>
     */
    public static function owners(): iterable
    {
        yield 'a library of www-data' => [
            static fn (Installation $host) => chown($host->library, 'www-data'),
            'library.owner',
            'critical',
            'does not belong to root',
        ];
        yield 'a directory of www-data' => [
            static fn (Installation $host) => chown(dirname($host->library), 'www-data'),
            'library.owner',
            'critical',
            'does not belong to root',
        ];
        yield 'a header for everybody' => [
            static fn (Installation $host) => chmod($host->header, 0666),
            'header.owner',
            'critical',
            'can be written by everybody',
        ];
        yield 'a header for a group' => [
            static fn (Installation $host) => chgrp($host->header, 'www-data') && chmod($host->header, 0664),
            'header.owner',
            'warning',
            'can be written by its group',
        ];
    }

    /**
     * @dataProvider configurations
     * @param callable(self): mixed $entry of master_keys
     */
    public function testAMasterKeyThatIsNotAsItShouldBe(callable $entry, string $code, string $verdict): void
    {
        $config = $this->json('config.json', ['master_keys' => [$entry($this)]]);
        $report = $this->doctor(['config' => $config]);

        self::assertSame([$code => $verdict], self::wrong($report));
        self::assertNotSame('', self::finding($report)['remedy']);
        if (in_array($code, ['config.key_file.permissions', 'config.key_file.symlink'], true)) {
            self::assertSame(0, Process::run(['sh', '-c', self::finding($report)['remedy']])['code']);
            // The remedy gives the key to the workers, and the user of this test can still read it.
            self::assertSame([], self::wrong($this->doctor(['config' => $config])));
        }
    }

    /**
     * @return iterable<string, array{callable, string, string}>
     */
    public static function configurations(): iterable
    {
        $file = static fn (string $path): array => ['provider' => 'file', 'path' => $path];
        yield 'not there' => [
            static fn (): array => $file('/nonexistent/vault.key'),
            'config.key_file.missing',
            'critical',
        ];
        yield 'of another length' => [
            static fn (self $test): array => $file($test->keyFile(base64_encode('short'))),
            'config.key_file.invalid',
            'critical',
        ];
        yield 'readable by others' => [
            static fn (self $test): array => $file($test->keyFile(mode: 0444)),
            'config.key_file.permissions',
            'warning',
        ];
        yield 'a link' => [
            static function (self $test) use ($file): array {
                symlink($test->keyFile(), $test->directory->path . '/link.key');
                return $file($test->directory->path . '/link.key');
            },
            'config.key_file.symlink',
            'warning',
        ];
        yield 'a variable that is not set' => [
            static fn (): array => ['provider' => 'env', 'name' => 'NOT_SET'],
            'config.key_variable.missing',
            'critical',
        ];
        yield 'of an unknown provider' => [
            static fn (): array => ['provider' => 'vault', 'path' => '/etc/key'],
            'config.open',
            'critical',
        ];
    }

    /**
     * @dataProvider caches
     * @param array<string, string> $expected
     */
    public function testATokenCacheThatIsNotUsed(string $owner, int $mode, array $expected, string $says): void
    {
        $directory = $this->directory->path . '/tokens';
        $config = $this->config() + ['token_cache' => ['directory' => $directory]];
        $report = $this->doctor(['config' => $this->json('config.json', $config)]);
        self::assertSame(['config.token_cache.missing' => 'warning'], self::wrong($report));
        self::assertStringContainsString('install -d -o www-data', self::finding($report)['remedy']);

        mkdir($directory);
        chown($directory, $owner);
        chmod($directory, $mode);
        $report = $this->doctor(['config' => $this->json('config.json', $config)]);
        self::assertSame($expected, self::wrong($report));
        self::assertStringContainsString($says, implode("\n", array_column($report['findings'], 'message')));
    }

    /**
     * @return iterable<string, array{string, int, array<string, string>, string}>
     */
    public static function caches(): iterable
    {
        yield 'of this user' => ['root', 0700, [], 'The configuration is taken.'];
        yield 'for everybody' => ['root', 0777, ['config.token_cache.permissions' => 'warning'], 'written by others'];
        yield 'of the workers' => ['www-data', 0700, [], 'The command line shares no tokens'];
    }

    public function testAConfigurationWithoutAKey(): void
    {
        $report = $this->doctor(['config' => $this->json('config.json', ['version' => 1])]);

        self::assertSame(['config.no_key' => 'warning'], self::wrong($report));
    }

    public function testAMisspeltConfiguration(): void
    {
        $report = $this->doctor(['config' => $this->json('config.json', ['master_key' => []])]);

        self::assertSame('critical', self::wrong($report)['config.open']);
        self::assertStringContainsString('configuration.invalid', self::finding($report, 'config.open')['message']);
    }

    public function testAVersionOfHttpThatIsNotSpoken(): void
    {
        $config = ['http_versions' => ['3', '2', '1.1']] + $this->config();

        self::assertSame(
            ['config.http_versions.no_http3' => 'warning'],
            self::wrong($this->doctor(['config' => $this->json('config.json', $config)])),
        );
    }

    public function testHttp3IsThereWhereNothingElseIsSaid(): void
    {
        $codes = static fn (array $config, EngineState $state): array
            => array_map(static fn (Finding $finding): string => $finding->code, Configuration::http3($config, $state));
        $config = ['http_versions' => ['3', '2', '1.1']];
        $notice = static fn (string $code): array => ['code' => $code, 'message' => ''];

        self::assertSame(['config.http3'], $codes($config, new EngineState(null, [$notice('tls.no_roots')])));
        self::assertSame([], $codes($config, new EngineState(null, [$notice('http_versions.no_http3')])));
        self::assertSame([], $codes($config, new EngineState($notice('configuration.invalid'))));
        self::assertSame([], $codes(['http_versions' => ['2', '1.1']], new EngineState(null)));
        self::assertSame([], $codes([], new EngineState(null)));
    }

    public function testRootsThatAreNotThere(): void
    {
        $empty = $this->directory->write('empty.pem', '');
        $config = ['tls' => ['roots' => 'file', 'ca_file' => $empty]] + $this->config();
        $wrong = self::wrong($this->doctor(['config' => $this->json('config.json', $config)]));

        self::assertCount(1, $wrong);
        self::assertContains(array_key_first($wrong), ['config.tls.no_roots', 'config.open']);
        self::assertSame('critical', reset($wrong));
    }

    /**
     * @dataProvider brokenFiles
     */
    public function testAConfigurationFileThatCannotBeRead(?string $contents): void
    {
        $file = $this->directory->path . '/config.json';
        if ($contents !== null) {
            $this->directory->write('config.json', $contents);
        }

        self::assertSame(['config.file' => 'critical'], self::wrong($this->doctor(['config' => $file])));
    }

    /**
     * @return iterable<string, array{string|null}>
     */
    public static function brokenFiles(): iterable
    {
        yield 'not there' => [null];
        yield 'no JSON' => ['{'];
        yield 'a list' => ['[1]'];
    }

    /**
     * @dataProvider registries
     * @param array<string, mixed> $services
     */
    public function testARegistryEntryThatIsWrong(array $services, string $code, string $says): void
    {
        $good = $this->registry()['services'];
        $registry = ['version' => 1, 'services' => $services + $good];
        $report = $this->doctor(['registry' => $this->json('services.json', $registry)]);

        self::assertSame([$code => 'critical'], self::wrong($report));
        self::assertSame(2, $report['exit']);
        self::assertStringContainsString($says, self::finding($report)['message']);
        $others = array_column($report['findings'], 'message');
        self::assertContains('Service "crm" is in order.', $others, 'a faulty entry says nothing about another');
    }

    /**
     * @return iterable<string, array{array<string, mixed>, string, string}>
     */
    public static function registries(): iterable
    {
        $policy = ['allowed_methods' => ['GET']];
        $good = ['base_url' => 'https://api.example.com', 'policy' => $policy];
        yield 'no base URL' => [['erp' => ['policy' => $policy]], 'registry.entry', '"erp" is disabled: base_url'];
        yield 'no policy' => [['erp' => ['policy' => null] + $good], 'registry.entry', '"erp" is disabled: policy'];
        yield 'a misspelt key' => [['erp' => $good + ['credential' => []]], 'registry.entry', 'credential'];
        yield 'an id that is none' => [['ERP' => $good], 'registry.entry', 'Service "ERP" is disabled'];
        yield 'http outside' => [
            ['erp' => ['base_url' => 'http://api.example.com'] + $good],
            'registry.unusable',
            'policy.scheme_not_allowed',
        ];
        yield 'an idempotency header that is none' => [
            ['erp' => $good + ['idempotency_header' => 'Cookie']],
            'registry.unusable',
            'idempotency_header may be neither',
        ];
        yield 'an idempotency header that a credential fills' => [
            ['erp' => $good + [
                'idempotency_header' => 'Authorization',
                'credentials' => [['identifier' => 'vault:my_key', 'type' => 'bearer']],
            ]],
            'registry.unusable',
            'credential.placement_conflict',
        ];
        yield 'a reserved header' => [
            ['erp' => $good + ['headers' => ['Proxy-Thing' => 'x']]],
            'registry.unusable',
            'policy.header_not_allowed',
        ];
    }

    public function testACredentialThatGoesOverPlainHttp(): void
    {
        $hosts = [['host' => 'api.internal', 'networks' => ['10.0.0.0/8'], 'ports' => [8443]]];
        $entry = [
            'base_url' => 'http://api.internal:8443/v1',
            'policy' => ['allowed_methods' => ['GET'], 'allow_http' => true],
        ];
        $credentials = [['identifier' => 'vault:my_key', 'type' => 'bearer']];
        $report = fn (array $more): array => $this->doctor([
            'config' => $this->json('transport.json', ['internal_hosts' => $hosts] + $this->config()),
            'registry' => $this->json('services.json', ['version' => 1, 'services' => ['erp' => $more + $entry]]),
        ]);

        $plain = $report(['credentials' => $credentials]);
        self::assertSame(['registry.plain_http' => 'warning'], self::wrong($plain));
        self::assertStringContainsString('"my_key"', self::finding($plain)['message']);
        self::assertStringContainsString('"http://api.internal:8443"', self::finding($plain)['message']);
        self::assertStringStartsWith('"${EDITOR:-vi}" ', self::finding($plain)['remedy']);
        self::assertSame([], self::wrong($report([])), 'nothing goes that could be read');
        $secure = ['base_url' => 'https://api.internal:8443/v1', 'credentials' => $credentials];
        self::assertSame([], self::wrong($report($secure)));
    }

    /**
     * @dataProvider patterns
     * @param list<string> $patterns
     * @param list<string> $fixed
     */
    public function testAPatternOutsideTheBasePath(string $base, array $patterns, ?string $verdict, array $fixed = []): void
    {
        $registry = $this->registry();
        $registry['services']['crm']['base_url'] = 'https://api.example.com' . $base;
        $registry['services']['crm']['policy']['allowed_paths'] = $patterns;
        $ask = fn (array $registry): array => $this->doctor(['registry' => $this->json('services.json', $registry)]);
        $report = $ask($registry);

        self::assertSame($verdict === null ? [] : ['registry.path' => $verdict], self::wrong($report));
        if ($verdict !== null) {
            $remedy = json_decode('{' . strstr(self::finding($report)['message'], '"allowed_paths"') . '}', true);
            self::assertSame(['allowed_paths' => $fixed], $remedy);
            $file = escapeshellarg($this->directory->path . '/services.json');
            self::assertStringStartsWith('"${EDITOR:-vi}" ' . $file . '   # allowed_paths', self::finding($report)['remedy']);
            $registry['services']['crm']['policy'] = $remedy + $registry['services']['crm']['policy'];
            self::assertSame([], self::wrong($ask($registry)));
        }
    }

    /**
     * @return iterable<string, array{0: string, 1: list<string>, 2: string|null, 3?: list<string>}>
     */
    public static function patterns(): iterable
    {
        yield 'all' => ['/v1', ['/contacts/{id}'], 'critical', ['/v1/contacts/{id}']];
        yield 'one' => ['/v1/', ['/v1/a', '/v2/**'], 'warning', ['/v1/a', '/v1/v2/**']];
        yield 'one that is too short' => ['/v1/a', ['/v1', '/v1/{what}/b'], 'warning', ['/v1/a/v1', '/v1/{what}/b']];
        yield 'wildcards' => ['/v1', ['/**', '/{version}/a', '/v1'], null];
        yield 'no base path' => ['', ['/contacts', '/**'], null];
        yield 'a slash' => ['/', ['/contacts', '/'], null];
    }

    public function testARegistryFileThatCannotBeRead(): void
    {
        $file = $this->directory->path . '/services.json';

        self::assertSame(['registry.file' => 'critical'], self::wrong($this->doctor(['registry' => $file])));
        $this->directory->write('services.json', '{');
        self::assertSame(['registry.file' => 'critical'], self::wrong($this->doctor(['registry' => $file])));
    }

    public function testAnEnvelopeThatIsNotThere(): void
    {
        $registry = $this->registry();
        $registry['services']['crm']['credentials'] = [['identifier' => 'vault:my_key', 'type' => 'bearer']];
        $options = [
            'registry' => $this->json('services.json', $registry),
            'credentials' => $this->directory->path . '/vault',
        ];

        $config = ['config' => $this->json('config.json', $this->config())];
        mkdir($this->directory->path . '/vault');
        $report = $this->doctor($config + $options);
        self::assertSame(['registry.credential' => 'critical'], self::wrong($report));
        self::assertArrayNotHasKey('registry.service', array_column($report['findings'], 'verdict', 'code'));

        $payload = $this->json('payload.json', ['type' => 'bearer', 'token' => 'tok']);
        $program = escapeshellarg(PHP_BINARY) . ' ' . escapeshellarg($this->installation->php . '/bin/secure-outbound') . ' ';
        $remedy = strtr(self::finding($report)['remedy'], ['secure-outbound ' => $program, 'PAYLOAD' => escapeshellarg($payload)]);
        $ran = Process::run(['sh', '-c', $remedy]);
        self::assertSame(0, $ran['code'], $remedy . "\n" . $ran['output']);
        self::assertSame([], self::wrong($this->doctor($config + $options)));
    }

    public function testADirectoryKnowsNoTechnicalUser(): void
    {
        mkdir($this->directory->path . '/vault');
        $this->directory->write('vault/my_key', 'nrv1:' . base64_encode('{}') . "\n");
        $entry = $this->registry()['services']['crm'] + ['technical_user' => 'reader'];
        $entry['credentials'] = [['identifier' => 'vault:my_key', 'type' => 'bearer']];
        $report = fn (array $more, ?string $vault): array => $this->doctor([
            'config' => $this->json('config.json', $this->config()),
            'registry' => $this->json('services.json', ['version' => 1, 'services' => ['crm' => $more + $entry]]),
        ] + ($vault === null ? [] : ['credentials' => $this->directory->path . '/' . $vault]));

        $wrong = $report([], 'vault');
        self::assertSame(['registry.technical_user' => 'critical'], self::wrong($wrong));
        self::assertStringContainsString('"crm" names a technical user', self::finding($wrong)['message']);
        self::assertStringStartsWith('"${EDITOR:-vi}" ', self::finding($wrong)['remedy']);
        self::assertSame([], self::wrong($report(['credentials' => []], 'vault')), 'nothing is read');
        self::assertSame([], self::wrong($report([], null)), 'another provider may know users');
    }

    public function testWhatWasNotNamedIsSaid(): void
    {
        $report = $this->doctor(['config' => null, 'registry' => null]);

        self::assertSame(['config.file' => 'warning', 'registry.file' => 'warning'], self::wrong($report));
        self::assertSame(1, $report['exit']);
    }

    public function testNoReportHoldsAKey(): void
    {
        $key = base64_encode(random_bytes(32));
        $keys = [['provider' => 'file', 'path' => $this->keyFile($key)], ['provider' => 'raw', 'key_base64' => $key]];
        $result = self::command(['doctor', ...$this->arguments([
            'config' => $this->json('config.json', ['master_keys' => $keys]),
        ])]);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertStringNotContainsString($key, $result['output']);
    }

    public function testACallThatDoesNotExist(): void
    {
        self::assertSame(64, self::command(['doctor', '--format=xml'])['code']);
        self::assertSame(64, self::command(['doctor', '--no-fpm', '--fpm-socket=/x'])['code']);
        self::assertSame(64, self::command(['doctor', 'everything'])['code']);
    }
}
