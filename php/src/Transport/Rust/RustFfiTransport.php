<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Rust;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\CredentialCheck;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\ExchangeInterface;
use Netresearch\NrVault\Transport\ExchangesInterface;
use Netresearch\NrVault\Transport\Functions;
use Netresearch\NrVault\Transport\KeyMaterial;
use Netresearch\NrVault\Transport\KeyRenewal;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\ResponseSpec;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\Wire;

/**
 * Sends through libsecure_outbound in this process. The library opens the envelope, applies the policy and injects the
 * credential; PHP holds ciphertext only. It keeps its engine, its keys and its connections from one PHP request to the
 * next, so an object of this class is cheap and need not be stored.
 *
 * An entry of `master_keys` may have an `id`. Such an engine is found by the ids, and its keys are handed to the library only if
 * this process does not have them yet: once in the life of a PHP worker. An entry whose material is expensive, or should not be
 * in memory for every request, gives it as a closure, which is called only then:
 *
 *     'master_keys' => [
 *         ['id' => 'vault-2026', 'material' => static fn (): array => ['provider' => 'raw', 'key_base64' => …]],
 *     ]
 *
 * The closure returns the rest of the entry, the keys other than `id`. It is called again if no key opens an envelope, because
 * the key may have been replaced; one object of this class does so at most every ten seconds.
 *
 * @api
 */
final class RustFfiTransport implements ExchangesInterface, CredentialCheck
{
    /**
     * The first NativeLibrary that has all methods which this class needs. What is preloaded may be older or newer than this class; methods
     * are only added, and one that is newer than this number is asked for by its own number before it is called.
     *
     * @internal
     */
    public const LEAST_NATIVE_API = 8;

    /** Wrapped, so that neither a dump nor a trace shows key material. */
    private readonly \SensitiveParameterValue $config;

    private readonly string $library;

    private readonly ServiceDocuments $services;

    /** @var \WeakMap<Decision, DecidedCall> calls that were allowed and are not sent yet */
    private readonly \WeakMap $decided;

    private readonly KeyRenewal $renewal;

    private ?int $engine = null;

    /** @var list<array{code: string, message: string}> */
    private array $warnings = [];

