<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * The body of a form, application/x-www-form-urlencoded.
 *
 * @internal
 */
final class FormFields
{
    public const CONTENT_TYPE = 'application/x-www-form-urlencoded';

    /**
     * @param mixed $fields a map, encoded as http_build_query() does, or a list of pairs
     * @throws OutboundException invalid_request.malformed
     */
    public static function encode(#[\SensitiveParameter] mixed $fields): string
    {
        if (!is_array($fields)) {
            throw OutboundException::malformed('the option form_params is no array');
        }
        if (array_is_list($fields)) {
            $texts = [];
            foreach (Pairs::read($fields) ?? throw OutboundException::malformed('the form_params are a list, not of pairs') as [$name, $value]) {
                $texts[] = http_build_query([$name => $value], '', '&');
            }
            return implode('&', $texts);
        }
        array_walk_recursive($fields, static function (#[\SensitiveParameter] mixed $value): void {
            // http_build_query() would send the public properties of an object.
            if ($value !== null && !is_scalar($value)) {
                throw OutboundException::malformed('a value of form_params is no text, number or boolean: files go into multipart');
            }
        });
        return http_build_query($fields, '', '&');
    }
}
