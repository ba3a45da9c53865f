<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Wire;

/**
 * Checks every envelope of a registry: it is opened and wiped by the transport of its service, which is the library, or
 * PhpTransport if that would make the call.
 *
 * @internal
 */
final class CredentialProbe
{
    private const AUTHENTICATION_FAILED = 'credential.authentication_failed';
    private const BINDING_VIOLATED = 'policy.binding_violated';

    /** The first API number of NativeLibrary that has canCheck(). */
    private const CHECKING_API = 4;

    /** @var list<array<string, mixed>> */
    private array $problems = [];

    private int $checked = 0;

    private int $unchecked = 0;

    /** @var list<RequestSpec> that the library could serve */
    private array $sound = [];

    private readonly ?PhpTransport $php;

    private readonly \SensitiveParameterValue $config;

    /**
     * @param array<string, mixed> $config from the worker's file
     * @param int $engine of the library with this configuration; 0 if there is none
     * @param bool $bound whether the worker has bound the library
     */
    public function __construct(
        #[\SensitiveParameter] array $config,
        private readonly int $engine,
        private readonly bool $bound,
    ) {
        $this->config = new \SensitiveParameterValue($config);
        $this->php = ($config['php_transport'] ?? true) === false
            ? null
            : new PhpTransport(Configuration::forWorker($config, true));
    }

    /**
     * @return array{checked: int, unchecked: int, problems: list<array<string, mixed>>, key_ids: list<string>}
     */
    public function look(JsonFileServiceRegistry $registry, string $directory): array
    {
        $provider = new DirectoryCredentialProvider($directory);
        foreach ($registry->ids() as $id) {
            try {
                $service = $registry->get($id);
            } catch (OutboundException) {
                continue;
            }
            foreach ($service->credentials as $reference) {
                $this->credential($service, $reference, $provider, $directory);
            }
        }
        return [
            'checked' => $this->checked,
            'unchecked' => $this->unchecked,
            'problems' => $this->problems,
            'key_ids' => $this->sound === [] ? [] : $this->sharedKeys(),
        ];
    }

    private function credential(
        ServiceDefinition $service,
        CredentialReference $reference,
        DirectoryCredentialProvider $provider,
        string $directory,
    ): void {
        $problem = ['service' => $service->id, 'identifier' => $reference->identifier, 'type' => $reference->type];
        try {
            $sealed = $provider->fetch($reference);
        } catch (OutboundException $failure) {
            $denied = WorkerProbe::denied($directory . '/' . $reference->identifier);
            $this->problems[] = $problem + ['code' => $failure->errorCode(), 'denied' => $denied];
            return;
        }
        $isPhp = $service->transport === ServiceDefinition::TRANSPORT_PHP
            || ($service->transport === ServiceDefinition::TRANSPORT_AUTO && !$this->bound);
        if ($isPhp ? $this->php === null : $this->engine === 0 || !self::canCheck()) {
            $this->unchecked++;
            return;
        }
        $refused = [];
        foreach ($service->policy->allowedMethods as $method) {
            $request = new RequestSpec(
                $service->id,
                $method,
                $service->policy,
                $service->baseUrl,
                alternatives: $service->alternatives,
            );
            $request = $request->withCredentials([$sealed]);
            $code = $isPhp ? $this->inPhp($request) : self::inLibrary($this->engine, $request);
            if ($code === 'configuration.transport_unavailable') {
                $this->unchecked++;
                return;
            }
            if ($code === null && !$isPhp) {
                $this->sound[] = $request;
            }
            if ($code !== null && $code !== self::BINDING_VIOLATED) {
                $this->checked++;
                if (!$this->isOfThePolicy($request, $code, $isPhp)) {
                    $this->problems[] = $problem + ['code' => $code];
                }
                return;
            }
            array_push($refused, ...($code === null ? [] : [$method]));
        }
        $this->checked++;
        if ($refused !== []) {
            $some = count($refused) < count($service->policy->allowedMethods);
            $this->problems[] = $problem + ['code' => self::BINDING_VIOLATED, 'methods' => $some ? $refused : []];
        }
    }

    /** Whether NativeLibrary has check(): the preloaded class may be of an older release. */
    public static function canCheck(): bool
    {
        return NativeLibrary::API >= self::CHECKING_API && NativeLibrary::canCheck();
    }

    private static function inLibrary(int $engine, RequestSpec $request): ?string
    {
        $wire = $request->toWire();
        $result = NativeLibrary::check($engine, $wire['head'], $wire['sealed']);
        return $result['status'] === NativeLibrary::OK ? null : self::code($result['head']) ?? 'internal.panic';
    }

    /** The error code in a head; `check` writes it in another form than the other functions. Null if there is none. */
    public static function code(string $head): ?string
    {
        $told = Wire::decode($head) ?? [];
        $error = is_array($told['error'] ?? null) ? $told['error'] : [];
        $code = $told['code'] ?? $error['code'] ?? null;
        return is_string($code) ? $code : null;
    }

    private function inPhp(RequestSpec $request): ?string
    {
        try {
            $this->php?->check($request);
            return null;
        } catch (OutboundException $refusal) {
            return $refusal->errorCode();
        }
    }

    /** Whether the entry itself is refused with this code; the findings about the registry report that. */
    private function isOfThePolicy(RequestSpec $request, string $code, bool $isPhp): bool
    {
        if (!str_starts_with($code, 'policy.') && !str_starts_with($code, 'invalid_request.')) {
            return false;
        }
        // Alternatives need a declared credential; it is not opened for this check.
        $plain = $request->alternatives === [] ? $request->withCredentials([]) : $request;
        if ($isPhp) {
            try {
                $this->php?->decide($plain, $plain->references());
                return false;
            } catch (OutboundException $refusal) {
                return $refusal->errorCode() === $code;
            }
        }
        $result = NativeLibrary::explain($this->engine, $plain->toWire()['head'], 0);
        return self::code($result['head']) === $code;
    }

    /**
     * The ids for which this worker already has other keys. A configuration that is opened by the ids of its keys gets the keys
     * that were registered first.
     *
     * @return list<string>
     */
    private function sharedKeys(): array
    {
        $config = $this->config->getValue();
        $own = Configuration::forWorker($config, true);
        $keys = [];
        $known = [];
        foreach (Configuration::keys($config) as $entry) {
            $id = $entry['id'] ?? null;
            if (is_string($id) && $this->withKeys($own, [['id' => $id]], static fn (): bool => true) === true) {
                $known[] = $id;
                $keys[] = ['id' => $id];
            } else {
                $keys[] = array_diff_key($entry, ['id' => 0]);
            }
        }
        $isForeign = $known === [] ? false : $this->withKeys($own, $keys, function (int $engine): bool {
            foreach ($this->sound as $request) {
                if (self::inLibrary($engine, $request) === self::AUTHENTICATION_FAILED) {
                    return true;
                }
            }
            return false;
        });
        return $isForeign === true ? $known : [];
    }

    /**
     * @param array<string, mixed> $config
     * @param list<array<mixed>> $keys
     * @param \Closure(int): bool $work
     * @return bool|null null if such an engine cannot be opened
     */
    private function withKeys(
        #[\SensitiveParameter] array $config,
        #[\SensitiveParameter] array $keys,
        \Closure $work,
    ): ?bool {
        $result = NativeLibrary::open(Wire::encode(['master_keys' => $keys] + $config));
        if ($result['engine'] === 0) {
            return null;
        }
        try {
            return $work($result['engine']);
        } finally {
            NativeLibrary::close($result['engine']);
        }
    }
}
