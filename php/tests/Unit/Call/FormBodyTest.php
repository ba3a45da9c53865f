<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Call;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\FormPart;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * Request bodies that the options form_params and multipart make.
 */
final class FormBodyTest extends TestCase
{
    private const FORM = [['content-type', 'application/x-www-form-urlencoded']];

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('form');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @dataProvider forms
     * @param array<mixed> $fields
     */
    public function testFieldsAreEncodedAsBrowsersDo(array $fields, string $body): void
    {
        $options = CallOptions::read(['form_params' => $fields]);

        self::assertSame([$body, self::FORM], [$options->body, $options->headers]);
    }

    /**
     * @return iterable<string, array{array<mixed>, string}>
     */
    public static function forms(): iterable
    {
        yield 'a map' => [['a' => 'b c', 'ä' => '&=+'], 'a=b+c&%C3%A4=%26%3D%2B'];
        yield 'numbers and booleans' => [['n' => 7, 'f' => 1.5, 't' => true, 'o' => false], 'n=7&f=1.5&t=1&o=0'];
        yield 'null is left out' => [['a' => null, 'b' => ''], 'b='];
        yield 'nested' => [['a' => ['x', 'y'], 'b' => ['c' => 'd']], 'a%5B0%5D=x&a%5B1%5D=y&b%5Bc%5D=d'];
        yield 'pairs' => [[['a', '1'], ['a', '2 3'], ['7', '']], 'a=1&a=2+3&7='];
        yield 'none' => [[], ''];
        yield 'what looks like a file' => [['f' => '@/etc/passwd', 'g' => 'file:///etc/passwd'],
            'f=%40%2Fetc%2Fpasswd&g=file%3A%2F%2F%2Fetc%2Fpasswd'];
    }

    public function testTheCallsOwnContentTypeOfAFormStays(): void
    {
        $own = [['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8']];
        $options = CallOptions::read(['form_params' => ['a' => '1'], 'headers' => $own]);

        self::assertSame($own, $options->headers);
    }

    public function testPartsAreWrittenAsTheRfcSays(): void
    {
        $file = $this->directory->write('report.csv', "a;b\r\n--\0\xFF");
        $options = CallOptions::read(['multipart' => [
            'text' => '/etc/passwd',
            'n' => 7,
            'files[]' => [FormPart::file($file), FormPart::file($file, 'b"\r.pdf', 'application/pdf')],
            "na\r\nme\"" => FormPart::contents('%PDF', 'm.pdf', 'application/pdf; v=1'),
        ]]);
        [[$name, $type]] = $options->headers;

        self::assertSame('content-type', $name);
        self::assertMatchesRegularExpression('/\Amultipart\/form-data; boundary=[0-9a-f]{40}\z/', $type);
        $boundary = substr($type, -40);
        self::assertSame(
            str_replace('BOUNDARY', $boundary, implode("\r\n", [
                '--BOUNDARY', 'Content-Disposition: form-data; name="text"', '', '/etc/passwd',
                '--BOUNDARY', 'Content-Disposition: form-data; name="n"', '', '7',
                '--BOUNDARY', 'Content-Disposition: form-data; name="files[]"; filename="report.csv"',
                'Content-Type: application/octet-stream', '', "a;b\r\n--\0\xFF",
                '--BOUNDARY', 'Content-Disposition: form-data; name="files[]"; filename="b%22\r.pdf"',
                'Content-Type: application/pdf', '', "a;b\r\n--\0\xFF",
                '--BOUNDARY', 'Content-Disposition: form-data; name="na%0D%0Ame%22"; filename="m.pdf"',
                'Content-Type: application/pdf; v=1', '', '%PDF',
                '--BOUNDARY--', '',
            ])),
            $options->form?->read(),
        );
        self::assertNotSame($type, CallOptions::read(['multipart' => []])->headers[0][1]);
    }

