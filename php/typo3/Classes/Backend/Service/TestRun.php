<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

use Netresearch\NrSecureOutbound\Backend\Amounts;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Service\SecureHttpClientInterface;

/**
 * Makes the test call that is set in a service's row, in the same way as any other call, and tells its result.
 *
 * @internal
 */
final readonly class TestRun
{
    /** Bytes of a body that are shown. */
    public const EXCERPT = 2048;

    public function __construct(private SecureHttpClientInterface $client)
    {
    }

    /**
     * @return array<string, mixed> for the template; empty if the row has no test call
     */
    public function of(ServiceDefinition $service): array
    {
        if ($service->test === null) {
            return [];
        }
        try {
            $response = $this->client->request($service->id, $service->test->method, $service->test->path);
        } catch (OutboundException $failure) {
            return [
                'isAnswered' => false,
                'reason' => $failure->reason(),
                'code' => $failure->errorCode(),
                'record' => self::record($failure->auditRecord() ?? []),
            ];
        }
        $entry = $response->audit();
        $duration = $entry->record['duration_us'];
        return [
            'isAnswered' => true,
            'isOk' => $response->statusCode() < 400,
            'status' => $response->statusCode(),
            'duration' => $duration === null ? '' : Amounts::duration($duration),
            'type' => $response->header('content-type') ?? '',
            'excerpt' => self::excerpt($response->body()),
            'isCut' => strlen($response->body()) > self::EXCERPT,
            'size' => Amounts::size(strlen($response->body())),
            'record' => self::record($entry->toArray()),
        ];
    }

    /**
     * Valid text, whatever the bytes are: each character that cannot be shown, or that would change the order of the text around
     * it, becomes a replacement character.
     */
    public static function excerpt(string $body): string
    {
        $isText = mb_check_encoding($body, 'UTF-8');
        $cut = $isText ? mb_strcut($body, 0, self::EXCERPT, 'UTF-8') : substr($body, 0, self::EXCERPT);
        return preg_replace('/[^\P{C}\n\t]/u', "\u{FFFD}", str_replace("\r\n", "\n", mb_scrub($cut, 'UTF-8'))) ?? '';
    }

    /**
     * @param array<string, string|int|bool|list<string>|null> $record
     * @return array<string, string> the known values, by their names in the record
     */
    private static function record(array $record): array
    {
        $texts = [];
        foreach ($record as $name => $value) {
            $text = match (true) {
                is_bool($value) => $value ? 'true' : 'false',
                is_array($value) => implode(', ', $value),
                default => (string) $value,
            };
            if ($text !== '') {
                $texts[$name] = $text;
            }
        }
        return $texts;
    }
}
