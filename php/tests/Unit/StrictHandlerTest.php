<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Audit\PdoAuditSink;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Double\StrictHandler;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\System\Quiet;
use PHPUnit\Framework\TestCase;

/**
 * Where PHP raises a warning, callers get the documented result or exception, even if the host's error handler throws for
 * suppressed warnings too. The contract test makes all its calls with such a handler.
 */
final class StrictHandlerTest extends TestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('strict');
        $this->directory->write('file', '');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testNoErrorIsSuppressedByTheSignThatHandlersSee(): void
    {
        $found = [];
        foreach (Build::sources() as $path => $code) {
            foreach (\PhpToken::tokenize($code) as $token) {
                if ($token->id === ord('@')) {
                    $found[] = $path . ':' . $token->line;
                }
            }
        }

        self::assertSame([], $found);
    }

    public function testWarningsAreGivenToNobodyElse(): void
    {
        $warn = static fn () => Quiet::call(static fn () => trigger_error('c4n4ry', E_USER_WARNING), $warnings);
        self::assertTrue(StrictHandler::around($warn));
        Quiet::call(static fn () => trigger_error('one') && trigger_error('two'), $warnings);

        self::assertSame("one\ntwo", $warnings);
    }

    /**
     * @dataProvider faults
     * @param \Closure(string): mixed $work given the path of something that cannot be used
     */
    public function testTheExceptionIsThatOfTheInterface(string $exception, string $message, \Closure $work): void
    {
        $this->expectException($exception);
        $this->expectExceptionMessage($message);

        StrictHandler::around(fn (): mixed => $work($this->directory->path . '/file'));
    }

    /**
     * @return iterable<string, array{string, string, \Closure(string): mixed}>
     */
    public static function faults(): iterable
    {
        $entry = new AuditEntry('id', AuditEntry::COMPLETE, AuditEntry::RESPONSE, [], null, null, 'test', null);
        yield 'a registry' => [
            OutboundException::class,
            'configuration.invalid',
            static fn (string $file) => (new JsonFileServiceRegistry($file . '/services.json'))->get('a'),
        ];
        yield 'a registry that is a directory' => [
            OutboundException::class,
            'configuration.invalid',
            static fn (string $file) => (new JsonFileServiceRegistry(dirname($file)))->get('a'),
        ];
        yield 'a directory of envelopes' => [
            OutboundException::class,
            'credential.not_found',
            static fn (string $file) => (new DirectoryCredentialProvider($file))
                ->fetch(new CredentialReference('a', 'bearer')),
        ];
        yield 'a configuration' => [
            UsageError::class,
            'does not exist',
            static fn (string $file) => ConfigFile::read($file . '/transport.json'),
        ];
        yield 'an audit file' => [
            AuditSinkException::class,
            'the audit file cannot be opened: No such file or directory',
            static fn (string $file) => (new JsonLinesAuditSink($file . '/audit.jsonl'))->write($entry),
        ];
        yield 'the directory of an audit file' => [
            AuditSinkException::class,
            'directory of the audit file cannot be read',
            static fn (string $file) => (new JsonLinesAuditSink($file . '/audit.jsonl'))->purge(),
        ];
        yield 'an audit database' => [
            AuditSinkException::class,
            'was not stored in the database',
            static fn (string $file) => (new PdoAuditSink('sqlite:' . $file . '/audit.sqlite'))->write($entry),
        ];
    }
}
