<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Net;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Uses getaddrinfo, so that the hosts file and NSS apply as for every other program. It blocks, and PHP cannot end it early.
 *
 * @internal
 */
final class SystemResolver implements Resolver
{
    /** The messages of C libraries for a name that does not exist or has no address: EAI_NONAME and EAI_NODATA. */
    private const UNKNOWN_NAME = [
        'Name or service not known',
        'No address associated with hostname',
        'Name does not resolve',
        'Name has no usable address',
    ];

    public function lookup(string $name, Deadline $deadline): array
    {
        $begun = hrtime(true);
        $hints = ['ai_socktype' => SOCK_STREAM];
        $entries = Quiet::call(static fn () => socket_addrinfo_lookup($name, null, $hints));
        if ($entries === false) {
            $spent = intdiv(hrtime(true) - $begun, 1_000_000);
            throw $spent < $deadline->left() && self::isUnknown($name)
                ? OutboundException::create('dns.not_found', "the host's name does not exist")
                : self::failed("the host's name could not be resolved; look at the system's resolver");
        }
        $addresses = [];
        foreach ($entries as $entry) {
            $found = socket_addrinfo_explain($entry)['ai_addr'] ?? null;
            $text = is_array($found) ? $found['sin_addr'] ?? $found['sin6_addr'] ?? null : null;
            $text = is_string($text) ? $text : '';
            $address = Address::parse($text) ?? throw self::failed('the resolver gave an address that cannot be read');
            $addresses[$text] = $address;
        }
        return array_values($addresses);
    }

    /**
     * socket_addrinfo_lookup() does not return the reason, so a second lookup is made with a function that does. To connect a UDP
     * socket sends nothing.
     */
    private static function isUnknown(string $name): bool
    {
        $message = '';
        $connect = static function () use ($name, &$message) {
            return stream_socket_client('udp://' . $name . ':9', $number, $message, 1);
        };
        $socket = self::untranslated(static function () use ($connect, &$warnings) {
            return Quiet::call($connect, $warnings);
        });
        if ($socket !== false) {
            fclose($socket);
            return false;
        }
        $reason = $message . ' ' . $warnings;
        foreach (self::UNKNOWN_NAME as $text) {
            if (str_contains($reason, $text)) {
                return true;
            }
        }
        return false;
    }

    /**
     * In the locale "C" the messages of the C library are not translated. If setlocale() is disabled, PHP has no other locale.
     *
     * @template T
     * @param \Closure(): T $call
     * @return T
     */
    private static function untranslated(\Closure $call): mixed
    {
        if (!function_exists('setlocale')) {
            return $call();
        }
        $locale = setlocale(LC_MESSAGES, '0');
        setlocale(LC_MESSAGES, 'C');
        try {
            return $call();
        } finally {
            setlocale(LC_MESSAGES, $locale === false ? 'C' : $locale);
        }
    }

    private static function failed(string $message): OutboundException
    {
        return OutboundException::create('dns.failed', $message);
    }
}
