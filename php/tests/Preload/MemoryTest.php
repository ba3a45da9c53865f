<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Cli\Doctor\FastCgiClient;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Calls;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Copy;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Forms;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Measurement;
use Netresearch\NrVault\Outbound\Tests\Support\Memory\Search;
use Netresearch\NrVault\Outbound\Tests\Support\Process\FastCgiRequest;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use PHPUnit\Framework\TestCase;

/**
 * Copies of sent secrets in a php-fpm worker, searched for in its memory, locked pages included, and in a core file.
 *
 * @group root
 */
final class MemoryTest extends TestCase
{
    /** The secrets that are sent to the API. */
    private const SENT = [
        'bearer' => ['bearer'],
        'api_key' => ['api_key'],
        'basic' => ['basic', 'basic, password'],
        'secret as bearer' => ['secret as bearer'],
        'secret as api_key' => ['secret as api_key'],
        'secret in a header' => ['header'],
        'secret as basic' => ['basic secret, password', 'basic secret, user'],
        'two halves' => ['password half', 'user half'],
        'query' => ['query'],
        'JSON body' => ['JSON'],
        'form body' => ['form'],
        'client' => ['access token'],
        'several' => ['first of several', 'fourth of several', 'second of several', 'third of several'],
    ];

    private Measurement $measurement;
    private ?FastCgiRequest $planting = null;
    private string $hold = '';

    protected function tearDown(): void
    {
        if ($this->planting !== null) {
            @unlink($this->hold);
            $this->planting->response();
        }
        $this->measurement->stop();
    }

    /**
     * @return iterable<string, array{string, int}> HTTP version, and the number of copies that an open connection may hold
     */
    public static function protocols(): iterable
    {
        yield 'HTTP/1.1' => ['1.1', 1];
        yield 'HTTP/2' => ['2', 2];
    }

    /**
     * @dataProvider protocols
     */
    public function testNoSecretIsLeftOnceTheConnectionIsClosed(string $http, int $whileOpen): void
    {
        $this->measurement = new Measurement($http);
        $calls = $this->measurement->calls;
        $this->measurement->send([]);
        $this->assertOnlyTheKeyIsKept($this->measurement->inMemory(), 'before the first call');

        $outcomes = $this->measurement->send($calls->placements());
        self::assertSame(array_map(static fn (): int => 201, self::SENT), $outcomes);
        $search = new Search($this->measurement->canaries);
        $received = array_map(
            static fn (array $request): array => $search->inText(implode("\n", $request)),
            $this->measurement->upstream->nginx->received(),
        );
        $fetched = array_search(['access token', 'client secret'], $received, true);
        self::assertIsInt($fetched, 'the token endpoint got the client');
        array_splice($received, $fetched, 1);
        self::assertSame(array_values(self::SENT), $received, 'the API got them');
        $unlocked = static fn (Copy $copy): bool => !$copy->locked;
        foreach (self::bySecret(array_filter($this->measurement->inMemory(), $unlocked)) as $copies) {
            self::assertLessThanOrEqual($whileOpen, count($copies), implode("\n", $copies));
        }

        $failures = $calls->failures();
        $outcomes = $this->measurement->send(array_map(static fn (array $failure) => $failure[0], $failures));
        self::assertSame(array_map(static fn (array $failure) => $failure[1], $failures), $outcomes);

        self::assertSame(['plain' => 'connect.refused'], $this->measurement->hangUp());
        $this->assertOnlyTheKeyIsKept($this->measurement->inMemory(), 'after the connection is closed', ['access token']);
        self::assertSame([], array_map(strval(...), $this->measurement->inCore()), 'in the core');
        self::assertSame([], $this->measurement->inTexts(), 'in messages, heads, records and logs');
    }

