<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * Prepares a body for the secrets that go into its fields. nr-vault is less strict than the library: it takes a body without a
 * Content-Type for a form, and overwrites a field that exists already.
 *
 * @internal
 */
final readonly class BodyFields
{
    public const NO_OBJECT = 'a secret goes into a field of the body, which is no JSON object';
    public const NO_JSON = 'a secret goes into a field of the body, which is no JSON';

    public function __construct(private StreamFactoryInterface $streams)
    {
    }

    /**
     * @param list<string> $fields
     * @throws OutboundException invalid_request.malformed
     */
    public function without(array $fields, #[\SensitiveParameter] RequestInterface $request): RequestInterface
    {
        if ($fields === []) {
            return $request;
        }
        $type = $request->getHeaderLine('Content-Type');
        $body = (string) $request->getBody();
        if ($type === '') {
            $request = $request->withHeader('Content-Type', 'application/x-www-form-urlencoded');
        }
        $isJson = str_contains(strtolower($type), 'application/json');
        $cleared = $isJson ? self::json($body, $fields) : self::form($body, $fields);
        return $request->withBody($this->streams->createStream($cleared));
    }

    /**
     * @param list<string> $fields
     */
    private static function json(#[\SensitiveParameter] string $body, array $fields): string
    {
        $trimmed = trim($body);
        if ($trimmed === '') {
            return '';
        }
        $object = json_decode($trimmed, true);
        if ($trimmed[0] !== '{') {
            throw OutboundException::malformed(self::NO_OBJECT);
        }
        if (!is_array($object)) {
            throw OutboundException::malformed(self::NO_JSON);
        }
        if ($object !== [] && array_is_list($object)) {
            throw OutboundException::malformed(self::NO_OBJECT);
        }
        $left = array_diff_key($object, array_flip($fields));
        return match (true) {
            count($left) === count($object) => $body,
            $left === [] => '{}',
            default => json_encode($left, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION),
        };
    }

    /**
     * @param list<string> $fields
     */
    private static function form(#[\SensitiveParameter] string $body, array $fields): string
    {
        $pairs = explode('&', $body);
        $left = array_filter(
            $pairs,
            static fn (string $pair): bool => !in_array(urldecode(explode('=', $pair, 2)[0]), $fields, true),
        );
        return implode('&', $left);
    }
}
