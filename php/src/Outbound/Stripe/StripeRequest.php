<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stripe;

use Netresearch\NrVault\Outbound\Call\FormPart;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Stripe\Util\Util;

/**
 * A request as Stripe's SDK hands it to its HTTP client, brought into the form of a call.
 *
 * @internal
 */
final readonly class StripeRequest
{
    public string $method;
    public string $url;
    public bool $isV2;

    /** @var list<array{string, string}> without the idempotency key, and without the content type of a form with files */
    public array $headers;

    public ?string $idempotencyKey;

    /** @var array{body: string}|array{multipart: list<array{string, string|FormPart}>} options of the call */
    public array $body;

    /**
     * @param array<mixed> $headers "name: value"
     * @param array<mixed> $params
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(
        string $method,
        #[\SensitiveParameter] string $url,
        #[\SensitiveParameter] array $headers,
        #[\SensitiveParameter] array $params,
        bool $hasFile,
        string $apiMode,
    ) {
        $this->method = strtoupper($method);
        $this->isV2 = $apiMode === 'v2';
        $isPost = $this->method === 'POST';
        if ($hasFile && !$isPost) {
            throw OutboundException::malformed('only a POST of Stripe has files');
        }
        // A null of a version 2 request clears a field; elsewhere it says nothing.
        $params = Util::objectsToIds($params, $isPost && $this->isV2);
        $params = is_array($params) ? $params : [];
        $query = $isPost || $params === [] ? '' : Util::encodeParameters($params, $apiMode);
        $this->url = $query === '' ? $url : $url . (str_contains($url, '?') ? '&' : '?') . $query;
        $this->body = match (true) {
            $hasFile => ['multipart' => self::parts($params)],
            !$isPost || $params === [] => ['body' => ''],
            $this->isV2 => ['body' => self::json($params)],
            default => ['body' => Util::encodeParameters($params)],
        };
        [$this->headers, $this->idempotencyKey] = self::headers($headers, $hasFile);
    }

    /**
     * @param array<mixed> $lines
     * @return array{list<array{string, string}>, string|null}
     */
    private static function headers(#[\SensitiveParameter] array $lines, bool $hasFile): array
    {
        $headers = [];
        $key = null;
        foreach ($lines as $line) {
            $pair = is_string($line) ? explode(':', $line, 2) : [];
            if (!isset($pair[1])) {
                throw OutboundException::malformed('a header of Stripe is no "name: value"');
            }
            $name = strtolower($pair[0]);
            if ($name === 'idempotency-key') {
                $key = trim($pair[1]);
            } elseif ($name !== 'content-type' || !$hasFile) {
                $headers[] = [$pair[0], trim($pair[1])];
            }
        }
        return [$headers, $key];
    }

    /**
     * @param array<mixed> $params
     */
    private static function json(#[\SensitiveParameter] array $params): string
    {
        try {
            return json_encode($params, JSON_THROW_ON_ERROR);
        } catch (\JsonException) {
            throw OutboundException::malformed('the parameters cannot be written as JSON');
        }
    }

    /**
     * @param array<mixed> $params
     * @return list<array{string, string|FormPart}>
     */
    private static function parts(#[\SensitiveParameter] array $params): array
    {
        $parts = [];
        foreach (Util::flattenParams($params) as $pair) {
            [$name, $value] = is_array($pair) ? [$pair[0] ?? null, $pair[1] ?? null] : [null, null];
            if ($value instanceof \CURLFile) {
                $type = $value->getMimeType() === '' ? 'application/octet-stream' : $value->getMimeType();
                $filename = $value->getPostFilename() === '' ? null : $value->getPostFilename();
                $value = FormPart::file($value->getFilename(), $filename, $type);
            } elseif (is_bool($value)) {
                $value = $value ? 'true' : 'false';
            }
            if (!is_string($name) || (!is_scalar($value) && !$value instanceof FormPart)) {
                throw OutboundException::malformed('a parameter beside a file is no text, number, boolean or file');
            }
            $parts[] = [$name, is_scalar($value) ? (string) $value : $value];
        }
        return $parts;
    }
}
