<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\BodySource;
use Netresearch\NrVault\Transport\Text\Names;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * The options of a call, checked. One that is null counts as absent.
 *
 * @internal
 */
final readonly class CallOptions
{
    private const NAMES = [
        'query', 'headers', 'json', 'body', 'form_params', 'multipart', 'timeout', 'idleTimeout', 'connectTimeout', 'idempotencyKey',
        'correlationId', 'cancel',
    ];

    /** Options of Guzzle that a caller cannot set here. */
    private const ELSEWHERE = [
        'allow_redirects' => "max_redirects of the service's policy",
        'auth' => "the service's list of credentials",
        'base_uri' => "the service's base_url",
        'cert' => 'tls of the configuration',
        'connect_timeout' => 'connectTimeout',
        'http_errors' => 'statusCode() of the response',
        'proxy' => 'proxy of the configuration',
        'sink' => 'request() of SecureHttpClient',
        'verify' => 'tls of the configuration',
    ];

    private const BODIES = ['json', 'body', 'form_params', 'multipart'];

    /** A day, which is also the maximum in the library's configuration. */
    private const MAX_TIMEOUT = 86400;

    /** As in the library: a value of another form is refused before it reaches a log. */
    private const CORRELATION_ID = '/\A[A-Za-z0-9._:-]{1,128}\z/';

    /**
     * @param list<array{string, string}> $query
     * @param list<array{string, string}> $headers
     * @param Multipart|null $form the body, if files have to be read for it
     * @param BodySource|null $source the body, if it is read while it is sent
     */
    private function __construct(
        #[\SensitiveParameter] public array $query,
        #[\SensitiveParameter] public array $headers,
        #[\SensitiveParameter] public string $body,
        public ?Multipart $form,
        public bool $isJson,
        public ?int $timeoutMs,
        #[\SensitiveParameter] public ?string $idempotencyKey,
        public ?BodySource $source,
        public ?int $idleTimeoutMs,
        public ?int $connectTimeoutMs,
        public ?CancellationSignal $signal,
    ) {
    }

    /** Whether only a transport that can have several calls at once can do it. */
    public function needsExchange(): bool
    {
        return $this->source !== null || $this->signal !== null;
    }

    /**
     * @param array<mixed> $options
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(#[\SensitiveParameter] array $options): self
    {
        $unknown = Names::unknown('the call', $options, self::NAMES, 'option', self::ELSEWHERE);
        if ($unknown !== null) {
            throw OutboundException::malformed($unknown . '; known are ' . implode(', ', self::NAMES));
        }
        [$headers, $body] = self::body($options, isset($options['headers']) ? HeaderPairs::read($options['headers']) : []);
        $key = $options['idempotencyKey'] ?? null;
        if ($key !== null && !is_string($key)) {
            throw OutboundException::malformed('the option idempotencyKey is no string');
        }
        if (isset($options['correlationId']) && self::correlationId($options) === null) {
            throw OutboundException::malformed('the option correlationId is not 1 to 128 of A-Z a-z 0-9 . _ : -');
        }
        return new self(
            self::query($options['query'] ?? []),
            $headers,
            is_string($body) ? $body : '',
            $body instanceof Multipart ? $body : null,
            isset($options['json']),
            self::timeout('timeout', $options['timeout'] ?? null),
            $key,
            $body instanceof BodySource ? $body : null,
            self::timeout('idleTimeout', $options['idleTimeout'] ?? null),
            self::timeout('connectTimeout', $options['connectTimeout'] ?? null),
            CancellationSignal::read($options['cancel'] ?? null),
        );
    }

    /**
     * The correlation id among the options, if it has a valid form.
     *
     * @param array<mixed> $options
     */
    public static function correlationId(#[\SensitiveParameter] array $options): ?string
    {
        $id = $options['correlationId'] ?? null;
        return is_string($id) && preg_match(self::CORRELATION_ID, $id) === 1 ? $id : null;
    }

    /**
     * @return list<array{string, string}>
     */
    private static function query(#[\SensitiveParameter] mixed $query): array
    {
        if (!is_array($query)) {
            throw OutboundException::malformed('the option query is no array');
        }
        if ($query === []) {
            return [];
        }
        if (array_is_list($query)) {
            return Pairs::read($query) ?? throw OutboundException::malformed('the query is a list, but not of pairs');
        }
        // http_build_query() defines the encoding of nested arrays, booleans and nulls. The pairs are decoded here, and the
        // library encodes them in the same way.
        $pairs = [];
        foreach (explode('&', http_build_query($query, '', '&', PHP_QUERY_RFC3986)) as $pair) {
            if ($pair !== '') {
                $parts = explode('=', $pair, 2);
                $pairs[] = [rawurldecode($parts[0]), rawurldecode($parts[1] ?? '')];
            }
        }
        return $pairs;
    }

    /**
     * @param array<mixed> $options
     * @param list<array{string, string}> $headers
     * @return array{list<array{string, string}>, string|Multipart|BodySource} the headers with the content type of a form, and the body
     */
    private static function body(
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] array $headers,
    ): array {
        $given = null;
        foreach (self::BODIES as $name) {
            if (!isset($options[$name])) {
                continue;
            }
            if ($given !== null) {
                throw OutboundException::malformed("the call has both $given and $name: one of them is the body");
            }
            $given = $name;
        }
        switch ($given) {
            case 'json':
                return [$headers, JsonBody::encode($options['json'])];
            case 'form_params':
                $type = HeaderPairs::has($headers, 'content-type') ? [] : [['content-type', FormFields::CONTENT_TYPE]];
                return [[...$headers, ...$type], FormFields::encode($options['form_params'])];
            case 'multipart':
                if (HeaderPairs::has($headers, 'content-type')) {
                    throw OutboundException::malformed('the call has multipart and the header content-type: leave the header out');
                }
                $form = Multipart::of($options['multipart']);
                return [[...$headers, ['content-type', $form->contentType]], $form];
        }
        $body = $options['body'] ?? '';
        return [$headers, is_string($body) ? $body : BodyStream::of($body)];
    }

    private static function timeout(string $name, mixed $seconds): ?int
    {
        if ($seconds === null) {
            return null;
        }
        if ((!is_int($seconds) && !is_float($seconds)) || is_nan($seconds) || $seconds <= 0) {
            throw OutboundException::malformed("the option $name is no number of seconds above 0");
        }
        return (int) ceil(min($seconds, self::MAX_TIMEOUT) * 1000);
    }
}
