<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;

/**
 * Reads one entry of a registry and collects its faults. schema/services.schema.json describes the same form; a test compares the
 * two. Objects of a JSON file are \stdClass, those of PHP are arrays.
 *
 * @internal
 */
final class EntryReader
{
    private const KEYS = [
        'base_url',
        'policy',
        'headers',
        'idempotency_header',
        'placeholder_headers',
        'credentials',
        'alternatives',
        'transport',
        'audit',
        'audit_sample',
        'technical_user',
        'test',
        'description',
    ];

    private const BASE_URL = '~\Ahttps?://[^/?#@\s\\\\]+(/[^?#\s\\\\]*)?\z~';

    private const HEADER_NAME = '/\A[A-Za-z0-9!#$%&\'*+.^_`|~-]{1,256}\z/';

    /** @var list<RegistryProblem> */
    private array $problems = [];

    /** Whether the entry comes from a JSON file, where [] is not an object. */
    private bool $isJson = false;

    public function __construct(private readonly string $id)
    {
    }

    /**
     * @return ServiceDefinition|non-empty-list<RegistryProblem>
     */
    public function read(mixed $entry): ServiceDefinition|array
    {
        if (preg_match(ServiceDefinition::ID, $this->id) !== 1) {
            $this->problem('', 'an id is a lower-case letter and 1 to 63 of a-z 0-9 . _ - after it');
        }
        $this->isJson = $entry instanceof \stdClass;
        $map = $this->map($entry);
        if ($map === null) {
            return [...$this->problems, new RegistryProblem($this->id, '', 'an entry is an object')];
        }
        $this->unknownKeys($map, self::KEYS, '');
        // Both are the sidecar's: here they only help whoever looks for a service by its URL.
        $isOwn = ($map['transport'] ?? null) !== ServiceDefinition::TRANSPORT_SIDECAR;
        $baseUrl = $isOwn || array_key_exists('base_url', $map) ? $this->baseUrl($map['base_url'] ?? null) : '';
        $policy = $isOwn || array_key_exists('policy', $map) ? $this->policy($map['policy'] ?? null) : new Policy([]);
        $headers = array_key_exists('headers', $map) ? $this->headers($map['headers']) : [];
        $idempotencyHeader = $this->idempotencyHeader($map);
        $placeholders = $this->placeholderHeaders($map);
        $credentials = $this->credentials(array_key_exists('credentials', $map) ? $map['credentials'] : []);
        $alternatives = array_key_exists('alternatives', $map) ? $this->alternatives($map['alternatives']) : [];
        $isOne = count($credentials) === 1 && $credentials[0]->isSent();
        if ($alternatives !== [] && !$isOne) {
            $this->problem('alternatives', 'need exactly one credential, whose secret chooses, and which is sent itself');
        }
        $transport = $this->word($map, 'transport', ServiceDefinition::TRANSPORTS);
        $audit = $this->word($map, 'audit', ServiceDefinition::AUDIT_MODES);
        $sample = $this->auditSample($map);
        $technicalUser = $this->technicalUser($map);
        $test = array_key_exists('test', $map) ? $this->test($this->map($map['test'])) : null;
        if (array_key_exists('description', $map) && !is_string($map['description'])) {
            $this->problem('description', 'must be a text');
        }
        if ($this->problems !== []) {
            return $this->problems;
        }
        return new ServiceDefinition(
            $this->id,
            $baseUrl,
            $policy,
            $headers,
            $idempotencyHeader,
            $credentials,
            $transport,
            $audit,
            $placeholders,
            $technicalUser,
            $test,
            $sample,
            $alternatives,
        );
    }

    private function baseUrl(mixed $url): string
    {
        if (!is_string($url) || preg_match(self::BASE_URL, $url) !== 1) {
            $this->problem('base_url', 'must be one absolute URL, https or http, without userinfo, query or fragment');
            return '';
        }
        return $url;
    }

