<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use Psr\Http\Message\ServerRequestInterface;

/**
 * Values that a browser has sent, in the type that is expected. A value of another type, or one that is not valid text, counts as
 * missing.
 *
 * @internal
 */
final class Input
{
    /**
     * The fields of a form that was sent by POST.
     *
     * @return array<mixed>
     */
    public static function fields(ServerRequestInterface $request): array
    {
        $body = $request->getParsedBody();
        return $request->getMethod() === 'POST' && is_array($body) ? $body : [];
    }

    /**
     * @param array<mixed> $fields
     */
    public static function text(array $fields, string $name): string
    {
        $value = $fields[$name] ?? '';
        return is_string($value) && mb_check_encoding($value, 'UTF-8') ? trim($value) : '';
    }

    /**
     * @param array<mixed> $fields
     */
    public static function number(array $fields, string $name): int
    {
        $value = $fields[$name] ?? 0;
        return is_numeric($value) ? (int) $value : 0;
    }
}
