<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Why php-fpm does not start. php-fpm -t opens the library and runs the preload script; its output is examined. If the library
 * cannot be opened, the dynamic loader tells the reason, which PHP does not print.
 *
 * @internal
 */
final readonly class FpmStart
{
    private const SECONDS = '20';

    private function __construct(private string $program, private Remedies $remedies)
    {
    }

    /**
     * @param string|null $program path of php-fpm; null: the name that Debian gives it
     */
    public static function examine(?string $program, Remedies $remedies): Finding
    {
        return (new self($program ?? 'php-fpm' . $remedies->version, $remedies))->run();
    }

    private function run(): Finding
    {
        $line = $this->program . ' -t';
        // Another user than root has other rights, and for such a user PHP does not require opcache.preload_user.
        if (!function_exists('posix_geteuid') || posix_geteuid() !== 0 || !function_exists('proc_open')) {
            return Finding::warning('fpm.start', 'Whether php-fpm can start is known to root only.', 'sudo ' . $line);
        }
        [$code, $output] = self::output([$this->program, '-t']);
        return match ($code) {
            0 => Finding::ok('fpm.start', $line . ' finds nothing wrong: php-fpm can start.'),
            124, 137 => Finding::warning(
                'fpm.start',
                $line . ' did not end within ' . self::SECONDS . ' s: whether php-fpm can start is not known.',
                $line . '   # what is it waiting for?',
            ),
            126 => Finding::warning(
                'fpm.start',
                $this->program . ' to test php-fpm with may not be executed.',
                'ls -l ' . escapeshellarg($this->program) . '   # or name another: --php-fpm=PATH',
            ),
            127 => Finding::warning(
                'fpm.start',
                'There is no program ' . $this->program . ' to test php-fpm with.',
                'apt-get install php' . $this->remedies->version . '-fpm   # or name it: --php-fpm=PATH',
            ),
            default => $this->judge(self::plain($output)),
        };
    }

    private function judge(string $output): Finding
    {
        $own = Installation::directory() . '/preload.php';
        $restart = $this->remedies->restart();
        return match (true) {
            // The messages of PHP 8.2 and of 8.4.
            str_contains($output, '"opcache.preload_user" has not been defined'),
            str_contains($output, '"opcache.preload" requires "opcache.preload_user"') => Finding::critical(
                'fpm.preload_user',
                'php-fpm does not start: its master is root, and opcache.preload_user is not set.',
                $this->remedies->fpmIni('opcache.preload_user = ' . $this->remedies->user, false),
            ),
            preg_match('/failed to getpwnam\("([^"]*)"\)/', $output, $match) === 1 => Finding::critical(
                'fpm.preload_user',
                'php-fpm does not start: there is no user ' . $match[1] . ', which opcache.preload_user names.',
                $this->remedies->fpmIni('opcache.preload_user = ' . $this->remedies->user, false),
            ),
            preg_match("/'([^']+)', cannot resolve C function '(\w+)'/", $output, $match) === 1 => Finding::critical(
                'fpm.header_newer',
                'php-fpm does not start: the header ' . $match[1] . ' is newer than the library, which has no ' . $match[2] . '.',
                Installation::install() . ' && ' . $restart,
            ),
            preg_match("/'([^']+)', file doesn't exist/", $output, $match) === 1 => Finding::critical(
                'fpm.header_missing',
                'php-fpm does not start: ffi.preload names ' . $match[1] . ', where nothing is.',
                Installation::install() . ' && ' . $restart,
            ),
            preg_match("/Failed pre-loading '([^']+)'/", $output, $match) === 1 => $this->library($match[1]),
            preg_match("/Failed opening required '([^']+)'/", $output, $match) === 1 => Finding::critical(
                'fpm.script_missing',
                'php-fpm does not start: ' . $match[1] . ' is to be preloaded and cannot be read.',
                $this->remedies->fpmIni('opcache.preload = ' . $own, false),
            ),
            default => Finding::critical(
                'fpm.start',
                'php-fpm does not start: ' . ($output === '' ? 'its test says nothing.' : substr($output, 0, 300)),
                $this->program . ' -t   # ' . Installation::page('preload.md') . ' has what it may say',
            ),
        };
    }

    /** PHP says only that it could not open the library; the dynamic loader tells the reason. */
    private function library(string $file): Finding
    {
        $what = 'php-fpm does not start: ';
        if (!is_file($file)) {
            $message = $what . "there is no library at $file, which the header's FFI_LIB names.";
            return Finding::critical('fpm.library_missing', $message, Installation::install() . ' && ' . $this->remedies->restart());
        }
        $mount = self::mount($file);
        if ($mount !== null && preg_match('/(^|,)noexec(,|$)/', $mount['options']) === 1) {
            return Finding::critical(
                'fpm.noexec',
                $what . $file . ' lies on ' . $mount['place'] . ', which is mounted noexec.',
                'mount -o remount,exec ' . escapeshellarg($mount['place']) . ' && ' . $this->remedies->restart() . '   # and in /etc/fstab; or install elsewhere',
            );
        }
        $reason = self::loaderSays($file);
        if (preg_match('/GLIBC_[0-9.]+|libc\.musl[\w.-]*|ld-musl[\w.-]*|not a dynamic executable/', $reason, $match) === 1) {
            $made = $match[0] === 'not a dynamic executable'
                ? 'it is no library for this machine'
                : 'it was built for another libc: ' . $match[0];
            return Finding::critical('fpm.libc', $what . $file . ' cannot be opened; ' . $made . '.', $this->buildHere());
        }
        return Finding::critical(
            'fpm.library_missing',
            $what . $file . ' cannot be opened' . ($reason === '' ? '.' : ': ' . $reason),
            'ldd ' . escapeshellarg($file),
        );
    }

    private function buildHere(): string
    {
        $build = Installation::isPackaged() ? '' : 'make build && ';
        return $build . Installation::install() . ' && ' . $this->remedies->restart() . '   # on this machine';
    }

    /**
     * @param non-empty-list<string> $command
     * @return array{int, string} exit code and both outputs
     */
    private static function output(array $command): array
    {
        $streams = [['file', '/dev/null', 'r'], ['pipe', 'w']];
        [$process, $pipes] = Quiet::call(static function () use ($command, $streams) {
            $process = proc_open(['sh', '-c', 'exec timeout -k 5 "$@" 2>&1', 'sh', self::SECONDS, ...$command], $streams, $pipes);
            return [$process, $pipes];
        });
        if ($process === false) {
            return [127, ''];
        }
        $output = (string) stream_get_contents($pipes[1]);
        return [proc_close($process), $output];
    }

    private static function loaderSays(string $file): string
    {
        [, $output] = self::output(['ldd', $file]);
        $isReason = static fn (string $line): bool => preg_match('/not found|not a dynamic executable|error/', $line) === 1;
        return implode(' ', array_filter(explode("\n", $output), $isReason));
    }

    /**
     * @return array{place: string, options: string}|null
     */
    private static function mount(string $file): ?array
    {
        $best = null;
        $path = (string) realpath($file);
        preg_match_all('/^\S+ (\S+) \S+ (\S+)/m', (string) LocalFile::read('/proc/self/mounts'), $mounts, PREG_SET_ORDER);
        foreach ($mounts as [, $place, $options]) {
            $place = stripcslashes($place);
            if (str_starts_with($path . '/', rtrim($place, '/') . '/') && strlen($place) >= strlen($best['place'] ?? '')) {
                $best = ['place' => $place, 'options' => $options];
            }
        }
        return $best;
    }

    /** PHP writes errors of its start in HTML if html_errors is on, and over several lines. */
    private static function plain(string $output): string
    {
        return trim((string) preg_replace('/\s+/', ' ', strip_tags($output)));
    }
}