    private function policy(mixed $value): Policy
    {
        $reader = new PolicyReader();
        $policy = $reader->read($this->map($value));
        foreach ($reader->problems() as $field => $message) {
            $this->problem($field === '' ? 'policy' : 'policy.' . $field, $message);
        }
        return $policy ?? new Policy([]);
    }

    /**
     * @return list<array{string, string}>
     */
    private function headers(mixed $value): array
    {
        $map = $this->map($value);
        if ($map === null) {
            $this->problem('headers', 'must be an object of names and values');
            return [];
        }
        $headers = [];
        foreach ($map as $name => $text) {
            $name = (string) $name;
            if (preg_match(self::HEADER_NAME, $name) !== 1) {
                $this->problem('headers', 'has a name that no header has');
            } elseif (!is_string($text) || preg_match('/[\x00-\x08\x0A-\x1F\x7F]/', $text) === 1) {
                $this->problem('headers.' . $name, 'must be a text without control characters');
            } elseif (isset($headers[strtolower($name)])) {
                $this->problem('headers.' . $name, 'is given twice, in another case');
            } else {
                $headers[strtolower($name)] = [$name, $text];
            }
        }
        return array_values($headers);
    }

    /**
     * @param array<mixed> $map
     */
    private function idempotencyHeader(array $map): ?string
    {
        if (!array_key_exists('idempotency_header', $map)) {
            return null;
        }
        $name = $map['idempotency_header'];
        if (!is_string($name) || preg_match(self::HEADER_NAME, $name) !== 1) {
            $this->problem('idempotency_header', 'must be the name of a header');
            return null;
        }
        return $name;
    }

    /**
     * @param array<mixed> $map
     * @return list<string>
     */
    private function placeholderHeaders(array $map): array
    {
        $names = array_key_exists('placeholder_headers', $map) ? $map['placeholder_headers'] : [];
        $read = [];
        foreach (is_array($names) && array_is_list($names) ? $names : [null] as $name) {
            if (!is_string($name) || preg_match(self::HEADER_NAME, $name) !== 1) {
                $this->problem('placeholder_headers', 'must be a list of names of headers');
                return [];
            }
            $read[] = $name;
        }
        return $read;
    }

    /**
     * @param array<mixed> $map
     */
    private function auditSample(array $map): int
    {
        $sample = array_key_exists('audit_sample', $map) ? $map['audit_sample'] : 1;
        if (is_int($sample) && $sample >= 1 && $sample <= ServiceDefinition::MAX_AUDIT_SAMPLE) {
            return $sample;
        }
        $this->problem('audit_sample', 'must be a whole number from 1 to ' . ServiceDefinition::MAX_AUDIT_SAMPLE);
        return 1;
    }

    /**
     * @param array<mixed> $map
     */
    private function technicalUser(array $map): string|int|null
    {
        $user = array_key_exists('technical_user', $map) ? $map['technical_user'] : null;
        $isName = is_string($user) && preg_match('/\A[^\x00-\x1F\x7F]{1,255}\z/', $user) === 1;
        if ($isName || (is_int($user) && $user > 0)) {
            return $user;
        }
        if (array_key_exists('technical_user', $map)) {
            $this->problem('technical_user', 'must be the name or the number of a user');
        }
        return null;
    }

    /**
     * @param array<mixed>|null $map
     */
    private function test(?array $map): ?TestCall
    {
        $method = $map['method'] ?? null;
        $path = $map['path'] ?? null;
        $isCall = is_string($method) && preg_match('/\A(?!(CONNECT|TRACE)\z)[A-Z][A-Z0-9_-]*\z/', $method) === 1
            && is_string($path) && preg_match('~\A(/[^?#\s]*)?\z~', $path) === 1;
        if (!$isCall || $map === null || count($map) !== 2) {
            $this->problem('test', 'must be {"method", "path"}: an upper-case method, and a path below the base URL or ""');
            return null;
        }
        return new TestCall($method, $path);
    }

