<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Lists what a policy allows, in the message of a refusal. The content of a binding is never listed.
 *
 * @internal
 */
final class Listing
{
    /** More entries make a line unreadable. */
    private const MOST = 8;

    /** The maximum length of the list in bytes, whatever the number of its entries. */
    private const MOST_BYTES = 512;

    /**
     * A refusal that names the entries of the list, and the command with which one can try other values.
     *
     * @param list<string> $entries
     */
    public static function refusal(string $code, string $what, array $entries): OutboundException
    {
        $listed = [];
        $room = self::MOST_BYTES;
        foreach (array_slice($entries, 0, self::MOST) as $entry) {
            $room -= strlen($entry);
            if ($room < 0) {
                break;
            }
            $listed[] = '"' . $entry . '"';
        }
        $rest = count($entries) - count($listed);
        $more = match (true) {
            $entries === [] => ', which is empty',
            $rest === 0 => ': ' . implode(', ', $listed),
            $listed === [] => ', whose entries are too long to list',
            default => ': ' . implode(', ', $listed) . ' and ' . $rest . ' more',
        };
        return OutboundException::create(
            $code,
            $what . $more . '; secure-outbound explain tries a request without sending it',
        );
    }
}