    public function testPartsMayBePairs(): void
    {
        $pairs = [['a', '1'], ['a', FormPart::contents('2', 'two')], ['b', 'php://input']];
        $body = (string) CallOptions::read(['multipart' => $pairs])->form?->read();

        self::assertSame(2, substr_count($body, 'name="a"'));
        self::assertStringContainsString("name=\"b\"\r\n\r\nphp://input\r\n", $body);
    }

    /**
     * @dataProvider faulty
     * @param array<mixed> $options
     */
    public function testWhatHasNoFormIsRefusedWithoutItsValue(array $options, string $message): void
    {
        $failure = self::failure(static fn () => CallOptions::read($options));

        self::assertSame('invalid_request.malformed', $failure->errorCode());
        self::assertStringContainsString($message, $failure->getMessage());
        self::assertStringNotContainsString('hunter2', (string) $failure);
    }

    /**
     * @return iterable<string, array{array<mixed>, string}>
     */
    public static function faulty(): iterable
    {
        $guzzle = ['name' => 'a', 'contents' => 'hunter2'];
        yield 'a text as form' => [['form_params' => 'hunter2'], 'form_params is no array'];
        yield 'a list of texts as form' => [['form_params' => ['hunter2']], 'not of pairs'];
        yield 'a file in a form' => [['form_params' => ['a' => FormPart::contents('hunter2', 'a')]], 'go into multipart'];
        yield 'an object in a form' => [['form_params' => ['a' => ['b' => (object) ['hunter2']]]], 'go into multipart'];
        yield 'a text as multipart' => [['multipart' => 'hunter2'], 'multipart is a map'];
        yield 'parts as Guzzle has them' => [['multipart' => [$guzzle]], 'multipart is a map'];
        yield 'a part of three' => [['multipart' => [['a', 'hunter2', 'c']]], 'multipart is a map'];
        yield 'a resource as part' => [['multipart' => ['a' => STDIN]], 'multipart is a map'];
        yield 'a list in a list' => [['multipart' => ['a' => [['hunter2']]]], 'multipart is a map'];
        yield 'a file object of PHP' => [['multipart' => ['a' => new \SplFileInfo('/hunter2')]], 'multipart is a map'];
        yield 'a control in a name' => [['multipart' => ["hunter2\0" => 'a']], 'control character'];
        $named = FormPart::contents('a', "hunter2\x1B");
        yield 'a control in the name of a file' => [['multipart' => ['a' => $named]], 'control character'];
        yield 'json and a form' => [['json' => [], 'form_params' => ['hunter2' => 1]], 'both json and form_params'];
        yield 'a body and parts' => [['body' => '', 'multipart' => []], 'both body and multipart'];
        yield 'both kinds of form' => [['form_params' => [], 'multipart' => []], 'both form_params and multipart'];
        $typed = ['multipart' => [], 'headers' => ['Content-TYPE' => 'multipart/form-data; boundary=hunter2']];
        yield 'an own content type for parts' => [$typed, 'leave the header out'];
        yield 'a file that is not there' => [['multipart' => ['a' => FormPart::file('/hunter2')]], 'cannot be read'];
        yield 'a directory' => [['multipart' => ['a' => FormPart::file('/')]], 'cannot be read'];
        yield 'a device' => [['multipart' => ['a' => FormPart::file('/dev/zero')]], 'cannot be read'];
        yield 'a stream that needs no slashes' => [['multipart' => ['a' => FormPart::file('data:,hunter2')]], 'cannot be read'];
    }

    /**
     * @dataProvider noFiles
     */
    public function testAFileIsALocalPath(string $path): void
    {
        $failure = self::failure(static fn () => FormPart::file($path));

        self::assertSame('invalid_request.malformed', $failure->errorCode());
        self::assertStringContainsString('no local path', $failure->getMessage());
    }

    /**
     * @return iterable<array{string}>
     */
    public static function noFiles(): iterable
    {
        yield ['php://input'];
        yield ['http://169.254.169.254/'];
        yield ['file:///etc/hostname'];
        yield ['PHAR:///tmp/a.phar/b'];
        yield ['compress.zlib:///etc/hostname'];
        yield ["/etc/hostname\0.pdf"];
        yield [''];
    }