    /**
     * Does nothing yet: library and engine are opened by the first use.
     *
     * @param array<string, mixed> $config configuration document; `version` may be left out
     * @param string|null $library path of the library where PHP opens it itself; else LibraryLocator looks for it
     */
    public function __construct(#[\SensitiveParameter] array $config, ?string $library = null)
    {
        $this->config = new \SensitiveParameterValue($config);
        $this->renewal = new KeyRenewal($config);
        $this->library = LibraryLocator::locate($library);
        $this->services = new ServiceDocuments();
        $this->decided = new \WeakMap();
    }

    public function send(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
    ): ResponseSpec {
        try {
            return $this->sendOnce($request, $this->taken($decided));
        } catch (OutboundException $failure) {
            if (!$this->renewal->isDue($failure)) {
                throw $failure;
            }
        }
        $result = self::openEngine(self::withMaterial($this->document()));
        $this->take($result, Wire::decode($result['head']));
        return $this->sendOnce($request);
    }

    public function start(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?Decision $decided = null,
        ?BodySource $body = null,
        bool $isCollected = false,
    ): ExchangeInterface {
        $this->open();
        if (!NativeLibrary::canStream()) {
            throw self::unavailable(
                'the library or its header is too old for responses in pieces and several calls at once: install the '
                    . 'release of this package',
            );
        }
        if ($body !== null && !NativeLibrary::canUpload()) {
            throw self::unavailable(
                'the library or its header is too old for the body of a request that is read while it is sent: install the release '
                    . 'of this package',
            );
        }
        try {
            return $this->startOnce($request, $this->taken($decided), $body, $isCollected);
        } catch (OutboundException $failure) {
            if (!$this->renewal->isDue($failure)) {
                throw $failure;
            }
        }
        $result = self::openEngine(self::withMaterial($this->document()));
        $this->take($result, Wire::decode($result['head']));
        return $this->startOnce($request, null, $body, $isCollected);
    }

    private function startOnce(
        #[\SensitiveParameter] RequestSpec $request,
        #[\SensitiveParameter] ?DecidedCall $call,
        ?BodySource $body,
        bool $isWhole,
    ): RustExchange {
        $result = null;
        if ($call !== null && $call->isOf($request, $body)) {
            try {
                $result = $call->start($body ?? $request->body, $request->sealed(), $isWhole);
            } catch (\RuntimeException $failure) {
                throw self::told($failure);
            }
            $gone = [NativeLibrary::UNKNOWN_CALL, NativeLibrary::UNKNOWN_ENGINE];
            $result = in_array($result['status'], $gone, true) ? null : self::settled($result);
        }
        if ($result === null) {
            $wire = $request->toWire();
            $result = $this->call(static fn (int $engine): array => $body === null
                ? NativeLibrary::start($engine, $wire['head'], $wire['body'], $wire['sealed'], $isWhole)
                : NativeLibrary::startUpload(
                    $engine,
                    $wire['head'],
                    $body->length() ?? -1,
                    $wire['sealed'],
                    $isWhole,
                ));
        }
        return new RustExchange($result['exchange'], $body === null ? null : new Upload($body));
    }

    public function wait(array $exchanges, int $milliseconds): array
    {
        [$ready, $waiting, $numbers] = [[], [], []];
        foreach ($exchanges as $exchange) {
            if (!$exchange instanceof RustExchange) {
                continue;
            }
            $number = $exchange->number();
            if ($exchange->isReady() || $number === null) {
                $ready[] = $exchange;
            } else {
                [$waiting[], $numbers[]] = [$exchange, $number];
            }
        }
        $until = hrtime(true) + $milliseconds * 1_000_000;
        while ($numbers !== []) {
            try {
                foreach ($waiting as $exchange) {
                    $exchange->feed();
                }
                $left = $ready === [] ? max(0, intdiv($until - hrtime(true), 1_000_000)) : 0;
                $result = NativeLibrary::wait($numbers, min(100, $left));
            } catch (\RuntimeException $failure) {
                throw self::told($failure);
            }
            if ($result['status'] !== NativeLibrary::OK) {
                throw self::misused($result['status']);
            }
            foreach ($result['ready'] as $place => $what) {
                $waiting[$place]->noteRoom(($what & NativeLibrary::HAS_ROOM) !== 0);
                if (($what & NativeLibrary::HAS_SOMETHING) !== 0) {
                    $ready[] = $waiting[$place];
                }
            }
            if ($ready !== [] || $left === 0) {
                break;
            }
        }
        return $ready;
    }

    /** The call that the library stores for a decision of this transport; null if it was sent already. */
    private function taken(#[\SensitiveParameter] ?Decision $decided): ?DecidedCall
    {
        if ($decided === null) {
            return null;
        }
        $call = $this->decided[$decided] ?? null;
        unset($this->decided[$decided]);
        return $call;
    }

    private function sendOnce(#[\SensitiveParameter] RequestSpec $request, ?DecidedCall $call = null): ResponseSpec
    {
        $result = $call === null ? null : $this->sendDecided($request, $call);
        $result ??= $this->sendWhole($request);
        if ($result['body'] === null) {
            throw ResponseSpec::tooLarge($result['head']);
        }
        return ResponseSpec::fromWire($result['head'], $result['body']);
    }

    /**
     * @return array{status: int, head: string, body: string|null}
     */
    private function sendWhole(#[\SensitiveParameter] RequestSpec $request): array
    {
        $wire = $request->toWire();
        return $this->call(static fn (int $engine): array => NativeLibrary::send(
            $engine,
            $wire['head'],
            $wire['body'],
            $wire['sealed'],
            MemoryLimit::room(),
        ));
    }

    public function decide(
        #[\SensitiveParameter] RequestSpec $request,
        array $references = [],
        ?int $bodyLength = null,
    ): Decision {
        $this->open();
        $length = $bodyLength ?? strlen($request->body);
        if (!NativeLibrary::canDecide()) {
            $head = $request->headFor($references);
            $result = $this->call(static fn (int $engine): array => NativeLibrary::explain($engine, $head, $length));
            return Decision::fromWire($result['head']);
        }
        $service = $this->services->of($request, $references);
        $head = $service === '' ? $request->headFor($references) : $request->ownHead();
        $result = $this->call(
            static fn (int $engine): array => NativeLibrary::decide($engine, $service, $head, $length),
        );
        // The object frees the call if the following code throws.
        $call = new DecidedCall($result['call'], $references, $length);
        $decision = Decision::fromWire($result['head']);
        $this->decided[$decision] = $call;
        return $decision;
    }

    /**
     * @return array{status: int, head: string, body: string|null}|null null if the library does not have the call or its engine
     *         any more, or if the request has changed: then nothing was sent, and the whole request has to be decided again
     */
    private function sendDecided(#[\SensitiveParameter] RequestSpec $request, DecidedCall $call): ?array
    {
        if (!$call->isOf($request)) {
            return null;
        }
        try {
            $result = $call->send($request->body, $request->sealed(), MemoryLimit::room());
        } catch (\RuntimeException $failure) {
            throw self::told($failure);
        }
        $gone = [NativeLibrary::UNKNOWN_CALL, NativeLibrary::UNKNOWN_ENGINE];
        return in_array($result['status'], $gone, true) ? null : self::settled($result);
    }

    public function check(#[\SensitiveParameter] RequestSpec $request): void
    {
        $wire = $request->toWire();
        $this->call(static fn (int $engine): array => NativeLibrary::check($engine, $wire['head'], $wire['sealed']));
    }

    /**
     * Opens library and engine now, as the first send() would.
     *
     * @return list<array{code: string, message: string}> warnings of the library, such as a key file that others can read
     * @throws OutboundException configuration.transport_unavailable, configuration.invalid, credential.key_unavailable
     */
    public function open(): array
    {
        if ($this->engine !== null) {
            return $this->warnings;
        }
        $reason = $this->bind();
        if ($reason !== null) {
            throw self::unavailable($reason);
        }
        $config = $this->document();
        $withoutMaterial = self::withoutMaterial($config);
        $result = self::openEngine($withoutMaterial ?? self::withMaterial($config));
        $head = Wire::decode($result['head']);
        if ($withoutMaterial !== null && self::code($head) === 'credential.key_unavailable') {
            $result = self::openEngine(self::withMaterial($config));
            $head = Wire::decode($result['head']);
        }
        return $this->take($result, $head);
    }

    /**
     * @return array<string, mixed>
     */
    private function document(): array
    {
        return $this->config->getValue() + ['version' => Wire::VERSION];
    }

    /**
     * Takes the engine that was opened.
     *
     * @param array{status: int, engine: int, head: string} $result
     * @param array<mixed>|null $head of the result
     * @return list<array{code: string, message: string}>
     */
    private function take(array $result, ?array $head): array
    {
        if ($result['status'] === NativeLibrary::FAILED) {
            throw OutboundException::fromWire($head);
        }
        if ($result['status'] !== NativeLibrary::OK) {
            throw self::misused($result['status']);
        }
        $this->engine = $result['engine'];
        return $this->warnings = self::notices($head['warnings'] ?? []);
    }

    /**
     * @param array<mixed>|null $head
     */
    private static function code(?array $head): mixed
    {
        $error = $head['error'] ?? null;
        return is_array($error) ? $error['code'] ?? null : null;
    }

    /**
     * @return list<array{code: string, message: string}>
     */
    private static function notices(mixed $warnings): array
    {
        $notices = [];
        foreach (is_array($warnings) ? $warnings : [] as $warning) {
            if (is_array($warning) && is_string($warning['code'] ?? null) && is_string($warning['message'] ?? null)) {
                $notices[] = ['code' => $warning['code'], 'message' => $warning['message']];
            }
        }
        return $notices;
    }

    /**
     * Binds the library as far as this process and its settings allow; a second call is free.
     *
     * @return string|null why it is not bound here, and what fixes it; null if it is
     * @throws OutboundException configuration.transport_unavailable for a library of another version
     */
    public function bind(): ?string
    {
        // An engine of this PHP request was opened by a library that is bound.
        if ($this->engine !== null) {
            return null;
        }
        if (NativeLibrary::API < self::LEAST_NATIVE_API) {
            throw self::unavailable(
                'the preloaded NativeLibrary is too old for this version of this package: reload PHP after an update',
            );
        }
        $conflict = PackageVersion::conflict();
        if ($conflict !== null) {
            throw self::unavailable($conflict);
        }
        $missing = Functions::missing();
        if ($missing !== []) {
            return Functions::message($missing);
        }
        try {
            NativeLibrary::bind($this->library);
        } catch (\RuntimeException $failure) {
            if (NativeLibrary::threw($failure) && $failure->getCode() === NativeLibrary::NOT_BOUND) {
                return $failure->getMessage();
            }
            throw self::told($failure);
        }
        return null;
    }

    /**
     * @param array<string, mixed> $config
     * @return array{status: int, engine: int, head: string}
     */
    private static function openEngine(#[\SensitiveParameter] array $config): array
    {
        try {
            $json = Wire::encode($config);
        } catch (OutboundException) {
            throw OutboundException::create('configuration.invalid', 'the configuration holds text that is not UTF-8');
        }
        try {
            return NativeLibrary::open($json);
        } catch (\RuntimeException $failure) {
            throw self::told($failure);
        }
    }

    /**
     * One native call on the engine, which is opened first. It is opened once more if the library does not have it any more,
     * because other engines have replaced it or it was closed elsewhere; in that case the first call had no effect.
     *
     * @template T of array{status: int, head: string}
     * @param \Closure(int): T $native
     * @return T
     */
    private function call(#[\SensitiveParameter] \Closure $native): array
    {
        $this->open();
        try {
            $result = $native((int) $this->engine);
            if ($result['status'] === NativeLibrary::UNKNOWN_ENGINE) {
                $this->engine = null;
                $this->open();
                $result = $native((int) $this->engine);
            }
        } catch (OutboundException $refusal) {
            throw $refusal;
        } catch (\RuntimeException $failure) {
            throw self::told($failure);
        }
        return self::settled($result);
    }

    /**
     * @template T of array{status: int, head: string}
     * @param T $result
     * @return T of a response
     */
    private static function settled(array $result): array
    {
        $status = $result['status'];
        if ($status === NativeLibrary::FAILED) {
            $head = Wire::decode($result['head']);
            // The document of check() has a code and nothing else.
            $code = $head['code'] ?? null;
            throw is_string($code)
                ? OutboundException::create($code, 'the credentials of the request cannot be used')
                : OutboundException::fromWire($head);
        }
        return $status === NativeLibrary::OK ? $result : throw self::misused($status);
    }

    /**
     * The configuration with each key that has an id reduced to it; null if no key has one.
     *
     * @param array<string, mixed> $config
     * @return array<string, mixed>|null
     */
    private static function withoutMaterial(#[\SensitiveParameter] array $config): ?array
    {
        $keys = self::keys($config);
        $found = false;
        foreach ($keys as $index => $entry) {
            if (is_array($entry) && isset($entry['id'])) {
                $keys[$index] = ['id' => $entry['id']];
                $found = true;
            }
        }
        return $found ? array_replace($config, ['master_keys' => $keys]) : null;
    }

    /**
     * The configuration with each closure replaced by what it returns.
     *
     * @param array<string, mixed> $config
     * @return array<string, mixed>
     */
    private static function withMaterial(#[\SensitiveParameter] array $config): array
    {
        $keys = self::keys($config);
        foreach ($keys as $index => $entry) {
            $material = is_array($entry) ? ($entry['material'] ?? null) : null;
            if (is_array($entry) && $material instanceof \Closure) {
                unset($entry['material']);
                $keys[$index] = $entry + KeyMaterial::of($material);
            }
        }
        return $keys === [] ? $config : array_replace($config, ['master_keys' => $keys]);
    }

    /**
     * @param array<string, mixed> $config
     * @return array<mixed>
     */
    private static function keys(#[\SensitiveParameter] array $config): array
    {
        $keys = $config['master_keys'] ?? [];
        return is_array($keys) ? $keys : [];
    }

    /** The exception for NativeLibrary's failure; an exception of a signal handler is passed on unchanged. */
    private static function told(\RuntimeException $failure): \RuntimeException
    {
        return NativeLibrary::threw($failure) ? self::unavailable($failure->getMessage()) : $failure;
    }

    private static function unavailable(string $message): OutboundException
    {
        return OutboundException::create('configuration.transport_unavailable', $message);
    }

    private static function misused(int $status): OutboundException
    {
        return OutboundException::malformed('the library refused the form of the call, status ' . $status);
    }
}
