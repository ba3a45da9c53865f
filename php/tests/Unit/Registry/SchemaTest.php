<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Registry;

use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * The published schema and the loader give the same verdict on each file of one table.
 */
final class SchemaTest extends TestCase
{
    private const SCHEMA = __DIR__ . '/../../../schema/services.schema.json';
    private const VALIDATOR = __DIR__ . '/../../Support/validate.py';
    private const LEAST = '"base_url": "https://api.example.com", "policy": {"allowed_methods": ["GET"]}';

    public function testTheSchemaAndTheLoaderAgree(): void
    {
        $table = [...self::files(), ...self::entries()];
        $documents = array_column($table, 0);
        $result = Process::run(
            ['python3', self::VALIDATOR, self::SCHEMA],
            input: '[' . implode(",\n", $documents) . ']',
        );
        $faults = json_decode($result['output'], true);
        self::assertIsArray($faults, $result['output']);
        self::assertCount(count($table), $faults);

        $directory = new TempDir('schema');
        foreach (array_values($table) as $index => [$document, $good]) {
            $file = $directory->write('services.json', $document);
            $problems = (new JsonFileServiceRegistry($file))->problems();
            self::assertSame($good, $faults[$index] === null, 'schema: ' . $document . ' ' . $faults[$index]);
            self::assertSame($good, $problems === [], 'loader: ' . $document . ' ' . print_r($problems, true));
        }
        $directory->remove();
    }

    /**
     * @return list<array{string, bool}>
     */
    private static function files(): array
    {
        return [
            ['{"version": 1, "services": {}}', true],
            ['{"$schema": "services.schema.json", "version": 1, "services": {}}', true],
            ['{"$schema": 7, "version": 1, "services": {}}', false],
            ['[]', false],
            ['7', false],
            ['{"version": 1}', false],
            ['{"services": {}}', false],
            ['{"version": 2, "services": {}}', false],
            ['{"version": "1", "services": {}}', false],
            ['{"version": 1, "services": []}', false],
            ['{"version": 1, "services": null}', false],
            ['{"version": 1, "services": {}, "service": {}}', false],
            ['{"version": 1, "services": {"a": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"ab": {' . self::LEAST . '}}}', true],
            ['{"version": 1, "services": {"Ab": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"a/b": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"7b": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"12": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"' . str_repeat('a', 64) . '": {' . self::LEAST . '}}}', true],
            ['{"version": 1, "services": {"' . str_repeat('a', 65) . '": {' . self::LEAST . '}}}', false],
            ['{"version": 1, "services": {"ab": []}}', false],
            ['{"version": 1, "services": {"ab": null}}', false],
        ];
    }

    /**
     * Each entry is the smallest valid one, with one key added or replaced.
     *
     * @return iterable<array{string, bool}>
     */
    private static function entries(): iterable
    {
        foreach (self::keys() as [$key, $good, $bad]) {
            foreach ([[$good, true], [$bad, false]] as [$values, $verdict]) {
                foreach ($values as $value) {
                    $entry = json_decode('{' . self::LEAST . '}');
                    $target = str_starts_with($key, 'policy.') ? $entry->policy : $entry;
                    $target->{str_replace('policy.', '', $key)} = json_decode($value, false, 64, JSON_THROW_ON_ERROR);
                    yield [(string) json_encode(['version' => 1, 'services' => ['ab' => $entry]]), $verdict];
                }
            }
        }
        foreach (['{}', '{"base_url": "https://a.example"}', '{"policy": {"allowed_methods": ["GET"]}}'] as $entry) {
            yield ['{"version": 1, "services": {"ab": ' . $entry . '}}', false];
        }
    }

