<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\Text\Printable;

/**
 * The device authorization grant (RFC 8628): somebody consents on another device, and the token endpoint is asked until then.
 *
 * @internal
 */
final readonly class DeviceFlow
{
    private const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

    /** Seconds between requests where the server says nothing, and what slow_down adds (sections 3.2 and 3.5). */
    private const INTERVAL = 5;

    private const OWN = ['client_id', 'client_secret', 'scope'];

    /**
     * @param list<string> $scopes
     * @param list<array{string, string}> $parameters further ones of the device authorization request
     * @param \Closure(string): void $tell shows a line to whoever waits
     * @param \Closure(int): void $pause waits so many seconds
     * @throws UsageError
     */
    public function __construct(
        private string $deviceUrl,
        private string $tokenUrl,
        private array $scopes,
        private array $parameters,
        private \Closure $tell,
        private \Closure $pause,
    ) {
        foreach ($parameters as [$name]) {
            if (in_array($name, self::OWN, true)) {
                throw new UsageError('--parameter: ' . $name . ' is not for it to say.');
            }
        }
    }

    /**
     * @throws OutboundException
     */
    public function run(Endpoint $endpoint): EndpointAnswer
    {
        $fields = $this->scopes === [] ? [] : [['scope', new Secret(implode(' ', $this->scopes))]];
        foreach ($this->parameters as [$name, $value]) {
            $fields[] = [$name, new Secret($value)];
        }
        $device = $endpoint->post($this->deviceUrl, $fields);
        if (!$device->isGrant()) {
            throw $device->refusal('the device authorization endpoint');
        }
        $code = $device->secret('device_code');
        $expiry = $device->seconds('expires_in');
        // Google's name of it is older than the standard.
        $uri = $device->text('verification_uri') ?? $device->text('verification_url');
        $userCode = $device->text('user_code');
        if ($code === null || $expiry === null || $userCode === null || $uri === null || preg_match('{\Ahttps?://}', $uri) !== 1) {
            throw EndpointAnswer::invalid('device_code, user_code, verification_uri or expires_in is missing, or of another form');
        }
        ($this->tell)('Open ' . Printable::text($uri, 2000) . ' and enter the code ' . Printable::text($userCode, 200)
            . " within $expiry seconds.");
        $complete = $device->text('verification_uri_complete');
        if ($complete !== null && preg_match('{\Ahttps?://}', $complete) === 1) {
            ($this->tell)('With the code in it: ' . Printable::text($complete, 2000));
        }
        return $this->poll($endpoint, $code, $expiry, $device->seconds('interval') ?? self::INTERVAL);
    }

    private function poll(Endpoint $endpoint, Secret $code, int $expiry, int $interval): EndpointAnswer
    {
        $waited = 0;
        while (($waited += $interval) <= $expiry) {
            ($this->pause)($interval);
            try {
                $answer = $endpoint->post($this->tokenUrl, [
                    ['grant_type', new Secret(self::GRANT)],
                    ['device_code', new Secret($code->expose())],
                ]);
            } catch (OutboundException $failure) {
                if (!$failure->isRetryable()) {
                    throw $failure;
                }
                // Section 3.5: less often after a timeout.
                $interval *= 2;
                continue;
            }
            if ($answer->isGrant()) {
                return $answer;
            }
            match ($answer->error()) {
                'authorization_pending' => null,
                'slow_down' => $interval += self::INTERVAL,
                'access_denied' => throw OutboundException::create('oauth.consent_required', 'somebody has refused the consent', sent: 'yes'),
                'expired_token' => throw self::expired(),
                default => throw $answer->refusal('the token endpoint'),
            };
        }
        throw self::expired();
    }

    private static function expired(): OutboundException
    {
        return OutboundException::create('oauth.consent_required', 'nobody has consented before the code expired', sent: 'yes');
    }
}
