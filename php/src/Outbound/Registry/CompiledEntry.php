<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Alternative;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Policy;
use Netresearch\NrVault\Transport\Text\JsonObject;

/**
 * The result of reading an entry, as arrays and scalars, which opcache can store. The objects are made when the service is
 * requested.
 *
 * @internal
 */
final class CompiledEntry
{
    /** The number changes with the form of the arrays, and with what EntryReader accepts or returns. */
    public const FORM = 7;

    /**
     * @param ServiceDefinition|non-empty-list<RegistryProblem> $read
     * @return array<mixed>
     */
    public static function of(ServiceDefinition|array $read): array
    {
        if (is_array($read)) {
            return ['problems' => array_map(get_object_vars(...), $read)];
        }
        return array_replace(get_object_vars($read), [
            'policy' => $read->policy->toWire(),
            // The prefix is added because the reader removes one.
            'credentials' => array_map(static fn (CredentialReference $reference): array => array_replace(
                $reference->toWire(),
                ['identifier' => CredentialReference::PREFIX . $reference->identifier],
            ), $read->credentials),
            'alternatives' => array_map(static fn (Alternative $alternative): array => $alternative->toWire(), $read->alternatives),
            'test' => $read->test === null ? null : get_object_vars($read->test),
        ]);
    }

    /**
     * The reverse of of().
     *
     * @return ServiceDefinition|non-empty-list<RegistryProblem>|null null if the value does not have that form
     */
    public static function read(mixed $entry): ServiceDefinition|array|null
    {
        if (!is_array($entry)) {
            return null;
        }
        $members = new JsonObject($entry);
        try {
            return $members->has('problems') ? self::problems($members) : self::service($members, $entry);
        } catch (OutboundException | \UnexpectedValueException) {
            return null;
        }
    }

    /**
     * @param array<mixed> $entry
     */
    private static function service(JsonObject $members, array $entry): ServiceDefinition
    {
        $list = static fn (string $name): array => is_array($entry[$name] ?? null) ? array_values($entry[$name]) : [];
        $map = static fn (mixed $value): array => is_array($value) ? $value : [];
        $user = $entry['technicalUser'] ?? null;
        $test = $members->objectOrNull('test');
        return new ServiceDefinition(
            $members->string('id'),
            $members->string('baseUrl'),
            Policy::fromWire($map($entry['policy'] ?? null)),
            $members->pairs('headers'),
            $members->stringOrNull('idempotencyHeader'),
            array_map(static fn (mixed $wire): CredentialReference => CredentialReference::fromWire($map($wire)), $list('credentials')),
            $members->string('transport'),
            $members->string('audit'),
            $members->strings('placeholderHeaders'),
            is_string($user) || is_int($user) ? $user : null,
            $test === null ? null : new TestCall($test->string('method'), $test->string('path')),
            $members->int('auditSample'),
            array_map(Alternative::fromWire(...), $list('alternatives')),
        );
    }

    /**
     * @return non-empty-list<RegistryProblem>|null
     */
    private static function problems(JsonObject $members): ?array
    {
        $problems = [];
        foreach ($members->objects('problems') as $problem) {
            $problems[] = new RegistryProblem($problem->string('entry'), $problem->string('field'), $problem->string('message'));
        }
        return $problems === [] ? null : $problems;
    }
}