    public function testNothingIsLeftOfWhatTheDoctorLooksAt(): void
    {
        $this->measurement = new Measurement('2');
        $directory = $this->measurement->worker->host->directory;
        $services = [];
        foreach (['bearer' => 'token', 'api_key' => 'key', 'basic' => 'username'] as $type => $field) {
            $credential = $this->measurement->calls->typed($type, 'bearer', $field);
            $directory->write('vault/' . $type, $credential->sealed);
            $services[$type] = [
                'base_url' => 'https://api.example.com',
                'policy' => ['allowed_methods' => ['GET', 'POST']],
                'credentials' => [['identifier' => $type, 'type' => 'bearer']],
            ];
        }
        $asked = ['files' => [
            'config' => $directory->write('config.json', (string) json_encode($this->measurement->config)),
            'registry' => $directory->write('services.json', (string) json_encode(['version' => 1, 'services' => $services])),
            'credentials' => $directory->path . '/vault',
        ]];
        $this->measurement->send([]);
        $doctor = new FastCgiClient($this->measurement->worker->fpm->socket);
        $script = $this->measurement->worker->host->installation->php . '/diagnose.php';
        $answer = $doctor->run($script, ['SECURE_OUTBOUND_DOCTOR' => '1'], (string) json_encode($asked))['body'];

        $told = json_decode($answer, true)['credentials'];
        self::assertSame([3, 0], [$told['checked'], $told['unchecked']]);
        $refused = ['api_key' => 'credential.payload_invalid', 'basic' => 'credential.payload_invalid'];
        self::assertSame($refused, array_column($told['problems'], 'code', 'identifier'));
        $this->assertOnlyTheKeyIsKept($this->measurement->inMemory(), 'after the doctor was there');
        self::assertSame([], array_map(strval(...), $this->measurement->inCore()), 'in the core');
        self::assertSame([], (new Search($this->measurement->canaries))->inText($answer));
    }

    public function testASecretThatIsThereIsFoundInEachOfItsForms(): void
    {
        $this->measurement = new Measurement('2');
        $canaries = $this->measurement->canaries;
        $search = new Search($canaries);
        $planted = ['text' => Forms::examples($canaries->text('text')), 'key' => Forms::examples($canaries->key('key'))];
        $planted['part of a secret'] = ['raw' => substr($canaries->text('half'), 0, 20)];
        $this->plant(array_merge(...array_map(array_values(...), array_values($planted))));

        foreach (['memory' => $this->measurement->inMemory(), 'core' => $this->measurement->inCore()] as $where => $copies) {
            $found = self::bySecret($copies);
            foreach ($planted as $secret => $examples) {
                $forms = array_unique(array_map(static fn (Copy $copy): string => $copy->form, $found[$secret] ?? []));
                // The search finds the mark of a secret, so it reports the form of the mark; two forms of a mark may be the same text.
                $wanted = array_intersect(array_keys($examples), array_keys(Forms::of($canaries->mark)));
                self::assertSame([], array_diff($wanted, $forms), "$secret in $where");
            }
        }
        $answer = 'a log line with ' . $planted['text']['percent'] . ' in it';
        self::assertSame(['text'], $search->inText($answer));
    }

    public function testOfAnotherMeasurementNothingIsFound(): void
    {
        $this->measurement = new Measurement('2');
        $other = new Measurement('2');
        $this->plant(array_values(Forms::examples($other->canaries->text('text'))));
        $other->stop();

        self::assertSame([], array_map(strval(...), $this->measurement->inMemory()));
    }

    /**
     * Makes the worker hold the values in a variable.
     *
     * @param list<string> $values
     */
    private function plant(array $values): void
    {
        $this->hold = $this->measurement->worker->host->directory->write('hold/go', '');
        chmod(dirname($this->hold), 0777);
        $input = ['hold' => $this->hold, 'values' => array_map(base64_encode(...), $values)];
        $this->planting = $this->measurement->worker->run('plant.php', (string) json_encode($input));
        $held = fn(): string|false => @file_get_contents($this->hold . '.held');
        $this->measurement->pid = (int) Poll::until($held, 'a worker that holds the values');
    }

    /**
     * @param list<Copy> $copies
     * @param list<string> $cached secrets that may be in locked pages besides the master key
     */
    private function assertOnlyTheKeyIsKept(array $copies, string $when, array $cached = []): void
    {
        $kept = array_filter($copies, static fn (Copy $copy): bool => $copy->locked);
        $names = array_column($kept, 'secret');
        sort($names);
        self::assertSame([...$cached, Calls::MASTER_KEY], $names, 'in locked pages, ' . $when);
        self::assertSame([], array_map(strval(...), array_values(array_diff_key($copies, $kept))), $when);
    }

    /**
     * @param list<Copy> $copies
     * @return array<string, list<Copy>>
     */
    private static function bySecret(array $copies): array
    {
        $found = [];
        foreach ($copies as $copy) {
            $found[$copy->secret][] = $copy;
        }
        return $found;
    }
}