    /**
     * Key, good values, bad values.
     *
     * @return list<array{string, list<string>, list<string>}>
     */
    private static function keys(): array
    {
        $sizes = [['0', '1', '9007199254740991'], ['-1', '1.5', '"1"', 'null', 'true', '9007199254740992']];
        $bool = [['true', 'false'], ['0', '"true"', 'null']];
        return [
            ['base_url', ['"https://a"', '"https://a.example:8443/v1/x"', '"http://a.internal/"', '"https://[::1]:1/"'], [
                '""', '"a.example"', '"ftp://a.example"', '"https://"', '"https://u:p@a.example"', '"https://a?x=1"',
                '"https://a#x"', '"https://a/ b"', '"HTTPS://a"', 'null', '7', '["https://a"]', '"https:///v1"',
            ]],
            ['policy', [], ['null', '[]', '{}', '{"allowed_methods": ["GET"], "allowed_method": ["GET"]}', '"all"']],
            ['policy.allowed_methods', ['["GET"]', '["M-SEARCH", "POST"]'], [
                '[]', 'null', '"GET"', '["get"]', '[""]', '[7]', '["CONNECT"]', '["GET", "TRACE"]', '{"0": "GET"}',
            ]],
            ['policy.allowed_hosts', ['[]', '["a.example", "*.b.example:8443"]', '["[::1]:80"]'], [
                'null', '"a.example"', '["https://a.example"]', '["a b"]', '[""]', '[null]', '["u@a"]', '{}',
            ]],
            ['policy.allowed_paths', ['[]', '["/", "/v1/{id}/x", "/v1/**"]'], [
                'null', '"/v1"', '["v1"]', '["/v1?x"]', '["/a b"]', '[7]', '{}',
            ]],
            ['policy.allow_http', ...$bool],
            ['policy.allow_encoded_slash', ...$bool],
            ['policy.max_redirects', ['0', '5'], ['-1', '"1"', 'null', '1.5', '4294967296']],
            ['policy.max_attempts', ['1', '10'], ['0', '"1"', 'null', '11']],
            ['policy.breaker', [
                '{"failures": 1, "open_ms": 1}', '{"open_ms": 86400000, "failures": 4294967295}',
            ], [
                'null', '[]', '{}', '5', '[1, 1]', '{"failures": 1}', '{"open_ms": 1}', '{"failures": 0, "open_ms": 1}',
                '{"failures": 1, "open_ms": 0}', '{"failures": 1, "open_ms": 86400001}',
                '{"failures": 4294967296, "open_ms": 1}', '{"failures": "1", "open_ms": 1}',
                '{"failures": 1, "open_ms": 1.5}', '{"failures": 1, "open_ms": 1, "probes": 1}',
                '{"failures": null, "open_ms": 1}',
            ]],
            ['policy.timeout_ms', ['1', '20000'], ['0', '-1', '"1"', 'null', '0.5']],
            ['policy.idle_timeout_ms', ['1', '15000'], ['0', '-1', '"1"', 'null', '0.5']],
            ['policy.request_bytes', ...$sizes],
            ['policy.response_bytes', ...$sizes],
            ['policy.http_versions', ['["2"]', '["1.1", "2"]', '["3", "1.1"]'], [
                '[]', 'null', '["3"]', '"2"', '[2]', '["2.0"]', '["2", ""]', '{}',
            ]],
            ['policy.http3', ['"registered"', '"alt-svc"'], ['""', 'null', 'true', '"alt_svc"', '["registered"]']],
            ['headers', ['{}', '{"Accept": "application/json", "x-a": ""}', '{"x": "caf\u00e9\t1"}'], [
                '[]', 'null', '"x: y"', '{"a b": "c"}', '{"": "c"}', '{"x": 7}', '{"x": ["y"]}', '{"x": "a\nb"}',
                '{"x": "a\u0000b"}', '{"x:": "y"}', '{"x": null}',
            ]],
            ['idempotency_header', ['"X-Idempotency"'], ['""', 'null', '"a b"', '7', '"x:"']],
            ['placeholder_headers', ['[]', '["x-goog-api-key", "Api-Key"]'], [
                'null', '{}', '"x"', '[""]', '[7]', '[null]', '["a b"]', '["x:"]', '[["x"]]',
            ]],
            ['credentials', [
                '[]',
                '[{"identifier": "vault:my_key", "type": "bearer"}]',
                '[{"identifier": "a", "type": "secret", "placement": "basic_username"},
                  {"identifier": "b", "type": "secret", "placement": {"type": "basic_password"}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "header", "name": "X-K", "prefix": "K "}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "header", "name": "X-K", "prefix": ""}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "query", "name": "key"}}]',
                '[{"set": "crm-token", "identifier": "a", "type": "bearer"}]',
                '[{"identifier": "a", "type": "aws_sigv4"}]', '[{"identifier": "a", "type": "aws_sigv4", "service": "s3"}]',
            ], [
                '[{"identifier": "a", "type": "aws_sigv4", "service": ""}]',
                '[{"identifier": "a", "type": "aws_sigv4", "service": "S3"}]',
                '[{"identifier": "a", "type": "aws_sigv4", "service": null}]', '[{"identifier": "a", "type": "hmac", "service": "s3"}]',
                '[{"set": "", "identifier": "a", "type": "bearer"}]', '[{"set": null, "identifier": "a", "type": "bearer"}]',
                '[{"set": "A b", "identifier": "a", "type": "bearer"}]',
                'null', '{}', '["vault:my_key"]', '[{"identifier": "vault:", "type": "bearer"}]', '[{}]', '[[]]',
                '[{"identifier": "a"}]', '[{"type": "bearer"}]', '[{"identifier": "", "type": "bearer"}]',
                '[{"identifier": 7, "type": "bearer"}]', '[{"identifier": "a\nb", "type": "bearer"}]',
                '[{"identifier": "a", "type": "token"}]', '[{"identifier": "a", "type": "bearer", "sealed": "nrv1:"}]',
                '[{"identifier": "a", "type": "bearer", "placement": "bearer"}]',
                '[{"identifier": "a", "type": "secret"}]', '[{"identifier": "a", "type": "secret", "placement": null}]',
                '[{"identifier": "a", "type": "secret", "placement": "header"}]',
                '[{"identifier": "a", "type": "secret", "placement": []}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "query"}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "query", "name": ""}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "query", "name": "k", "prefix": "x"}}]',
                '[{"identifier": "a", "type": "secret", "placement": {"type": "bearer", "name": ""}}]',
                '[{"identifier": "' . str_repeat('a', 256) . '", "type": "bearer"}]',
            ]],
            ['transport', ['"auto"', '"rust"', '"php"'], ['"Rust"', 'null', '""', '["rust"]']],
            ['audit', ['"standard"', '"required"'], ['"none"', 'null', 'true']],
            ['alternatives', ['[]'], [
                'null', '{}', '"x"', '[7]', '[{}]', '[{"secret_suffix": ":fx"}]', '[{"base_url": "https://a"}]',
                '[{"secret_suffix": "", "base_url": "https://a"}]', '[{"secret_suffix": "a b", "base_url": "https://a"}]',
                '[{"secret_suffix": ":fx", "base_url": "a"}]', '[{"secret_suffix": ":fx", "base_url": "https://a?b"}]',
                '[{"secret_suffix": ":fx", "base_url": "https://a", "x": 1}]', '[{"secret_suffix": 7, "base_url": "https://a"}]',
            ]],
            ['audit_sample', ['1', '1000000'], ['0', '-1', '1000001', '1.5', '"1"', 'null', 'true']],
            ['technical_user', ['"svc_crm"', '"Zo\u00eb"', '7'], ['""', '0', '-1', '1.5', 'null', 'true', '"a\nb"', '["a"]']],
            ['test', ['{"method": "GET", "path": "/status"}', '{"path": "", "method": "PROPFIND"}'], [
                'null', '[]', '{}', '"GET"', '{"method": "GET"}', '{"path": "/"}', '{"method": "get", "path": "/"}',
                '{"method": "CONNECT", "path": "/"}', '{"method": "GET", "path": "status"}', '{"method": "GET", "path": "/a?b"}',
                '{"method": "GET", "path": "/", "body": ""}', '{"method": "GET", "path": 7}',
            ]],
            ['description', ['""', '"who asks: crm@example.com"'], ['null', '7', '["a"]']],
            ['url', [], ['"https://a"']],
        ];
    }
}
