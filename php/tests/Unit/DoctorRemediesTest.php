<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use PHPUnit\Framework\TestCase;

/**
 * Remedies of the doctor are commands that root pastes into a shell.
 */
final class DoctorRemediesTest extends TestCase
{
    public function testTheVersionIsThatOfTheSocketAndThenOfTheWorker(): void
    {
        $here = PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;
        self::assertSame($here, Remedies::ofThisHost(null, [], '/run/other.sock')->version);
        $remedies = Remedies::ofThisHost(null, [], '/run/php/php8.4-fpm-site.sock');
        self::assertSame('php-fpm8.4 -t && systemctl reload php8.4-fpm', $remedies->reload());
        self::assertSame('apt-get install php8.4-curl && phpenmod -v 8.4 curl', $remedies->extension('curl'));
        self::assertSame('php-fpm8.3 -t && systemctl reload php8.3-fpm', $remedies->ofWorker('8.3.12-dev', 33)->reload());
    }

    public function testWhatAnswersAtTheSocketWritesNoCommand(): void
    {
        $remedies = Remedies::ofThisHost(null, [], '/run/php/php8.4-fpm.sock')->ofWorker("8;touch /tmp/x\n", 33);

        self::assertSame('php-fpm8.4 -t && systemctl reload php8.4-fpm', $remedies->reload());
        self::assertStringStartsWith(
            "echo 'a'\\''; touch /x' >> /etc/php/8.4/fpm/conf.d/99-secure-outbound.ini && ",
            $remedies->fpmIni("a'; touch /x"),
        );
    }

    public function testTheKeyFilesAreThoseOfTheConfiguration(): void
    {
        $config = [
            'master_keys' => [
                ['provider' => 'file', 'path' => '/etc/a b.key'],
                ['provider' => 'env', 'name' => 'KEY'],
                ['provider' => 'file', 'path' => '/etc/c.key'],
            ],
            'token_cache' => ['directory' => '/run/tokens'],
        ];
        $remedies = Remedies::ofThisHost('/etc/transport.json', $config, null)->ofWorker('8.2.1', 33);

        $files = "'/etc/a b.key' '/etc/c.key'";
        self::assertSame('chown www-data: ' . $files . ' && chmod 0400 ' . $files, $remedies->ownKeys());
        self::assertSame("install -d -o www-data -g www-data -m 0700 '/run/tokens'", $remedies->tokenCache());
        self::assertStringContainsString('env[KEY] = ', $remedies->poolVariable());
    }
}