    /**
     * @return list<CredentialReference>
     */
    private function credentials(mixed $list): array
    {
        if (!is_array($list) || !array_is_list($list)) {
            $this->problem('credentials', 'must be a list');
            return [];
        }
        $references = [];
        foreach ($list as $index => $entry) {
            $reference = $this->reference($this->map($entry));
            if ($reference === null) {
                $this->problem(
                    'credentials.' . $index,
                    'must be an object with identifier, a known type, a placement where the type is secret, and a service for aws_sigv4 alone',
                );
            } else {
                $references[] = $reference;
            }
        }
        return $references;
    }

    /**
     * @return list<Alternative>
     */
    private function alternatives(mixed $list): array
    {
        if (!is_array($list) || !array_is_list($list) || count($list) > Alternative::MOST) {
            $this->problem('alternatives', 'must be a list of at most ' . Alternative::MOST);
            return [];
        }
        $alternatives = [];
        foreach ($list as $index => $entry) {
            $map = $this->map($entry);
            if ($map === null || preg_match(self::BASE_URL, is_string($map['base_url'] ?? null) ? $map['base_url'] : '') !== 1) {
                $this->problem('alternatives.' . $index, 'must be {"secret_suffix", "base_url"}; the form of base_url is that of the service');
                continue;
            }
            try {
                $alternatives[] = Alternative::fromWire($map);
            } catch (OutboundException $refusal) {
                $this->problem('alternatives.' . $index, 'cannot be read: ' . $refusal->reason());
            }
        }
        return $alternatives;
    }

    /**
     * @param array<mixed>|null $map
     */
    private function reference(?array $map): ?CredentialReference
    {
        $placement = null;
        if (array_key_exists('placement', $map ?? [])) {
            $placement = is_string($map['placement']) ? ['type' => $map['placement']] : $this->map($map['placement']);
            if (($placement['type'] ?? null) === 'header' && ($placement['prefix'] ?? null) === '') {
                unset($placement['prefix']);
            }
            $map['placement'] = $placement ?? [];
        }
        // The name of a stored credential set, for hosts that store a registry as records.
        if (array_key_exists('set', $map ?? [])) {
            if (!is_string($map['set']) || preg_match(ServiceDefinition::ID, $map['set']) !== 1) {
                return null;
            }
            unset($map['set']);
        }
        // In a registry a null is a fault, and not the same as a key that is absent.
        if (array_key_exists('service', $map ?? []) && !is_string($map['service'])) {
            return null;
        }
        try {
            $reference = CredentialReference::fromWire($map ?? ['' => 0]);
        } catch (OutboundException) {
            return null;
        }
        // The identifier is used in logs and in names of files.
        if (preg_match('/\A[\x20-\x7E]+\z/', $reference->identifier) !== 1) {
            return null;
        }
        // A value that has no effect, such as an empty name, is missing in the result and is a fault.
        return count($placement ?? []) === count($reference->toWire()['placement'] ?? []) ? $reference : null;
    }

    /**
     * @param array<mixed> $map
     * @param non-empty-list<string> $words the first is the default
     */
    private function word(array $map, string $key, array $words): string
    {
        $word = array_key_exists($key, $map) ? $map[$key] : $words[0];
        if (!is_string($word) || !in_array($word, $words, true)) {
            $this->problem($key, 'must be one of ' . implode(', ', $words));
            return $words[0];
        }
        return $word;
    }

    /**
     * @param array<mixed> $map
     * @param list<string> $keys
     */
    private function unknownKeys(array $map, array $keys, string $prefix): void
    {
        foreach (array_keys(array_diff_key($map, array_flip($keys))) as $key) {
            $this->problem($prefix . $key, 'is no key that is known here');
        }
    }

    private function problem(string $field, string $message): void
    {
        $this->problems[] = new RegistryProblem($this->id, $field, $message);
    }

    /**
     * The value as an object, or null if it is not one.
     *
     * @return array<mixed>|null
     */
    private function map(mixed $value): ?array
    {
        if ($value instanceof \stdClass) {
            return get_object_vars($value);
        }
        return !$this->isJson && is_array($value) && ($value === [] || !array_is_list($value)) ? $value : null;
    }
}