    public function testAPipeDoesNotHoldTheCallUp(): void
    {
        $pipe = $this->directory->path . '/pipe';
        posix_mkfifo($pipe, 0600);
        $failure = self::failure(static fn () => CallOptions::read(['multipart' => ['a' => FormPart::file($pipe)]]));

        self::assertStringContainsString('no regular file', $failure->getMessage());
    }

    public function testAContentTypeCannotEndTheHeader(): void
    {
        foreach (["a/b\r\nX: y", '', ' ', "a/b\n"] as $type) {
            $failure = self::failure(static fn () => FormPart::contents('a', 'b', $type));
            self::assertStringContainsString('content type', $failure->getMessage());
        }
    }

    public function testAFileThatDoesNotFitIsNotRead(): void
    {
        $handle = fopen($this->directory->write('large', ''), 'r+');
        self::assertTrue(ftruncate($handle, 1 << 40));
        $form = CallOptions::read(['multipart' => ['a' => FormPart::file($this->directory->path . '/large')]])->form;
        $limit = ini_set('memory_limit', '512M');
        $failure = self::failure(static fn () => $form?->read());
        ini_set('memory_limit', (string) $limit);

        self::assertSame('policy.request_too_large', $failure->errorCode());
        self::assertStringContainsString('memory_limit', $failure->getMessage());
        self::assertGreaterThan(1 << 40, $form?->length());
    }

    public function testAFileThatBecomesShorterIsRefused(): void
    {
        $file = $this->directory->write('log', 'one two three');
        $form = CallOptions::read(['multipart' => ['a' => FormPart::file($file)]])->form;
        file_put_contents($file, 'one');
        self::assertStringContainsString('changed', self::failure(static fn () => $form?->read())->getMessage());

        $form = CallOptions::read(['multipart' => ['a' => FormPart::file($file)]])->form;
        file_put_contents($file, ' two', FILE_APPEND);
        self::assertStringContainsString("\r\n\r\none\r\n--", (string) $form?->read(), 'as long as it was');
    }

    /**
     * The memory limit has room for one copy of the file of 24 MiB, and not for two.
     *
     * @testWith ["/file"]
     *           ["/pieces"]
     */
    public function testTheBodyIsInMemoryOnce(string $how): void
    {
        $file = $this->directory->write('large', str_repeat('0123456789abcdef', 24 << 16));
        $script = $this->directory->write('script.php', <<<'PHP'
            <?php
            require $argv[1] . '/tests/bootstrap.php';
            use Netresearch\NrVault\Outbound\Call\FormPart;
            $parts = $argv[3] === '/file'
                ? ['a' => FormPart::file($argv[2])]
                : ['t' => 'text', 'a' => FormPart::file($argv[2]), 'b' => FormPart::contents('x', 'y')];
            $options = Netresearch\NrVault\Outbound\Call\CallOptions::read(['multipart' => $parts]);
            $body = $options->form->read();
            echo sha1(substr($body, strpos($body, '0123456789abcdef'), 1 << 20)), ' ', strlen($body) >> 20;
            PHP);
        $php = [PHP_BINARY, '-d', 'memory_limit=36M', $script, Build::php(), $file, $how];

        $expected = sha1(str_repeat('0123456789abcdef', 1 << 16)) . ' 24';
        self::assertSame(['code' => 0, 'output' => $expected], Process::run($php));
        $few = [PHP_BINARY, '-d', 'disable_functions=stream_wrapper_register', '-d', 'memory_limit=128M', ...array_slice($php, 3)];
        self::assertSame($expected, Process::run($few)['output'], 'without a stream of its own');
    }

    private static function failure(\Closure $work): OutboundException
    {
        try {
            $work();
        } catch (OutboundException $failure) {
            return $failure;
        }
        self::fail('It was taken.');
    }
}
