<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli\Breakage;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * The table "Broken on purpose" of docs/doctor.md, on a host that is set up as the pages say. For each row, the host is broken,
 * the doctor has to report the finding with exactly the remedy of the row (where … stands for a name), the remedy is run, and
 * the doctor must find nothing wrong any more.
 *
 * @group root
 */
final class BreakageTest extends TestCase
{
    /** What is broken, in the words of the table => the shell commands that break it; host.sh has their functions. */
    private const BREAK = [
        'FFI is off' => 'setting ffi.enable 0; systemctl reload php$php-fpm',
        'every file may call C' => 'setting ffi.enable 1; systemctl reload php$php-fpm',
        'opcache is off' => 'setting opcache.enable 0; systemctl reload php$php-fpm',
        'no script is preloaded' => 'setting opcache.preload; systemctl reload php$php-fpm',
        'another script is preloaded' => 'echo "<?php" >/etc/preload.php
            setting opcache.preload /etc/preload.php; systemctl reload php$php-fpm',
        'no header is preloaded' => 'setting ffi.preload; systemctl reload php$php-fpm',
        'a function is taken away' => 'sed -i "s/^disable_functions *=.*/disable_functions = exec, hrtime/" /etc/php/$php/fpm/php.ini
            systemctl reload php$php-fpm',
        'nobody is to preload' => 'systemctl stop php$php-fpm; setting opcache.preload_user',
        'who is to preload is nobody' => 'systemctl stop php$php-fpm; setting opcache.preload_user nobody-at-all',
        'the script is not where it was' => 'systemctl stop php$php-fpm; setting opcache.preload /usr/share/php/preload.php',
        'the header is newer than the library' => 'systemctl stop php$php-fpm
            sed -i "/^int32_t secure_outbound_close(/i int32_t secure_outbound_of_tomorrow(void);" /usr/local/include/secure_outbound.h',
        'the header is gone' => 'systemctl stop php$php-fpm; rm /usr/local/include/secure_outbound.h',
        'the library is gone' => 'systemctl stop php$php-fpm; rm /usr/local/lib/libsecure_outbound.so',
        'the library is of another libc' => 'systemctl stop php$php-fpm; of_musl /usr/local/lib/libsecure_outbound.so',
        'the library lies on a mount without exec' => 'systemctl stop php$php-fpm; without_exec /usr/local/lib',
        'php-fpm does not run' => 'systemctl stop php$php-fpm',
        'the library was replaced without a reload' => 'make --no-print-directory install PREFIX=/usr/local',
        "the library is another user's" => 'chown www-data /usr/local/lib/libsecure_outbound.so',
        'a reload ends calls' => 'sed -i "/^process_control_timeout/d" /etc/php/$php/fpm/php-fpm.conf; systemctl reload php$php-fpm',
        'open_basedir without the directory' => 'echo "php_admin_value[open_basedir] = /usr/local/" >>/etc/php/$php/fpm/pool.d/www.conf
            systemctl reload php$php-fpm',
        'the configuration is not for the worker' => 'chmod 0600 $etc/transport.json',
        'the registry is not for the worker' => 'chmod 0600 $etc/services.json',
        'the envelopes are not for the worker' => 'chmod 0700 $etc/vault',
        'an envelope is not for the worker' => 'chmod 0600 $etc/vault/my_api_key',
        "the key is root's" => 'chown root:root $etc/vault.key',
        'everybody can read the key' => 'chmod 0444 $etc/vault.key',
        'the key is a link' => 'mv $etc/vault.key $etc/vault.2026.key; ln -s vault.2026.key $etc/vault.key',
        'another key of the right length' => 'sealed_by_another_key',
        'an envelope without its form' => 'echo garbage >$etc/vault/my_api_key',
        'an envelope is not there' => 'rm $etc/vault/my_api_key',
        'a binding is over' => 'seal \'{"type": "bearer", "token": "t",
            "binding": {"hosts": ["api.example.com"], "expires_at": "2020-01-01T00:00:00Z"}}\'',
        'a binding forbids the host' => 'seal \'{"type": "bearer", "token": "t", "binding": {"hosts": ["other.example.com"]}}\'',
        'a binding forbids a method' => 'seal \'{"type": "bearer", "token": "t",
            "binding": {"hosts": ["api.example.com"], "methods": ["GET"]}}\'',
        'a payload of another type' => 'seal \'{"type": "basic", "username": "u", "password": "p",
            "binding": {"hosts": ["api.example.com"]}}\'',
        'two sites with one key id' => 'another_site',
        'a pattern outside the base path' => 'editor in_services \'$service["policy"]["allowed_paths"] = ["/v1/resources/{id}"];\'
            in_services \'$service["policy"]["allowed_paths"] = ["/resources/{id}"];\'',
        'an entry without a base URL' => 'editor in_services \'$service["base_url"] = "https://api.example.com/v1";\'
            in_services \'unset($service["base_url"]);\'',
        'plain HTTP to a public host' => 'editor in_services \'$service["base_url"] = "https://api.example.com/v1";\'
            in_services \'$service["base_url"] = "http://api.example.com/v1";\'',
        'the token cache is gone' => 'in_configuration \'$config["token_cache"]["directory"] = "/run/secure-outbound";\'',
        "the audit file is root's" => 'install -m 0640 /dev/null /var/log/secure-outbound/audit.jsonl',
        "the audit directory is root's" => 'chown root:root /var/log/secure-outbound',
        'others write where the registry is compiled' => 'chmod 0775 /var/cache/secure-outbound',
        'others write above it' => 'chmod 0775 /var/cache',
    ];

    private static TempDir $directory;

    public static function setUpBeforeClass(): void
    {
        self::$directory = new TempDir('breakage');
    }

    public static function tearDownAfterClass(): void
    {
        self::$directory->remove();
    }

    /**
     * @group own-network
     */
    public function testNothingIsWrongWithTheHostThatIsSetUp(): void
    {
        self::host('set-up');

        self::assertSame([], self::wrong('host.json'));
    }

    public function testTheTableHasThirtyBreakagesAndEachOfThemIsRun(): void
    {
        self::assertSame(array_keys(self::BREAK), array_keys(self::rows()));
        self::assertGreaterThanOrEqual(30, count(self::BREAK));
    }

    /**
     * @group own-network
     * @depends testNothingIsWrongWithTheHostThatIsSetUp
     * @dataProvider rows
     */
    public function testItIsFoundAndFixed(string $broken, string $code, string $remedy): void
    {
        self::$directory->write('break', self::BREAK[$broken]);
        self::host('breakage', $code);

        self::assertContains($code, self::wrong('before.json'));
        $pattern = '{\A' . str_replace('…', '[\w-]+', preg_quote($remedy)) . '\z}';
        self::assertMatchesRegularExpression($pattern, (string) file_get_contents(self::$directory->path . '/remedy'));
        self::assertSame([], self::wrong('after.json'));
    }

    /**
     * @return array<string, array{string, string, string}>
     */
    public static function rows(): array
    {
        $page = (string) file_get_contents(dirname(Build::php()) . '/docs/doctor.md');
        $table = (string) strstr($page, "\n## Broken on purpose\n");
        preg_match_all('/^\| (.+?) \| `([a-z_.]+)` \| `(.+)` \|$/m', $table, $rows, PREG_SET_ORDER);
        $named = [];
        foreach ($rows as [, $broken, $code, $remedy]) {
            $named[$broken] = [$broken, $code, str_replace(['8.2', '\|'], [Fpm::VERSION, '|'], $remedy)];
        }
        return $named;
    }

    private static function host(string ...$arguments): void
    {
        $unshare = ['unshare', '--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child', 'bash', __DIR__ . '/host.sh'];
        $result = Process::run([...$unshare, dirname(Build::php()), self::$directory->path, Fpm::VERSION, ...$arguments]);
        self::assertSame(0, $result['code'], $result['output']);
    }

    /**
     * @return list<string> the codes of the findings that are not ok
     */
    private static function wrong(string $answer): array
    {
        $report = json_decode((string) file_get_contents(self::$directory->path . '/' . $answer), true);
        self::assertIsArray($report, $answer);
        $wrong = array_filter($report['findings'], static fn (array $finding): bool => $finding['verdict'] !== 'ok');
        return array_column($wrong, 'code');
    }
}
