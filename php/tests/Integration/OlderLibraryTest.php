<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * A library of this ABI version that lacks one function of a later release; each test runs PHP in a process of its own.
 */
final class OlderLibraryTest extends TestCase
{
    private const SCRIPT = <<<'PHP'
        require $argv[1];
        use Netresearch\NrVault\Transport\NativeLibrary;
        try {
            NativeLibrary::bind($argv[2]);
            echo 'bound, ', NativeLibrary::version(), ', ', json_encode([NativeLibrary::canCheck(), NativeLibrary::canDecide(), NativeLibrary::canStream(), NativeLibrary::canUpload()]), "\n";
            NativeLibrary::check(1, '{}', '');
        } catch (\RuntimeException $failure) {
            echo $failure->getCode(), "\n";
        }
        PHP;

    /** Begins two calls that the policy does not allow, the second one with a body that is read while it is sent. */
    private const TWO_CALLS = <<<'PHP'
        require $argv[1];
        use Netresearch\NrVault\Outbound\Exception\OutboundException;
        use Netresearch\NrVault\Transport\BodySource;
        use Netresearch\NrVault\Transport\RequestSpec;
        use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
        $body = new class implements BodySource {
            public function length(): ?int
            {
                return 3;
            }
            public function read(int $max): string
            {
                return 'abc';
            }
        };
        $transport = new RustFfiTransport(['limits' => ['hosts' => ['api.example.com']]], $argv[2]);
        foreach ([null, $body] as $body) {
            try {
                $transport->start(new RequestSpec('api', 'POST', null, url: 'https://elsewhere.example/'), body: $body);
            } catch (OutboundException $failure) {
                echo $failure->errorCode(), ' ', $failure->getMessage(), "\n";
            }
        }
        PHP;

    /** Makes a call that the policy does not allow. */
    private const A_WHOLE_CALL = <<<'PHP'
        require $argv[1];
        use Netresearch\NrVault\Outbound\Exception\OutboundException;
        use Netresearch\NrVault\Transport\RequestSpec;
        use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
        $transport = new RustFfiTransport(['limits' => ['hosts' => ['api.example.com']]], $argv[2]);
        try {
            $transport->send(new RequestSpec('api', 'POST', null, url: 'https://elsewhere.example/'));
        } catch (OutboundException $failure) {
            echo $failure->errorCode(), ' ', $failure->getMessage(), "\n";
        }
        PHP;

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('older');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testWhatNoCallNeedsMayBeMissing(): void
    {
        self::assertSame("bound, other, [false,true,true,true]\n2\n", $this->bound('secure_outbound_check'));
        self::assertStringStartsWith("bound, other, [true,false,false,false]\n", $this->bound('secure_outbound_decide'));
        self::assertStringStartsWith("bound, other, [true,true,false,false]\n", $this->bound('secure_outbound_wait'));
        self::assertStringStartsWith("bound, other, [true,true,true,false]\n", $this->bound('secure_outbound_write'));
    }

    public function testWhatACallNeedsMayNot(): void
    {
        self::assertSame("2\n", $this->bound('secure_outbound_explain'));
    }

    public function testThisOneLacksNothing(): void
    {
        $answer = self::inAProcess(Build::library());

        self::assertMatchesRegularExpression('/\Abound, \S+, \[true,true,true,true\]\n\z/', $answer);
    }

    public function testWithoutWriteCallsGoOnButThoseWithABodyInPieces(): void
    {
        $refused = '~\Apolicy\.missing .*\nconfiguration\.transport_unavailable .*too old for the body of a request that is read while .*'
            . 'install the release of this package.*\n\z~';
        self::assertMatchesRegularExpression($refused, self::inAProcess($this->without('secure_outbound_write'), self::TWO_CALLS));
        self::assertMatchesRegularExpression(
            '~\Apolicy\.missing .*\npolicy\.missing .*\n\z~',
            self::inAProcess(Build::library(), self::TWO_CALLS),
        );
    }

    public function testWithoutWaitWholeCallsGoOn(): void
    {
        $library = $this->without('secure_outbound_wait');
        $old = 'configuration\.transport_unavailable .*too old for responses in pieces and several calls at once: install the release .*\n';
        self::assertMatchesRegularExpression("~\\A$old$old\\z~", self::inAProcess($library, self::TWO_CALLS));
        self::assertMatchesRegularExpression('~\Apolicy\.missing .*\n\z~', self::inAProcess($library, self::A_WHOLE_CALL));
    }

    /** The file of a library whose function of this name has another one. Linkers keep write() as the end of this name. */
    private function without(string $function): string
    {
        $older = $this->directory->path . '/older.so';
        $library = (string) file_get_contents(Build::library());
        file_put_contents($older, str_replace("\0$function\0", "\0" . ucfirst($function) . "\0", $library));
        return $older;
    }

    private function bound(string $without): string
    {
        return self::inAProcess(OtherLibrary::build($this->directory, $without, 1));
    }

    private static function inAProcess(string $library, string $script = self::SCRIPT): string
    {
        $autoload = Build::php() . '/autoload.php';
        return Process::run([PHP_BINARY, '-r', $script, $autoload, $library])['output'];
    }
}
